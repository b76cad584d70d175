package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"postern/aws/fault"
	"postern/aws/postern"
)

// Admin is a data directory without a server.
type Admin interface {
	// ResetKey makes another access key of an account's root user, the own account's where account is empty, and returns
	// how many others it made inactive.
	ResetKey(ctx context.Context, account string, deactivate bool) (*postern.ResetKeyOutput, error)
	// RotateSealKey seals all secrets with a new key and returns how many.
	RotateSealKey(ctx context.Context) (int, error)
	// RotateCA makes a new certificate authority beside the old one, which ForgetCA ends the trust in.
	RotateCA() error
	ForgetCA() (int, error)
	Close() error
}

func (a *app) adminCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Recover the administrator's key, and rotate the keys of the data directory",
		Long: "Recover the administrator's key, and rotate the keys of the data directory. Whoever owns the data\n" +
			"directory may do this; no access key is needed. With a database, name it as postern up does.",
		Example: "  postern admin reset-key --deactivate-others\n" +
			"  postern admin rotate seal-key\n" +
			"  postern admin rotate ca",
	}
	group(cmd)
	rotate := &cobra.Command{Use: "rotate", Short: "Put another key in the place of one in the data directory"}
	group(rotate)
	rotate.AddCommand(a.rotateSealKeyCommand(), a.rotateCACommand())
	cmd.AddCommand(a.resetKeyCommand(), rotate)
	return cmd
}

// administer opens the data directory for one command.
func (a *app) administer(cmd *cobra.Command, f *serverFlags, do func(Admin) error) (err error) {
	url, err := f.databaseURL()
	if err != nil {
		return err
	}
	admin, err := a.options.Admin(cmd.Context(), a.dataDir, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	return do(admin)
}

func databaseFlag(cmd *cobra.Command, f *serverFlags) {
	cmd.Flags().StringVar(&f.database, "database", "",
		"PostgreSQL database that keeps the state, as of postern up; with a password in it, set POSTERN_DATABASE instead")
}

func (a *app) resetKeyCommand() *cobra.Command {
	var flags serverFlags
	var in postern.ResetKeyInput
	cmd := &cobra.Command{
		Use:   "reset-key",
		Short: "Make another access key of an account's root user, and print it",
		Long: "Make another access key of an account's root user, and print it; its secret is not shown again. Works\n" +
			"on the data directory, and through the server that runs on it. The own account's key is kept there,\n" +
			"for postern env.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var made *postern.ResetKeyOutput
			err := a.administer(cmd, &flags, func(admin Admin) (err error) {
				made, err = admin.ResetKey(cmd.Context(), in.Account, in.Deactivate)
				return err
			})
			if fault.Is(err, fault.Conflict) { // a server runs on it, unless it does not answer either
				byServer, failed := a.resetByServer(cmd.Context(), &in)
				if failed != nil {
					return errors.Join(err, failed)
				}
				made, err = byServer, nil
			}
			if err != nil {
				return err
			}
			if err := a.keepRootKey(made); err != nil {
				return err
			}
			return a.tellKey(cmd, made)
		},
	}
	cmd.Flags().StringVar(&in.Account, "account", "", "number of the account (default the data directory's own)")
	cmd.Flags().BoolVar(&in.Deactivate, "deactivate-others", false, "make the root user's other keys inactive")
	databaseFlag(cmd, &flags)
	return cmd
}

// resetByServer asks the server that runs on the data directory.
func (a *app) resetByServer(ctx context.Context, in *postern.ResetKeyInput) (*postern.ResetKeyOutput, error) {
	c, err := a.kept()
	if err != nil {
		return nil, err
	}
	cl, err := c.clients()
	if err != nil {
		return nil, err
	}
	return cl.postern.ResetKey(ctx, in)
}

// keepRootKey puts the own account's new key into the connection that the last server has left.
func (a *app) keepRootKey(made *postern.ResetKeyOutput) error {
	c, err := a.kept()
	var none *noConnectionError
	switch {
	case errors.As(err, &none) || errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case c.Account != made.Account:
		return nil
	}
	c.AccessKeyID, c.SecretAccessKey = made.AccessKeyId, made.SecretAccessKey
	return c.save(a.dataDir)
}

func (a *app) tellKey(cmd *cobra.Command, made *postern.ResetKeyOutput) error {
	out := cmd.OutOrStdout()
	if a.json() {
		return json.NewEncoder(out).Encode(made)
	}
	fmt.Fprintf(out, "account %s: the root user has another access key; %d others were made inactive\n", made.Account,
		made.Deactivated)
	fmt.Fprintf(out, "access key id %s\nsecret access key %s\n", made.AccessKeyId, made.SecretAccessKey)
	return nil
}

func (a *app) rotateSealKeyCommand() *cobra.Command {
	var flags serverFlags
	cmd := &cobra.Command{
		Use:   "seal-key",
		Short: "Seal all secrets with a new key; the server must not run",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.administer(cmd, &flags, func(admin Admin) error {
				n, err := admin.RotateSealKey(cmd.Context())
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d secrets are sealed with a new key; all sessions end\n", n)
				fmt.Fprintln(cmd.OutOrStdout(), "other servers of the same database need a copy of seal.key")
				return nil
			})
		},
	}
	databaseFlag(cmd, &flags)
	return cmd
}

func (a *app) rotateCACommand() *cobra.Command {
	var flags serverFlags
	var forget bool
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Make a new certificate authority; the server must not run",
		Long: "Make a new certificate authority, which signs from the next start on. The old one stays trusted by\n" +
			"who takes ca-certificate.pem from now on, until --forget-previous. Instances take it when they boot;\n" +
			"clients that hold a copy of the file, and joined machines, need the new one before they can connect.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.administer(cmd, &flags, func(admin Admin) error {
				if forget {
					n, err := admin.ForgetCA()
					if err == nil {
						fmt.Fprintf(cmd.OutOrStdout(), "%d earlier certificate authorities are no longer trusted\n", n)
					}
					return err
				}
				if err := admin.RotateCA(); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), "a new certificate authority signs from the next start on; "+
					"distribute ca-certificate.pem, which holds both:\n"+
					"  to clients that hold a copy (AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS); postern env names the file itself\n"+
					"  to joined and attached machines: join or attach them again\n"+
					"  to other servers of the same database: copy ca.pem\n"+
					"then: postern admin rotate ca --forget-previous")
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&forget, "forget-previous", false,
		"make no new one, and end the trust in those before the present one")
	databaseFlag(cmd, &flags)
	return cmd
}
