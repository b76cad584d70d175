package cli

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Version is printed by `postern --version`.
const Version = "0.1.0"

// Server is a running Postern, as `up` and `demo` see it.
type Server interface {
	// Connection tells how clients of this host reach it, as its root user.
	Connection() Connection
	// Join is the address, host:port, at which machines that are not instances join over WireGuard.
	Join() string
	// Missing names, in one plain line each, what this host lacks for instances; empty means that they work.
	Missing() []string
	// Done is closed when the server has stopped by itself; Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close stops everything and leaves nothing behind but the data directory.
	Close() error
}

// StartOptions say how a server is to run.
type StartOptions struct {
	// DataDir keeps the state; empty keeps it in memory, and nothing on the disk afterwards.
	DataDir string
	// Database is the URL of the PostgreSQL database that keeps the state in place of a file in DataDir; it is a secret.
	Database string
	// Listen and WireGuard are the addresses (host:port, TCP and UDP) of the public API and of joining machines.
	Listen, WireGuard string
	Region            string
	// Account is the number of the account, 12 digits; empty is the data directory's, or in a new one the server's
	// default.
	Account string
	// Organization is the id of the organization that all accounts are in, or the path to them; empty leaves what the
	// state has, and "none" takes them out.
	Organization string
	// DefaultVPC makes the account's default VPC in Region, unless it is there.
	DefaultVPC bool
	// Agent is the path of the postern-agent binary.
	Agent string
	// ObjectStore is the path of the postern-s3 binary.
	ObjectStore string
	// S3 is an S3 service that keeps the objects instead; without an Endpoint there is none.
	S3 ExternalS3
	// HostTargets are the addresses and ports of this host that endpoint services may lead to.
	HostTargets []netip.AddrPort
	// PublicRange holds the public addresses to give out, Internet what gateways lead to of this host's network.
	PublicRange netip.Prefix
	Internet    []netip.Prefix
	// VerifyDNS is the name server (address:port) that proves the private names of endpoint services.
	VerifyDNS string
	// IAMQuotas are sizes and numbers of policies other than Amazon's defaults, each NAME=NUMBER.
	IAMQuotas []string
	// ReturnWindow bounds how long a node whose channel closed may take to come back before it is ConnectionLost;
	// 0 means the server's default.
	ReturnWindow time.Duration
	// Ephemeral keeps the state in memory and lets this host empty it by POST /_postern/reset. TestCredentials, with
	// Ephemeral only, gives the root user a key that everybody knows.
	Ephemeral, TestCredentials bool
	// AllowHosts are names by which clients reach the server, beside those that it knows; AllowOrigins are web pages
	// that may send requests. AllowHostImages lets the key of TestCredentials make images of this host's paths.
	AllowHosts, AllowOrigins []string
	AllowHostImages          bool
	// AfterReset makes again, after a reset, what the server began with, and says what that is; nil makes nothing.
	AfterReset func(context.Context) (string, error)
	Log        *slog.Logger
}

// ExternalS3 is an S3 service elsewhere. Its credentials are the key, or those in the file.
type ExternalS3 struct {
	Endpoint, Region, BucketPrefix, CredentialsFile string
	// AccessKey, Secret and Token are secrets.
	AccessKey, Secret, Token string
}

// Options hold what the command needs from outside.
type Options struct {
	Args           []string
	Stdout, Stderr io.Writer
	// Start starts a server in this process.
	Start func(context.Context, StartOptions) (Server, error)
	// Admin opens a data directory without a server; database is the URL of the one that keeps its state, empty for none.
	Admin func(ctx context.Context, dataDir, database string) (Admin, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Run runs one command and returns the process's exit code: 0, and what failure.go has for the rest.
func Run(ctx context.Context, o Options) int {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &app{options: o}
	root := a.command()
	root.SetArgs(o.Args)
	root.SetOut(o.Stdout)
	root.SetErr(o.Stderr)
	if cmd, err := root.ExecuteContextC(ctx); err != nil {
		return a.tell(cmd, err)
	}
	return 0
}

// app holds what the commands share: the flags that all of them have.
type app struct {
	options Options
	dataDir string
	// dataGiven says that --data was typed, and not found in the environment.
	dataGiven bool
	profile   string
	output    string
	// endpoint is the server that the command speaks to, once that is known.
	endpoint string
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:     "postern",
		Short:   "AWS Systems Manager on a private network that you run yourself",
		Version: Version,
		Long: "AWS Systems Manager on a private network that you run yourself.\n\n" +
			"Exit codes: 0 it was done, 1 it failed or the answer is no, 2 it was typed wrong, 3 no server\n" +
			"answers. `run` and `aws` end with the exit code of what they ran.",
		SilenceUsage:  true,
		SilenceErrors: true,
		// `postern --data DIR aws …` has flags of its own before the command and none after it.
		TraverseChildren: true,
	}
	group(root)
	root.PersistentFlags().StringVar(&a.dataDir, "data", defaultDataDir(),
		"directory that keeps the state, also $POSTERN_DATA; given here, it goes before AWS_ENDPOINT_URL")
	root.PersistentFlags().StringVar(&a.profile, "profile", "",
		"profile of the AWS configuration that names the server, also $AWS_PROFILE")
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "how answers are printed: text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		a.dataGiven = cmd.Root().PersistentFlags().Changed("data")
		return checkOutput(cmd, a.output)
	}
	root.AddCommand(
		a.demoCommand(), a.upCommand(), a.envCommand(), a.statusCommand(), a.nodesCommand(), a.explainCommand(),
		a.accountCommand(), a.adminCommand(), a.doctorCommand(), a.guardCommand(), a.runCommand(),
		a.waitCommand(), a.imageCommand(), a.agentCommand(),
		a.attachCommand(), a.awsCommand(), a.configureCommand(), a.versionCommand(),
	)
	complete(root, "output", "text", "json")
	return root
}

func defaultDataDir() string {
	if dir := os.Getenv("POSTERN_DATA"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "postern")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "postern-data"
	}
	return filepath.Join(home, ".local", "share", "postern")
}

func (a *app) json() bool { return a.output == "json" }

// checkOutput refuses a form of answers that the command does not have.
func checkOutput(cmd *cobra.Command, form string) error {
	forms := []string{"text", "json"}
	if cmd.Name() == doctorName {
		forms = append(forms, "sarif", "junit")
	}
	if slices.Contains(forms, form) {
		return nil
	}
	last := len(forms) - 1
	return mistyped("--output %q: must be %s or %s", form, strings.Join(forms[:last], ", "), forms[last])
}
