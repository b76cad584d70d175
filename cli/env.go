package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables that make AWS tools speak to Postern",
		Long: "Print shell commands that set the variables which the AWS CLI, the SDKs and Terraform read.\n" +
			`Use it as: eval "$(postern env)". It prints a secret: the access key of Postern's root user.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
				return json.NewEncoder(cmd.OutOrStdout()).Encode(vars)
			}
			for _, v := range c.environment() {
				name, value, _ := strings.Cut(v, "=")
				fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", name, shellQuote(value))
			}
			// A token of another session would be sent with our key and be refused.
			if c.SessionToken == "" {
				fmt.Fprintln(cmd.OutOrStdout(), "unset AWS_SESSION_TOKEN AWS_PROFILE")
			}
			return nil
		},
	}
}
