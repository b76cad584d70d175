package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
)

// How often a command's invocations are asked for: quickly at first, because most commands are short.
const (
	firstPoll   = 20 * time.Millisecond
	slowestPoll = time.Second
)

// Bounds of a command's time, and how much longer than that an answer is awaited: the node's own end of it comes first.
const (
	shortestRun  = 5 * time.Second
	longestRun   = 48 * time.Hour
	shortestWait = 30 * time.Second // that a command may wait for its node
	timeoutGrace = 5 * time.Second
	cancelTime   = 10 * time.Second
	absenceAfter = 300 * time.Millisecond // most commands are done by then
	absenceEvery = 10 * time.Second
)

type runFlags struct {
	instances []string
	targets   []string
	timeout   duration
	document  string
}

func (a *app) runCommand() *cobra.Command {
	flags := runFlags{timeout: duration(time.Hour)}
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND…",
		Short: "Run a command on nodes, show their progress and group equal output",
		Long: "Run a shell command on nodes, show their progress and group equal output. Ctrl-C cancels it on all\n" +
			"of them, a second Ctrl-C leaves it to itself. Time that runs out cancels it too.\n\n" +
			"Exit codes, as ssh has them: that of the command where it ran on one node; with several nodes 0 if\n" +
			"it succeeded on all and 1 if not; 255 where it was not run to its end (unreachable, timed out, no\n" +
			"server, typed wrong); 130 after Ctrl-C.",
		Example: "  postern run --instance i-0123456789abcdef0 -- uptime\n" +
			"  postern run --target tag:Role=web -- 'systemctl is-active nginx'\n" +
			"  postern run --target InstanceIds=i-0123456789abcdef0,mi-0123456789abcdef0 --timeout 2m -- reboot-check",
		Args:        takes(1, -1),
		Annotations: map[string]string{likeSSH: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			return a.run(cmd, cl, &flags, strings.Join(args, " "))
		},
	}
	cmd.Flags().StringSliceVarP(&flags.instances, "instance", "i", nil,
		"node to run on (i-… or mi-…); may be repeated")
	cmd.Flags().StringArrayVarP(&flags.targets, "target", "t", nil,
		"nodes by tag, tag:KEY=VALUE[,VALUE], by a tag's key, tag-key=KEY, or by id, InstanceIds=ID[,ID]; may be repeated")
	cmd.Flags().Var(&flags.timeout, "timeout", "how long it may take, seconds or 90s, 5m, 2h (5s–48h)")
	cmd.Flags().StringVar(&flags.document, "document", "AWS-RunShellScript",
		"document to run; it takes the command as its parameter commands")
	a.completeNodes(cmd, "instance")
	a.completeDocuments(cmd, "document")
	return cmd
}

func (f *runFlags) input(command string) (*ssm.SendCommandInput, error) {
	timeout := time.Duration(f.timeout)
	if timeout < shortestRun || timeout > longestRun {
		return nil, mistyped("--timeout %v: must be from 5s to 48h", timeout)
	}
	in := &ssm.SendCommandInput{
		DocumentName: aws.String(f.document),
		InstanceIds:  f.instances,
		Parameters: map[string][]string{
			"commands": {command}, "executionTimeout": {strconv.Itoa(int(timeout.Seconds()))},
		},
		// An absent node is not waited for longer than the command may take.
		TimeoutSeconds: aws.Int32(int32(max(timeout, shortestWait).Seconds())),
	}
	for _, id := range f.instances {
		if !strings.HasPrefix(id, "i-") && !strings.HasPrefix(id, "mi-") {
			return nil, mistyped("--instance %q: write the node's id, i-… or mi-…; postern nodes lists them", id)
		}
	}
	for _, target := range f.targets {
		key, values, ok := strings.Cut(target, "=")
		if !ok || key != "InstanceIds" && key != "tag-key" && !strings.HasPrefix(key, "tag:") {
			return nil, mistyped("--target %q: write it as tag:KEY=VALUE, tag-key=KEY or InstanceIds=ID", target)
		}
		in.Targets = append(in.Targets, ssmtypes.Target{Key: aws.String(key), Values: strings.Split(values, ",")})
	}
	if len(in.InstanceIds) == 0 && len(in.Targets) == 0 {
		return nil, mistyped("which nodes? Name them with --instance or --target")
	}
	if len(in.InstanceIds) > 0 && len(in.Targets) > 0 {
		return nil, mistyped("--instance and --target cannot both be given: --target InstanceIds=ID names nodes too")
	}
	return in, nil
}

