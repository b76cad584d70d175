package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"postern/aws/fault"
	"postern/network/link/tunnel"
)

type attachFlags struct {
	activation, code, server, subnet, state string
	wireGuard, shared                       bool
}

func (a *app) attachCommand() *cobra.Command {
	var flags attachFlags
	cmd := &cobra.Command{
		Use:   "attach [flags] [-- COMMAND…]",
		Short: "Put unmodified software of this machine into a private network",
		Long: "Join the private network with an activation and run a command whose only network is an interface in\n" +
			"it, with the VPC's resolver and Postern's CA set up: in namespaces of its own, and no root is needed\n" +
			"where user namespaces are available. Without a command it runs a shell. With --wireguard it prints a\n" +
			"standard WireGuard configuration instead, which holds a private key.\n\n" +
			"What is touched: the command sees this machine's files and runs as the same user, but what it\n" +
			"writes, anywhere, goes to the directory beside the file of --state that has its name and .files at\n" +
			"its end, and is there again the next time. It sees no processes but its own, and all of them end\n" +
			"with it, or with attach, however that ends. With --shared it works on this machine's own files and\n" +
			"among its processes, and what it starts may outlive it: an agent then writes users, files in /etc\n" +
			"and /var and credentials in the home directory, and ends other agents of this machine.\n\n" +
			"The exit code is the command's own: 127 if there is no such command, 126 if it cannot be run, 128\n" +
			"and the signal's number if it was killed.",
		Example: "  postern attach --activation ID --code CODE --server postern.example:51820 -- amazon-ssm-agent\n" +
			"  postern attach --state ./here -- curl https://ssm.us-east-1.amazonaws.com/",
		RunE: flags.attach,
	}
	cmd.Flags().StringVar(&flags.activation, "activation", "", "the activation's id; needed the first time")
	cmd.Flags().StringVar(&flags.code, "code", "",
		"the activation's code, or $POSTERN_ACTIVATION_CODE, which other users do not see")
	cmd.Flags().StringVar(&flags.server, "server", "", "host[:port] (UDP) of the server; needed the first time")
	cmd.Flags().StringVar(&flags.subnet, "subnet", "",
		"subnet that the activation must let this machine into, or it does not join")
	cmd.Flags().StringVar(&flags.state, "state", filepath.Join(defaultDataDir(), "attached.json"),
		"file that keeps the tunnel's configuration; it holds a private key")
	cmd.Flags().BoolVar(&flags.shared, "shared", false,
		"share this machine's files and processes with the command, instead of keeping what it writes apart")
	cmd.Flags().BoolVar(&flags.wireGuard, "wireguard", false, "print a WireGuard configuration and end")
	return cmd
}

func (f *attachFlags) attach(cmd *cobra.Command, args []string) error {
	config, err := f.tunnel(cmd.Context(), func(why string) { fmt.Fprintln(cmd.ErrOrStderr(), "postern attach: "+why) })
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
	options := tunnel.AttachOptions{
		Command: args, Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
		Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if !f.shared {
		if options.Layer, err = filepath.Abs(strings.TrimSuffix(f.state, ".json") + ".files"); err != nil {
			return err
		}
	}
	ctx, stop := untilTold(cmd.Context())
	defer stop()
	return exitCode(cmd, tunnel.Attach(ctx, config, options))
}

// untilTold ends its context when this program is told to end. What is typed on a terminal is the command's: the
// terminal tells it as well.
func untilTold(ctx context.Context) (context.Context, context.CancelFunc) {
	typed := make(chan os.Signal, 1)
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		signal.Notify(typed, os.Interrupt, syscall.SIGQUIT)
	} else {
		signals = append(signals, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	return ctx, func() { stop(); signal.Stop(typed) }
}

// exitCode ends this command as the one that was attached has ended.
func exitCode(cmd *cobra.Command, err error) error {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return ended(exit.ExitCode())
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return ended(signalled + int(status.Signal()))
		}
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Denied):
		fmt.Fprintf(cmd.ErrOrStderr(), "postern: %s\n", fault.Text(err))
		if fault.Is(err, fault.Denied) {
			return ended(notRun)
		}
		return ended(notFound)
	}
	return err
}

// Exit codes as shells have them.
const (
	notRun    = 126
	notFound  = 127
	signalled = 128
)

// tunnel returns the configuration that is kept, or with an activation a new one, which it keeps from then on.
func (f *attachFlags) tunnel(ctx context.Context, waiting func(why string)) (*tunnel.Config, error) {
	if f.activation == "" {
		return f.kept()
	}
	if f.code == "" {
		f.code = os.Getenv("POSTERN_ACTIVATION_CODE")
	}
	if f.code == "" || f.server == "" {
		return nil, mistyped("--code (or POSTERN_ACTIVATION_CODE) and --server are needed beside --activation")
	}
	config, err := tunnel.Join(ctx,
		tunnel.JoinConfig{Server: f.server, Activation: f.activation, Code: f.code, Subnet: f.subnet, Waiting: waiting})
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
		return nil, mistyped("this machine has not joined: name --activation, --code and --server (there is no %s)", f.state)
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
