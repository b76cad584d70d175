package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/network/link/tunnel"
)

type attachFlags struct {
	activation, code, server, subnet, state string
	wireGuard                               bool
}

func (a *app) attachCommand() *cobra.Command {
	var flags attachFlags
	cmd := &cobra.Command{
		Use:   "attach [flags] [-- COMMAND…]",
		Short: "Put unmodified software of this machine into a private network",
		Long: "Join the private network with an activation and run a command whose only network is a TUN into it, with the\n" +
			"VPC's resolver and Postern's CA set up: in namespaces of its own, so that the rest of this machine is not touched\n" +
			"and no root is needed where user namespaces are available. Without a command it runs a shell. With --wireguard it\n" +
			"prints a standard WireGuard configuration instead, which holds a private key.",
		Example: "  postern attach --activation ID --code CODE --server postern.example:51820 -- amazon-ssm-agent\n" +
			"  postern attach --state ./here -- curl https://ssm.us-east-1.amazonaws.com/",
		RunE: flags.attach,
	}
	cmd.Flags().StringVar(&flags.activation, "activation", "", "the activation's id; needed the first time")
	cmd.Flags().StringVar(&flags.code, "code", "", "the activation's code, or $POSTERN_ACTIVATION_CODE, which other users do not see")
	cmd.Flags().StringVar(&flags.server, "server", "", "host[:port] (UDP) of the server; needed the first time")
	cmd.Flags().StringVar(&flags.subnet, "subnet", "", "subnet that the activation must let this machine into, or it does not join")
	cmd.Flags().StringVar(&flags.state, "state", filepath.Join(defaultDataDir(), "attached.json"), "file that keeps the road; it holds a private key")
	cmd.Flags().BoolVar(&flags.wireGuard, "wireguard", false, "print a WireGuard configuration and end")
	return cmd
}

func (f *attachFlags) attach(cmd *cobra.Command, args []string) error {
	config, err := f.road(cmd.Context())
	if err != nil {
		return err
	}
	if f.wireGuard {
		_, err := fmt.Fprint(cmd.OutOrStdout(), config.WireGuardINI())
		return err
	}
	if len(args) == 0 {
		args = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			args[0] = shell
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "attached to %s in %s as %s\n", config.Grant.Subnet, config.Grant.VPC, config.Local())
	err = tunnel.Attach(cmd.Context(), config, tunnel.AttachOptions{
		Command: args, Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
	})
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return errSilent
	}
	return err
}

// road is the one that is kept, or with an activation a new one, which is kept from then on.
func (f *attachFlags) road(ctx context.Context) (*tunnel.Config, error) {
	if f.activation == "" {
		return f.kept()
	}
	if f.code == "" {
		f.code = os.Getenv("POSTERN_ACTIVATION_CODE")
	}
	if f.code == "" || f.server == "" {
		return nil, errors.New("--code and --server are needed beside --activation")
	}
	config, err := tunnel.Join(ctx, tunnel.JoinConfig{Server: f.server, Activation: f.activation, Code: f.code, Subnet: f.subnet})
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(f.state), 0o700); err != nil {
		return nil, err
	}
	return config, os.WriteFile(f.state, append(text, '\n'), 0o600)
}

func (f *attachFlags) kept() (*tunnel.Config, error) {
	text, err := os.ReadFile(f.state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this machine has not joined: name --activation, --code and --server (there is no %s)", f.state)
	}
	if err != nil {
		return nil, err
	}
	var config tunnel.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.state, err)
	}
	return &config, config.Validate()
}
