package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

type runFlags struct {
	instances []string
	targets   []string
	timeout   int
	document  string
}

func (a *app) runCommand() *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND…",
		Short: "Run a command on nodes, show their progress and group equal output",
		Example: "  postern run --instance i-0123456789abcdef0 -- uptime\n" +
			"  postern run --target tag:Role=web -- 'systemctl is-active nginx'",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			return a.run(cmd, cl, &flags, strings.Join(args, " "))
		},
	}
	cmd.Flags().StringSliceVarP(&flags.instances, "instance", "i", nil, "node to run on (i-… or mi-…); may be repeated")
	cmd.Flags().StringArrayVarP(&flags.targets, "target", "t", nil, "nodes by tag, as tag:KEY=VALUE[,VALUE]; may be repeated")
	cmd.Flags().IntVar(&flags.timeout, "timeout", 3600, "seconds that the command may run (5–172800)")
	cmd.Flags().StringVar(&flags.document, "document", "AWS-RunShellScript", "document to run")
	return cmd
}

func (f *runFlags) input(command string) (*ssm.SendCommandInput, error) {
	in := &ssm.SendCommandInput{
		DocumentName: aws.String(f.document),
		InstanceIds:  f.instances,
		Parameters:   map[string][]string{"commands": {command}, "executionTimeout": {strconv.Itoa(f.timeout)}},
	}
	for _, target := range f.targets {
		key, values, ok := strings.Cut(target, "=")
		if !ok {
			return nil, fmt.Errorf("--target %q: write it as tag:KEY=VALUE", target)
		}
		in.Targets = append(in.Targets, ssmtypes.Target{Key: aws.String(key), Values: strings.Split(values, ",")})
	}
	if len(in.InstanceIds) == 0 && len(in.Targets) == 0 {
		return nil, errors.New("which nodes? Name them with --instance or --target")
	}
	return in, nil
}

func (a *app) run(cmd *cobra.Command, cl *clients, flags *runFlags, command string) error {
	in, err := flags.input(command)
	if err != nil {
		return err
	}
	sent, err := cl.ssm.SendCommand(cmd.Context(), in)
	if err != nil {
		return err
	}
	progress := io.Discard
	if !a.json() {
		progress = cmd.ErrOrStderr()
	}
	invocations, err := follow(cmd.Context(), cl, aws.ToString(sent.Command.CommandId), progress)
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
	if err == nil && slices.ContainsFunc(results, func(r result) bool { return r.Status != string(ssmtypes.CommandInvocationStatusSuccess) }) {
		return errSilent
	}
	return err
}

func finished(status ssmtypes.CommandInvocationStatus) bool {
	switch status {
	case ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress,
		ssmtypes.CommandInvocationStatusDelayed, ssmtypes.CommandInvocationStatusCancelling:
		return false
	}
	return true
}

// follow waits until every invocation of the command has ended, and tells each change of a node's status.
func follow(ctx context.Context, cl *clients, command string, progress io.Writer) ([]ssmtypes.CommandInvocation, error) {
	last := map[string]string{}
	for wait := firstPoll; ; wait = min(wait*3/2, slowestPoll) {
		invocations, err := listInvocations(ctx, cl, command)
		if err != nil {
			return nil, err
		}
		pending := 0
		for _, i := range invocations {
			node, status := aws.ToString(i.InstanceId), aws.ToString(i.StatusDetails)
			if last[node] != status {
				last[node] = status
				fmt.Fprintf(progress, "%s  %s\n", node, status)
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
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func listInvocations(ctx context.Context, cl *clients, command string) ([]ssmtypes.CommandInvocation, error) {
	pages := ssm.NewListCommandInvocationsPaginator(cl.ssm, &ssm.ListCommandInvocationsInput{CommandId: &command, Details: true})
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
		if o.code != 0 {
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