func (a *app) run(cmd *cobra.Command, cl *clients, flags *runFlags, command string) error {
	in, err := flags.input(command)
	if err != nil {
		return err
	}
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	sent, err := cl.ssm.SendCommand(cmd.Context(), in)
	if err != nil {
		return err
	}
	r := &running{
		clients:    cl,
		id:         aws.ToString(sent.Command.CommandId),
		progress:   io.Discard,
		interrupts: interrupts,
		now:        a.options.Now,
		expectedBy: a.options.Now().Add(time.Duration(flags.timeout) + timeoutGrace),
	}
	if !a.json() {
		r.progress = cmd.ErrOrStderr()
	}
	fmt.Fprintf(r.progress, "command %s\n", r.id)
	invocations, err := r.follow(cmd.Context())
	if err != nil {
		return err
	}
	results, err := collect(cmd.Context(), cl, invocations)
	if err != nil {
		return err
	}
	if a.json() {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(results)
	} else {
		printGroups(cmd.OutOrStdout(), results)
	}
	if err != nil {
		return err
	}
	return r.exit(results)
}

// running is a command that is under way.
type running struct {
	*clients
	id       string
	progress io.Writer
	now      func() time.Time
	// interrupts are Ctrl-Cs, expectedBy is when the command has taken too long.
	interrupts <-chan os.Signal
	expectedBy time.Time
	// said are the nodes of which it was told that they are absent, lookAt is when that is looked at again.
	said   map[string]bool
	lookAt time.Time
	// interrupted and late say why it was cancelled.
	interrupted, late bool
}

// exit returns the exit code of the command's results, as an error.
func (r *running) exit(results []result) error {
	success := func(r result) bool { return r.Status == string(ssmtypes.CommandInvocationStatusSuccess) }
	switch {
	case !slices.ContainsFunc(results, func(r result) bool { return !success(r) }):
		return nil
	case r.interrupted:
		return ended(exitInterrupted)
	case len(results) > 1:
		return errSilent
	case results[0].Status == string(ssmtypes.CommandInvocationStatusFailed) && results[0].Code > 0 &&
		results[0].Code < 256:
		return ended(results[0].Code)
	}
	return ended(exitOurs)
}

func finished(status ssmtypes.CommandInvocationStatus) bool {
	switch status {
	case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress,
		ssmtypes.CommandInvocationStatusDelayed, ssmtypes.CommandInvocationStatusCancelling:
		return false
	}
	return true
}

