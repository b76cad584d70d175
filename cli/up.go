package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	ssmtypes "postern/aws/service/ssm/types"
)

// serverFlags are the flags of the commands that start a server.
type serverFlags struct {
	listen, wireGuard, region, agent, objectStore string
	verbose                                       bool
	returnWindow                                  duration
	hostTargets                                   addresses
	verifyDNS                                     string
	publicRange, internet                         ranges
	iamQuotas                                     []string
	account                                       string
	organization                                  string
	defaultVPC                                    bool
	// ephemeral keeps the state in memory; testCredentials gives its root user a key that everybody knows.
	ephemeral, testCredentials bool
	// allowHosts and allowOrigins widen what requests are answered; allowHostImages what the known key may read.
	allowHosts, allowOrigins []string
	allowHostImages          bool
	database                 string
	s3                       ExternalS3
}

// add defines the flags; the fields' present values are the defaults.
func (f *serverFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.listen, "listen", f.listen, "address of the AWS API, host:port")
	cmd.Flags().StringVar(&f.wireGuard, "wireguard", f.wireGuard, "UDP address where machines join, host:port")
	cmd.Flags().StringVar(&f.region, "region", "us-east-1", "region of the sample network and of clients' settings")
	cmd.Flags().StringVar(&f.agent, "agent", "",
		"postern-agent binary for instances (default $POSTERN_AGENT, else beside this program)")
	cmd.Flags().StringVar(&f.objectStore, "s3-program", "",
		"postern-s3 binary, which keeps the objects of S3 (default $POSTERN_S3, else beside this program)")
	cmd.Flags().Var(&f.returnWindow, "return-window", "how long a node may be away before it is ConnectionLost")
	cmd.Flags().Var(&f.hostTargets, "host-target",
		"address of this host that VPC endpoint services may lead to, address:port; may be given several times")
	cmd.Flags().StringVar(&f.verifyDNS, "verify-dns", "",
		"name server, address:port, that proves the private names of VPC endpoint services")
	cmd.Flags().Var(&f.publicRange, "public-range",
		"where public addresses are taken from, CIDR /8 to /20 (default 198.18.0.0/15)")
	cmd.Flags().Var(&f.internet, "internet",
		"what Internet and NAT gateways lead to of this host's network, CIDR, such as 0.0.0.0/0 (default nothing); may be "+
			"given several times")
	cmd.Flags().StringSliceVar(&f.iamQuotas, "iam-quota", nil,
		"quota of IAM other than Amazon's default, NAME=NUMBER: user-inline=2048, group-inline=5120, role-inline=10240, "+
			"managed=6144, trust=2048 (characters), attached=10; may be given several times")
	cmd.Flags().StringSliceVar(&f.allowHosts, "allow-host", nil,
		"name by which clients of this host reach this server over plain HTTP, beside localhost, this host's own name and "+
			"AWS's; may be given several times")
	cmd.Flags().StringSliceVar(&f.allowOrigins, "allow-origin", nil,
		"web page that may send requests, as an origin such as http://localhost:3000 (default none); may be given several "+
			"times")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log every request")
}

func (f *serverFlags) options(dataDir string, logTo io.Writer) StartOptions {
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelInfo
	}
	return StartOptions{
		DataDir: dataDir, Listen: f.listen, WireGuard: f.wireGuard, Region: f.region, Agent: f.agentPath(),
		ObjectStore:  program("postern-s3", f.objectStore, "POSTERN_S3"),
		ReturnWindow: time.Duration(f.returnWindow), HostTargets: f.hostTargets, VerifyDNS: f.verifyDNS,
		PublicRange: f.publicRange.last(), Internet: f.internet, IAMQuotas: f.iamQuotas,
		AllowHosts: f.allowHosts, AllowOrigins: f.allowOrigins, AllowHostImages: f.allowHostImages,
		Log: slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: level})),
	}
}

// upOptions returns the options with those that `up` alone has.
func (f *serverFlags) upOptions(dataDir string, logTo io.Writer) (o StartOptions, err error) {
	o = f.options(dataDir, logTo)
	if o.Database, err = f.databaseURL(); err != nil {
		return o, err
	}
	o.S3, err = f.externalS3()
	o.Account, o.Organization, o.DefaultVPC = f.account, f.organization, f.defaultVPC
	o.Ephemeral, o.TestCredentials = f.ephemeral, f.testCredentials
	return o, err
}

func (f *serverFlags) agentPath() string { return program("postern-agent", f.agent, "POSTERN_AGENT") }

