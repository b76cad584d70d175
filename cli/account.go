package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/aws/postern"
)

func (a *app) accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Make and list accounts",
		Long: "Make and list the accounts of this Postern. Each has a root user of its own, and sees nothing of\n" +
			"another one that is not shared with it: by a role that it may assume, an endpoint service whose\n" +
			"permissions name it, or a VPC peering that both have agreed to.",
		Example: "  postern account create --id 111122223333 --alias team-b --save-profile team-b\n" +
			"  aws --profile team-b sts get-caller-identity\n" +
			"  postern account list",
	}
	group(cmd)
	cmd.AddCommand(a.accountCreateCommand(), a.accountListCommand())
	return cmd
}

func (a *app) accountCreateCommand() *cobra.Command {
	var in postern.CreateAccountInput
	var profile string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an account, and print the access key of its root user",
		Long: "Make an account, and print the access key of its root user. The secret is printed this once and\n" +
			"cannot be had again; with --save-profile it goes into a profile of the AWS tools instead, which\n" +
			"postern env --profile NAME reads as well.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if profile != "" && !profileName.MatchString(profile) {
				return mistyped("--save-profile %q: must be 1-64 letters, digits, dots, dashes, underscores, @ or +", profile)
			}
			cl, c, err := a.open()
			if err != nil {
				return err
			}
			out, err := cl.postern.CreateAccount(cmd.Context(), &in)
			if err != nil {
				return err
			}
			if profile != "" {
				if err := keepKey(profile, c, out); err != nil {
					return err
				}
			}
			return a.tellAccount(cmd, out, profile)
		},
	}
	cmd.Flags().StringVar(&in.Id, "id", "", "the account's number, 12 digits (default one by chance)")
	cmd.Flags().StringVar(&in.Alias, "alias", "", "the account's alias: 3 to 63 small letters, digits and dashes")
	cmd.Flags().StringVar(&profile, "save-profile", "",
		"write the key into this profile of the AWS tools, and do not print it")
	return cmd
}

// keepKey writes the key of a new account into a profile, and takes its secret out of what is printed.
func keepKey(profile string, c Connection, made *postern.CreateAccountOutput) error {
	c.Account, c.AccessKeyID, c.SecretAccessKey = made.Account.Id, made.AccessKeyId, made.SecretAccessKey
	c.SessionToken = ""
	made.SecretAccessKey = ""
	if err := writeProfile(profile, c, false); err != nil {
		return fmt.Errorf("account %s was made, and its key is not kept: postern admin reset-key --account %s makes "+
			"another: %w", c.Account, c.Account, err)
	}
	return nil
}

// tellAccount prints a new account and its key.
func (a *app) tellAccount(cmd *cobra.Command, made *postern.CreateAccountOutput, profile string) error {
	out := cmd.OutOrStdout()
	if a.json() {
		return json.NewEncoder(out).Encode(made)
	}
	fmt.Fprintf(out, "account %s\naccess key id %s\n", made.Account.Id, made.AccessKeyId)
	if profile != "" {
		fmt.Fprintf(out, "profile %s has its key: aws --profile %s sts get-caller-identity\n", profile, profile)
		return nil
	}
	fmt.Fprintf(out, "secret access key %s\n", made.SecretAccessKey)
	fmt.Fprintln(cmd.ErrOrStderr(), "the secret is not shown again")
	return nil
}

func (a *app) accountListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the accounts",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			out, err := cl.postern.ListAccounts(cmd.Context(), &postern.ListAccountsInput{})
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(out.Accounts)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tALIAS\tCREATED")
			for _, one := range out.Accounts {
				fmt.Fprintf(w, "%s\t%s\t%s\n", one.Id, one.Alias, one.Created)
			}
			return w.Flush()
		},
	}
}
