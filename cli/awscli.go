package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// cliPatience bounds how long the AWS CLI may take to print its version, and answerPatience a server to answer.
const (
	cliPatience    = 5 * time.Second
	answerPatience = time.Second
)

func (a *app) awsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "aws ARGUMENTS…",
		Short: "Run the AWS CLI of this machine against Postern",
		Long: "Run the AWS CLI that PATH has, whatever its age, against Postern: with its address, CA, region and\n" +
			"key, and no profile. Flags of postern itself (--data, --profile) stand before the word aws. The exit\n" +
			"code is the AWS CLI's.",
		Example: "  postern aws ssm describe-instance-information\n" +
			"  postern --data ./lab aws ec2 describe-vpcs",
		// What follows is the AWS CLI's, its flags too.
		DisableFlagParsing: true,
		Annotations:        map[string]string{likeSSH: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			c, err := a.connection()
			if err != nil {
				return err
			}
			path, err := exec.LookPath("aws")
			if err != nil {
				return fmt.Errorf("the AWS CLI is not on PATH: install it (Debian: awscli), or use another of its kind after " +
					"eval \"$(postern env)\"")
			}
			return runAWS(cmd, path, c, args)
		},
	}
}

func runAWS(cmd *cobra.Command, path string, c Connection, args []string) error {
	// Those before 2.13 and 1.29 do not know AWS_ENDPOINT_URL and would call Amazon; the flag is known to all of them.
	child := exec.Command(path, append([]string{"--endpoint-url", c.Endpoint}, args...)...)
	child.Env = append(without(os.Environ(), foreign), c.environment()...)
	child.Stdin, child.Stdout, child.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	// Ctrl-C reaches the AWS CLI too, and ends it: what it says then is still passed on.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	err := child.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return ended(128 + int(status.Signal()))
		}
		return ended(exit.ExitCode())
	}
	return err
}

// foreign are variables that would lead AWS tools to somebody else, or sign with another's session.
var foreign = []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}

// without returns the environment less some variables, and less those that name an endpoint for one service.
func without(environment, names []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name) || strings.HasPrefix(name, "AWS_ENDPOINT_URL_")
	})
}

var cliVersion = regexp.MustCompile(`^aws-cli/(\d+)\.(\d+)\.`)

// KnowsEndpointURL reports whether an AWS CLI of this version text reads AWS_ENDPOINT_URL and endpoint_url. What it
// cannot read it takes for a new one.
func KnowsEndpointURL(version string) bool {
	m := cliVersion.FindStringSubmatch(version)
	if m == nil {
		return true
	}
	major, _ := strconv.Atoi(m[1]) // digits, as the pattern has it
	minor, _ := strconv.Atoi(m[2])
	switch major {
	case 1:
		return minor >= 29
	case 2:
		return minor >= 13
	}
	return major > 2
}

// oldCLI returns the version of the AWS CLI on PATH where it is too old, and empty where it is not, or where there is
// none.
func oldCLI(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, cliPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "aws", "--version").CombinedOutput()
	if err != nil || KnowsEndpointURL(string(out)) {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return version
}

// answers reports whether something listens at an endpoint.
func answers(ctx context.Context, endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// warn prints what keeps AWS tools from the server: that it does not answer, or that the AWS CLI is too old to find it.
func (a *app) warn(cmd *cobra.Command, c Connection) {
	if !answers(cmd.Context(), c.Endpoint) {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: no Postern answers at %s: start it with postern up\n", c.Endpoint)
	}
	if old := oldCLI(cmd.Context()); old != "" {
		fmt.Fprintf(cmd.ErrOrStderr(),
			"warning: %s does not know AWS_ENDPOINT_URL and endpoint_url and would call Amazon with Postern's key: "+
				"use postern aws …, or an AWS CLI from 2.13 or 1.29 on\n", old)
	}
}