// program returns the path of another program of Postern: a flag's, the environment's, or else beside this one.
func program(name, flag, variable string) string {
	if path := cmp.Or(flag, os.Getenv(variable)); path != "" {
		if absolute, err := filepath.Abs(path); err == nil {
			return absolute
		}
		return path
	}
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

func (a *app) upCommand() *cobra.Command {
	flags := serverFlags{listen: "127.0.0.1:4566", wireGuard: "127.0.0.1:51820", returnWindow: duration(30 * time.Second)}
	var withSample bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run Postern in the foreground until Ctrl-C",
		Long: "Run Postern in the foreground until Ctrl-C. The state is kept in the data directory: the next start\n" +
			"continues with the same network and the same nodes. `postern wait` waits until it answers; GET\n" +
			"/_postern/health says that it does. With --ephemeral, POST /_postern/reset from this host empties\n" +
			"it, and makes the sample again with --sample.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.up(ctx, cmd, &flags, withSample)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.ephemeral, "ephemeral", false,
		"keep the state in memory, and nothing on the disk afterwards; POST /_postern/reset from this host empties it, "+
			"but for the sample")
	cmd.Flags().BoolVar(&flags.testCredentials, "test-credentials", false,
		"with --ephemeral, on loopback only: the root user's key is test, its secret test")
	cmd.Flags().BoolVar(&flags.allowHostImages, "allow-host-images", false,
		"with --test-credentials: images may be made of paths of this host, by whoever reaches its loopback")
	cmd.Flags().StringVar(&flags.account, "account", "",
		"number of the account, 12 digits; a data directory keeps that of its first start (default 000000000000)")
	cmd.Flags().StringVar(&flags.organization, "organization", "",
		"organization that all accounts are in, as policies see it: its id, such as o-exampleorgid, or the path to them, "+
			"o-exampleorgid/r-ab12/ou-ab12-11111111/; kept until another one, or none, is given")
	cmd.Flags().BoolVar(&flags.defaultVPC, "default-vpc", false,
		"make the account's default VPC in --region, unless it is there")
	cmd.Flags().StringVar(&flags.database, "database", "",
		"PostgreSQL database that keeps the state, postgres://USER@HOST/DATABASE, with the password in ~/.pgpass; with one "+
			"in it, set POSTERN_DATABASE instead (default a file in the data directory)")
	flags.addS3(cmd)
	cmd.Flags().BoolVar(&withSample, "sample", false, "make the sample network and a node in it, unless they are there")
	return cmd
}

// databaseVariable is the environment variable that may hold a database's URL with a password in it.
const databaseVariable = "POSTERN_DATABASE"

// databaseURL returns the URL of the database that keeps the state, empty for none. It comes from the flag or from the
// environment, and leaves the environment, which the processes that this one starts inherit.
func (f *serverFlags) databaseURL() (string, error) {
	fromEnvironment := os.Getenv(databaseVariable)
	if err := os.Unsetenv(databaseVariable); err != nil {
		return "", err
	}
	switch {
	case f.database == "" && f.ephemeral:
		return "", nil // it keeps its state in memory, whatever other servers of this user do
	case f.database == "":
		return fromEnvironment, nil
	case hasPassword(f.database):
		return "", mistyped("--database: whoever lists this host's processes sees a password that stands in a flag: set %s "+
			"to the URL, or leave the password out and keep it in ~/.pgpass", databaseVariable)
	}
	return f.database, nil
}

// hasPassword reports whether a database's URL, or a list of keywords and values as libpq takes it, has a password.
// What cannot be read is taken to have one, so that no message repeats it.
func hasPassword(text string) bool {
	if !strings.Contains(text, "://") {
		return passwordKeyword.MatchString(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password") || u.Query().Has("sslpassword")
}

var passwordKeyword = regexp.MustCompile(`(?i)\b(ssl)?password\s*=`)

func (a *app) up(ctx context.Context, cmd *cobra.Command, flags *serverFlags, withSample bool) (err error) {
	dataDir := a.dataDir
	switch {
	case flags.ephemeral:
		dataDir = ""
	case flags.testCredentials:
		return mistyped("--test-credentials: a key that everybody knows is for --ephemeral only")
	}
	options, err := flags.upOptions(dataDir, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	var server Server
	if flags.ephemeral && withSample {
		options.AfterReset = func(ctx context.Context) (string, error) {
			s, err := makeSample(ctx, server)
			return strings.Join(s.lines(), "; "), err
		}
	}
	if flags.testCredentials {
		fmt.Fprintln(cmd.ErrOrStderr(),
			"warning: --test-credentials: whoever reaches this host's loopback is the root user, with access key test and "+
				"secret test")
	}
	if server, err = a.options.Start(ctx, options); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	connection := server.Connection()
	forget, err := a.publish(connection, flags.ephemeral)
	if err != nil {
		return err
	}
	defer forget()
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Postern answers at %s, region %s, account %s\n", connection.Endpoint, connection.Region,
		connection.Account)
	fmt.Fprintf(out, "machines join at %s (UDP)\n", server.Join())
	for _, line := range server.Missing() {
		fmt.Fprintf(out, "instances cannot run here: %s\n", line)
	}
	var s sample
	if withSample {
		if s, err = makeSample(ctx, server); err != nil {
			return err
		}
		for _, line := range s.lines() {
			fmt.Fprintln(out, line)
		}
	}
	fmt.Fprintf(out,
		"\nin another shell:  eval \"$(%s env%s)\" && aws ssm describe-instance-information\nstop with Ctrl-C\n", os.Args[0],
		a.dataFlag())
	online := make(chan struct{})
	watching, unwatch := context.WithCancel(ctx)
	go func() {
		defer close(online)
		s.sayOnline(watching, out)
	}()
	defer func() { unwatch(); <-online }()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "stopping")
		return nil
	case <-server.Done():
		return server.Err()
	}
}