// follow waits until every invocation of the command has ended, and tells each change of a node's status. Ctrl-C and
// lateness cancel the command; a second Ctrl-C leaves it.
func (r *running) follow(ctx context.Context) ([]ssmtypes.CommandInvocation, error) {
	last := map[string]string{}
	r.said, r.lookAt = map[string]bool{}, r.now().Add(absenceAfter)
	for wait := firstPoll; ; wait = min(wait*3/2, slowestPoll) {
		invocations, err := listInvocations(ctx, r.clients, r.id)
		if err != nil {
			return nil, err
		}
		pending := 0
		for _, i := range invocations {
			node, status := aws.ToString(i.InstanceId), aws.ToString(i.StatusDetails)
			if last[node] != status {
				last[node] = status
				fmt.Fprintf(r.progress, "%s  %s\n", node, status)
			}
			if !finished(i.Status) {
				pending++
			}
		}
		if pending == 0 {
			if len(invocations) == 0 {
				return nil, errors.New("no managed node fits the targets")
			}
			return invocations, nil
		}
		r.lookForAbsent(ctx, invocations)
		select {
		case <-time.After(wait):
		case <-r.interrupts:
			if err := r.interrupt(ctx); err != nil {
				return nil, err
			}
			wait = firstPoll
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !r.late && !r.interrupted && !r.expectedBy.IsZero() && r.now().After(r.expectedBy) {
			r.late = true
			fmt.Fprintln(r.progress, "its time is up: cancelling")
			if err := r.cancel(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// lookForAbsent says of nodes that have not begun that they are not there, and how to find out why: soon after the
// start, and now and then from there on. What cannot be asked is not told.
func (r *running) lookForAbsent(ctx context.Context, invocations []ssmtypes.CommandInvocation) {
	if r.now().Before(r.lookAt) {
		return
	}
	r.lookAt = r.now().Add(absenceEvery)
	waiting := map[string]bool{}
	for _, i := range invocations {
		if i.Status == ssmtypes.CommandInvocationStatusPending || i.Status == ssmtypes.CommandInvocationStatusDelayed {
			waiting[aws.ToString(i.InstanceId)] = true
		}
	}
	if len(waiting) == 0 {
		return
	}
	absent, err := registered(ctx, r.clients, string(ssmtypes.PingStatusConnectionLost),
		string(ssmtypes.PingStatusInactive))
	if err != nil {
		return
	}
	for _, n := range absent {
		if waiting[n.ID] && !r.said[n.ID] {
			r.said[n.ID] = true
			fmt.Fprintf(r.progress, "%s  is %s since %s: the command waits for it. This says why: postern explain %s\n",
				n.ID, n.Ping, n.LastPing.Local().Format(time.TimeOnly), n.ID)
		}
	}
}

// interrupt cancels the command, and at the second time leaves it.
func (r *running) interrupt(ctx context.Context) error {
	if r.interrupted {
		fmt.Fprintf(r.progress, "left: it may still run. To cancel it: aws ssm cancel-command --command-id %s\n", r.id)
		return ended(exitInterrupted)
	}
	r.interrupted = true
	fmt.Fprintln(r.progress, "cancelling; Ctrl-C again leaves it to itself")
	return r.cancel(ctx)
}

func (r *running) cancel(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, cancelTime)
	defer stop()
	_, err := r.ssm.CancelCommand(ctx, &ssm.CancelCommandInput{CommandId: &r.id})
	return err
}

func listInvocations(ctx context.Context, cl *clients, command string) ([]ssmtypes.CommandInvocation, error) {
	pages := ssm.NewListCommandInvocationsPaginator(cl.ssm,
		&ssm.ListCommandInvocationsInput{CommandId: &command, Details: true})
	var all []ssmtypes.CommandInvocation
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.CommandInvocations...)
	}
	return all, nil
}

// result is one node's end of a command.
type result struct {
	Node   string `json:"node"`
	Status string `json:"status"`
	Code   int32  `json:"code"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

func collect(ctx context.Context, cl *clients, invocations []ssmtypes.CommandInvocation) ([]result, error) {
	results := make([]result, 0, len(invocations))
	for _, i := range invocations {
		r := result{Node: aws.ToString(i.InstanceId), Status: string(i.Status)}
		// A document of one step, the usual case, has its whole output here; several steps are asked for one by one.
		for _, plugin := range i.CommandPlugins {
			in := &ssm.GetCommandInvocationInput{CommandId: i.CommandId, InstanceId: i.InstanceId, PluginName: plugin.Name}
			step, err := cl.ssm.GetCommandInvocation(ctx, in)
			if err != nil {
				return nil, err
			}
			r.Stdout += aws.ToString(step.StandardOutputContent)
			r.Stderr += aws.ToString(step.StandardErrorContent)
			if r.Code == 0 {
				r.Code = step.ResponseCode
			}
		}
		results = append(results, r)
	}
	slices.SortFunc(results, func(a, b result) int { return cmp.Compare(a.Node, b.Node) })
	return results, nil
}

// printGroups prints each distinct outcome once, with the nodes that it came from.
func printGroups(out io.Writer, results []result) {
	type outcome struct {
		status, stdout, stderr string
		code                   int32
	}
	var order []outcome
	nodes := map[outcome][]string{}
	for _, r := range results {
		o := outcome{r.Status, r.Stdout, r.Stderr, r.Code}
		if nodes[o] == nil {
			order = append(order, o)
		}
		nodes[o] = append(nodes[o], r.Node)
	}
	for _, o := range order {
		fmt.Fprintf(out, "── %s  %s", strings.Join(nodes[o], " "), o.status)
		if o.code > 0 { // -1 means that there is none
			fmt.Fprintf(out, " (exit %d)", o.code)
		}
		fmt.Fprintln(out)
		for _, text := range []string{o.stdout, o.stderr} {
			if text != "" {
				fmt.Fprintln(out, strings.TrimSuffix(plain(text), "\n"))
			}
		}
	}
}
