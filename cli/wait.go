package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	ssmtypes "postern/aws/service/ssm/types"
)

// waitPoll sets the interval between two looks at a state that is waited for.
const waitPoll = 100 * time.Millisecond

func (a *app) waitCommand() *cobra.Command {
	timeout := duration(time.Minute)
	cmd := &cobra.Command{
		Use:   "wait [NODE | tag:KEY=VALUE]…",
		Short: "Wait until the server answers, and nodes are Online",
		Long: "Wait until the server answers, and then until each node that is named (i-…, mi-…) is Online, and at\n" +
			"least one with each tag that is named, and all that have it. Exit code 1 means that the time was up,\n" +
			"3 that no server had answered by then.",
		Example: "  postern up --ephemeral --sample &\n" +
			"  postern wait tag:Name=postern-sample\n" +
			"  postern wait --timeout 5m i-0123456789abcdef0",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				tag := strings.HasPrefix(arg, "tag:") && strings.Contains(arg, "=")
				if !tag && !strings.HasPrefix(arg, "i-") && !strings.HasPrefix(arg, "mi-") {
					return mistyped("%q: write a node as i-… or mi-…, and a tag as tag:KEY=VALUE", arg)
				}
			}
			ctx, stop := untilStopped(cmd.Context())
			defer stop()
			bounded, cancel := context.WithTimeout(ctx, time.Duration(timeout))
			defer cancel()
			err := a.wait(bounded, args)
			if ctx.Err() != nil {
				return context.Canceled
			}
			if err == nil && a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]bool{"ready": true})
			}
			return err
		},
		ValidArgsFunction: a.nodeValues,
	}
	cmd.Flags().Var(&timeout, "timeout", "how long to wait, seconds or 90s, 5m")
	return cmd
}

// untilStopped returns a context that ends with Ctrl-C or SIGTERM.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// wait returns when all is there. When ctx ends it says what was missing when the server answered last, and whether it
// has gone since; or that it never answered.
func (a *app) wait(ctx context.Context, wanted []string) error {
	var notOnline, silent error // from the last look that was answered, and from those since that were not
	for {
		missing, err := a.missing(ctx, wanted)
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case err == nil:
			notOnline, silent = fmt.Errorf("not Online in time: %s", strings.Join(missing, ", ")), nil
		case !waitable(err):
			return err
		case !over(ctx): // a look that the end of the time cut off tells nothing
			silent = err
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
			return a.timeUp(notOnline, silent)
		}
	}
}

// over reports whether the time of a context is up. Connections hold to its deadline themselves, and may end before it.
func over(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && !time.Now().Before(deadline)
}

// timeUp returns what wait ends with.
func (a *app) timeUp(notOnline, silent error) error {
	switch {
	case notOnline != nil && silent != nil:
		return fmt.Errorf("%w; then %s", notOnline, describe(silent, a.endpoint).Message)
	case notOnline != nil:
		return notOnline
	case silent != nil:
		return silent
	}
	return &noAnswerError{a.endpoint}
}

// waitable reports whether time may mend an error: there is no server yet, or no answer from it.
func waitable(err error) bool {
	var none *noConnectionError
	return errors.As(err, &none) || !otherAuthority(err) && unreachable(err) || errors.Is(err, context.DeadlineExceeded)
}

// missing returns the wanted nodes and tags that are not Online.
func (a *app) missing(ctx context.Context, wanted []string) ([]string, error) {
	c, err := a.connection()
	if err != nil {
		return nil, err
	}
	if !answers(ctx, c.Endpoint) { // without an SDK's own tries and waits
		return nil, &noAnswerError{c.Endpoint}
	}
	cl, err := c.clients()
	if err != nil {
		return nil, err
	}
	nodes, err := listNodes(ctx, cl)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, want := range wanted {
		fits := func(n managedNode) bool { return n.ID == want }
		if tag, ok := strings.CutPrefix(want, "tag:"); ok {
			key, value, _ := strings.Cut(tag, "=")
			fits = func(n managedNode) bool { v, has := n.Tags[key]; return has && v == value }
		}
		found := slices.ContainsFunc(nodes, fits)
		if !found {
			missing = append(missing, want)
		}
		for _, n := range nodes {
			if fits(n) && n.Ping != string(ssmtypes.PingStatusOnline) && n.State != "terminated" && n.State != "shutting-down" {
				missing = append(missing, n.ID)
			}
		}
	}
	return missing, nil
}