// publish leaves the connection for other commands of the same user. An ephemeral server's is gone when it ends.
func (a *app) publish(c Connection, ephemeral bool) (forget func(), err error) {
	if err := os.MkdirAll(a.dataDir, 0o700); err != nil {
		return nil, err
	}
	forget = func() {}
	if ephemeral {
		release, err := a.claim()
		if err != nil {
			return nil, err
		}
		forget = func() {
			_ = os.Remove(filepath.Join(a.dataDir, connectionFile)) // it names a server that is gone
			_ = os.Remove(a.dataDir)                                // unless something else is in it
			release()
		}
	}
	if err := c.save(a.dataDir); err != nil {
		forget()
		return nil, fmt.Errorf("write %s: %w", connectionFile, err)
	}
	return forget, nil
}

// claim locks the data directory as a server does that keeps its state there. An ephemeral one has only its
// connection in it, and would put it in the place of another's.
func (a *app) claim() (release func(), err error) {
	dir, err := os.Open(a.dataDir)
	if err != nil {
		return nil, err
	}
	// A file system that locks no directories (NFS) leaves them unlocked.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		dir.Close()
		return nil, fmt.Errorf("another postern is running on the data directory %s; stop it or choose another with --data",
			a.dataDir)
	}
	return func() {
		// A child that is being started shares the file until execve(2): closing alone would not unlock it.
		_ = unix.Flock(int(dir.Fd()), unix.LOCK_UN)
		dir.Close()
	}, nil
}

// dataFlag returns the flag that another invocation needs to find the same data directory.
func (a *app) dataFlag() string {
	if a.dataDir == defaultDataDir() && !a.dataGiven {
		return ""
	}
	return " --data " + shellQuote(a.dataDir)
}

// makeSample makes the sample network and, where instances can run, a node in it, unless they are there.
func makeSample(ctx context.Context, server Server) (sample, error) {
	s := sample{region: server.Connection().Region}
	var err error
	if s.clients, err = server.Connection().clients(); err != nil {
		return s, err
	}
	if err := s.ensureNetwork(ctx); err != nil {
		return s, fmt.Errorf("make the sample network: %w", err)
	}
	if len(server.Missing()) > 0 {
		return s, nil
	}
	if err := s.ensureInstance(ctx); err != nil {
		return s, fmt.Errorf("start the sample node: %w", err)
	}
	return s, nil
}

// lines say what the sample consists of, for people who go on to change it.
func (s *sample) lines() []string {
	lines := []string{
		"sample network: " + s.vpc + ", subnets " + strings.Join(s.subnets, " "),
		"sample groups: " + s.endpointGroup + " (" + sampleName + "-endpoints), " + s.nodeGroup + " (" + sampleName +
			"-nodes)",
	}
	if s.instance != "" {
		lines = append(lines, "sample node: "+s.instance)
	}
	return lines
}

// sayOnline waits until the sample's node is Online, and says so. It ends with ctx.
func (s *sample) sayOnline(ctx context.Context, out io.Writer) {
	if s.instance == "" {
		return
	}
	began := time.Now()
	for {
		nodes, err := registered(ctx, s.clients, string(ssmtypes.PingStatusOnline))
		if err == nil && slices.ContainsFunc(nodes, func(n managedNode) bool { return n.ID == s.instance }) {
			fmt.Fprintf(out, "sample node %s is Online after %.1f s\n", s.instance, time.Since(began).Seconds())
			return
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
			return
		}
	}
}
