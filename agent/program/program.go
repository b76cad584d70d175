// Package program is the postern-agent command: its verbs and flags.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"postern/agent"
	"postern/agent/pid1"
	"postern/aws/fault"
	"postern/network/link/userstack"
)

// Version holds the version that the agent reports: four numbers, set by the linker for a release.
var Version = "0.1.0.0"

const usage = `postern-agent is the agent of a managed node.

  postern-agent run    work as this node's agent: an instance's, or the one that join registered
  postern-agent join   join a private network with an activation, register, and run
  postern-agent init   be the first process of an instance (only for the instance itself)

postern-agent VERB -h lists the flags of a verb.
`

// Main runs the command and returns its exit status: 0, 1 for a failure, 2 for a mistake in the arguments.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A node's memory is the node's: collect early, and give back what is not used.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	small := make(chan struct{})
	keep, done := context.WithCancel(ctx)
	go func() {
		defer close(small)
		keepSmall(keep)
	}()
	defer func() { done(); <-small }()
	c := command{stdout: os.Stdout, stderr: os.Stderr}
	c.program = ownPath()
	if name := filepath.Base(os.Args[0]); slices.Contains(pid1.PowerCommands, name) {
		return c.power(name, args)
	}
	return c.main(ctx, args)
}

// ownPath returns where this program is, "" where that is not known: then there are no updates. That is the link by
// which it was started, which an update replaces, rather than what that leads to, which may not be the node's own.
func ownPath() string {
	path, err := os.Executable()
	if err != nil || !filepath.IsAbs(os.Args[0]) {
		return path
	}
	started, err := os.Stat(os.Args[0])
	if err != nil {
		return path
	}
	if own, err := os.Stat(path); err == nil && os.SameFile(started, own) {
		return os.Args[0]
	}
	return path
}

type command struct {
	stdout, stderr io.Writer
	// program is the path of this program, options are what the verb works with.
	program string
	options *options
}

func (c *command) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(c.stderr, usage)
		return 2
	}
	var err error
	switch args[0] {
	case "run":
		err = c.run(ctx, args[1:])
	case "join":
		err = c.join(ctx, args[1:])
	case "init":
		return c.init(args[1:])
	case "version", "--version", "-version":
		fmt.Fprintln(c.stdout, "postern-agent "+Version)
	case "help", "-h", "--help":
		fmt.Fprint(c.stdout, usage)
	default:
		fmt.Fprintf(c.stderr, "postern-agent: there is no verb %q\n\n%s", args[0], usage)
		return 2
	}
	if errors.Is(err, agent.ErrRestart) {
		err = c.again(ctx)
	}
	var bad mistake
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &bad):
		fmt.Fprintf(c.stderr, "postern-agent %s: %v\n", args[0], err)
		return 2
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintf(c.stderr, "postern-agent %s: stopped\n", args[0])
		return 1
	default:
		fmt.Fprintf(c.stderr, "postern-agent %s: %s\n", args[0], fault.Text(err))
		return 1
	}
}

// A mistake is one in the arguments.
type mistake string

func (m mistake) Error() string { return string(m) }

// options are the flags that several verbs have.
type options struct {
	dir      string
	verbose  bool
	endpoint string
	trial    bool
}

func (c *command) flags(verb string, o *options) *flag.FlagSet {
	f := flag.NewFlagSet("postern-agent "+verb, flag.ContinueOnError)
	f.SetOutput(c.stderr)
	c.options = o
	f.StringVar(&o.dir, "state", defaultDir(), "`directory` of what the agent keeps, readable by this user only")
	f.BoolVar(&o.verbose, "v", false, "log more")
	return f
}

// parse reads the flags. The state directory becomes an absolute path: what the agent starts works in other
// directories.
func (o *options) parse(f *flag.FlagSet, args []string) (err error) {
	if err := parse(f, args); err != nil {
		return err
	}
	o.dir, err = filepath.Abs(o.dir)
	return err
}

func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return mistake("see -h")
	}
	if f.NArg() > 0 {
		return mistake(fmt.Sprintf("unexpected argument %q", f.Arg(0)))
	}
	return nil
}

// defaultDir is /var/lib/postern-agent for root, and the user's own state directory for others.
func defaultDir() string {
	if dir := os.Getenv("POSTERN_AGENT_STATE"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/postern-agent"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return dir + "/postern-agent"
	}
	return os.Getenv("HOME") + "/.local/state/postern-agent"
}

func (c *command) log(o *options) *slog.Logger {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: level}))
	userstack.LogTo(log)
	return log
}

// power turns the instance off or boots it again: the program was started as shutdown, reboot, poweroff or halt.
func (c *command) power(name string, args []string) int {
	p, do, err := pid1.ParsePower(name, args, time.Now())
	if err == nil && do {
		err = pid1.Ask(p)
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

func (c *command) init(args []string) int {
	var p pid1.Config
	f := flag.NewFlagSet("postern-agent init", flag.ContinueOnError)
	f.SetOutput(c.stderr)
	f.StringVar(&p.Instance, "instance", "", "the instance's `id`")
	f.StringVar(&p.UserData, "user-data", "", "`file` with the user data")
	f.StringVar(&p.Files, "write-files", "", "`file` with a list of files to write")
	if err := f.Parse(args); err != nil {
		return 2
	}
	p.Agent = f.Args()
	return pid1.Run(p)
}

// run works with the registration that join made, and without one as an instance.
func (c *command) run(ctx context.Context, args []string) error {
	var o options
	f := c.flags("run", &o)
	f.StringVar(&o.endpoint, "endpoint", os.Getenv("POSTERN_ENDPOINT"),
		"`URL` of the services instead of Amazon's names; {service} and {region} in it are replaced")
	f.BoolVar(&o.trial, "trial", false, "end when the node has come online, as an update asks of a new program")
	if err := o.parse(f, args); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	err := c.resume(ctx, &o)
	if !errors.Is(err, agent.ErrNotRegistered) {
		return err
	}
	a := &agent.Agent{
		Identity: &agent.EC2{Dir: o.dir}, Dir: o.dir, Version: Version, Log: c.log(&o), Endpoint: o.endpoints(),
		Program: c.program, Trial: o.trial,
	}
	return a.Run(ctx)
}

// endpoints is nil where the services have Amazon's names.
func (o *options) endpoints() func(service, region string) string {
	if o.endpoint == "" {
		return nil
	}
	return func(service, region string) string {
		return strings.TrimSuffix(strings.NewReplacer("{service}", service, "{region}", region).Replace(o.endpoint), "/")
	}
}
