package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/aws/postern"
)

func (a *app) guardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Manage service control policies: what nobody in an account may do, whoever allows it",
		Long: "Manage service control policies. One of every account and one of each account limit all users and\n" +
			"roles in it, and its root user, as those of an organization do on AWS: each has to allow what\n" +
			"somebody does. They limit neither service-linked roles nor this command.",
		Example: "  postern guard put guard.json\n" +
			"  postern guard put --account 111122223333 guard.json\n" +
			"  postern guard list\n" +
			"  postern guard delete --account 111122223333",
	}
	group(cmd)
	cmd.AddCommand(a.guardPutCommand(), a.guardListCommand(), a.guardDeleteCommand())
	return cmd
}

func (a *app) guardPutCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "put FILE",
		Short: "Put a service control policy into force, in the place of the one that is there",
		Args:  takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			_, err = cl.postern.PutGuard(cmd.Context(), &postern.PutGuardInput{Account: account, Policy: string(text)})
			return err
		},
	}
	guardedAccount(cmd, &account)
	return cmd
}

func (a *app) guardDeleteCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Take a service control policy out of force",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			_, err = cl.postern.DeleteGuard(cmd.Context(), &postern.DeleteGuardInput{Account: account})
			return err
		},
	}
	guardedAccount(cmd, &account)
	return cmd
}

func guardedAccount(cmd *cobra.Command, account *string) {
	cmd.Flags().StringVar(account, "account", "", "account that the policy limits (default every account)")
}

func (a *app) guardListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the service control policies that are in force",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			out, err := cl.postern.ListGuards(cmd.Context(), &postern.ListGuardsInput{})
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(out.Guards)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tUPDATED\tPOLICY")
			for _, g := range out.Guards {
				account := g.Account
				if account == "" {
					account = "every"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", account, g.Updated, plainLine(g.Policy))
			}
			return w.Flush()
		},
	}
}
