package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) envCommand() *cobra.Command {
	var unset bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the variables that make AWS tools speak to Postern",
		Long: "Print shell commands that set the variables which the AWS CLI (from 2.13 or 1.29 on; `postern aws`\n" +
			"takes older ones), the SDKs, Node.js and Terraform read. Use it as: eval \"$(postern env)\", and eval\n" +
			"\"$(postern env --unset)\" to be rid of them. It prints a secret: the access key of Postern's root\n" +
			"user. `postern configure` writes a profile instead.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if unset {
				fmt.Fprintln(out, "unset "+strings.Join(variables(Connection{SessionToken: "-"}), " "))
				return nil
			}
			c, err := a.connection()
			if err != nil {
				return err
			}
			if a.json() {
				vars := map[string]string{}
				for _, v := range c.environment() {
					name, value, _ := strings.Cut(v, "=")
					vars[name] = value
				}
				return json.NewEncoder(out).Encode(vars)
			}
			for _, v := range c.environment() {
				name, value, _ := strings.Cut(v, "=")
				fmt.Fprintf(out, "export %s=%s\n", name, shellQuote(value))
			}
			// A token of another session would be sent with our key and be refused.
			if c.SessionToken == "" {
				fmt.Fprintln(out, "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE")
			}
			a.warn(cmd, c)
			return nil
		},
	}
	cmd.Flags().BoolVar(&unset, "unset", false, "print what takes the variables away again")
	return cmd
}

// variables returns the names of those that a connection sets.
func variables(c Connection) (names []string) {
	for _, v := range c.environment() {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	return names
}
