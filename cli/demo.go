package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
	"postern/aws/service/sts"
	"postern/doctor"
)

// Patience for one step of the demo, and for the node to return once the network is mended.
const (
	demoPatience = 30 * time.Second
	probeSeconds = 1
)

// internetAddress is an address that no private network holds (RFC 5737, TEST-NET-3).
const internetAddress = "203.0.113.10"

func (a *app) demoCommand() *cobra.Command {
	flags := serverFlags{listen: "127.0.0.1:0", wireGuard: "127.0.0.1:0", returnWindow: duration(500 * time.Millisecond)}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story once: a private node answers",
		Long: "Start everything in this process, make a private network with a node in it, run a command there,\n" +
			"break the path, see it fail, mend it, and stop. Exit code 0 means that every step was really seen.\n" +
			"Nothing is left behind.",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			telling := story{out: cmd.OutOrStdout(), json: asJSON || a.json(), now: a.options.Now}
			d := &demo{app: a, flags: &flags, story: telling}
			if err := d.tell(ctx, cmd); err != nil {
				if !d.story.json {
					fmt.Fprintf(cmd.ErrOrStderr(), "\nthe story stopped: %v\n", err)
				}
				return errSilent
			}
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "tell the story as JSON events, one a line")
	return cmd
}

// demo is one telling of the story.
type demo struct {
	app    *app
	flags  *serverFlags
	story  story
	server Server
	sample sample
	node   demoNode
}

// demoNode is the story's node: an instance, or where this host has no namespaces for one, an agent on this host.
type demoNode interface {
	// start makes the node and returns its id as soon as that is known.
	start(ctx context.Context) (id string, err error)
	// restart makes the agent begin anew, so that it needs new connections.
	restart(ctx context.Context) error
	// showIsolation sees that the node reaches no Internet address, and tells how it was seen.
	showIsolation(ctx context.Context, d *demo) (string, error)
	close() error
}

func (d *demo) tell(ctx context.Context, cmd *cobra.Command) (err error) {
	begun := d.story.now()
	defer func() {
		if d.node != nil {
			err = errors.Join(err, d.node.close())
		}
		if d.server != nil {
			err = errors.Join(err, d.server.Close())
		}
	}()
	d.story.say("Postern: a private node answers\n")
	if err := d.startServer(ctx, cmd); err != nil {
		return err
	}
	d.sample.region = d.server.Connection().Region
	if d.sample.clients, err = d.server.Connection().clients(); err != nil {
		return err
	}
	var id string
	for _, step := range []struct {
		name string
		do   func(context.Context) (told, error)
	}{
		{"a private network: two subnets, no Internet gateway", d.makeNetwork},
		{"a node in it", func(ctx context.Context) (t told, err error) { t, id, err = d.startNode(ctx); return t, err }},
		{"the node comes Online through the endpoints", func(ctx context.Context) (told, error) { return d.online(ctx, id) }},
		{"AWS-RunShellScript runs on it", func(ctx context.Context) (told, error) { return d.firstCommand(ctx, id) }},
		{"the node has no path to the Internet", func(ctx context.Context) (told, error) { return d.noInternet(ctx, id) }},
		{"the endpoint group's rule is revoked: new connections fail",
			func(ctx context.Context) (told, error) { return d.broken(ctx, id) }},
		{"the rule is given back: the node returns by itself",
			func(ctx context.Context) (told, error) { return d.mended(ctx, id) }},
	} {
		bounded, cancel := context.WithTimeout(ctx, demoPatience)
		err := d.story.step(step.name, func() (told, error) { return step.do(bounded) })
		cancel()
		if err != nil {
			return err
		}
	}
	d.howToGoOn(begun)
	return nil
}

func (d *demo) startServer(ctx context.Context, cmd *cobra.Command) error {
	return d.story.step("Postern starts in one process", func() (told, error) {
		var err error
		if d.server, err = d.app.options.Start(ctx, d.flags.options("", cmd.ErrOrStderr())); err != nil {
			return told{}, err
		}
		c := d.server.Connection()
		cl, err := c.clients()
		if err != nil {
			return told{}, err
		}
		who, err := cl.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return told{}, err
		}
		return told{
			detail: fmt.Sprintf("%s, region %s, account %s, signed requests only", c.Endpoint, c.Region,
				aws.ToString(who.Account)),
			facts: map[string]string{"endpoint": c.Endpoint, "region": c.Region, "account": aws.ToString(who.Account)},
		}, nil
	})
}

func (d *demo) makeNetwork(ctx context.Context) (told, error) {
	if err := d.sample.ensureNetwork(ctx); err != nil {
		return told{}, err
	}
	facts := map[string]string{
		"vpc": d.sample.vpc, "node_group": d.sample.nodeGroup, "endpoint_group": d.sample.endpointGroup,
	}
	var lines []string
	for _, service := range sampleServices {
		facts["endpoint_"+service] = d.sample.endpoints[service]
		lines = append(lines, fmt.Sprintf("%s  com.amazonaws.%s.%s", d.sample.endpoints[service], d.sample.region, service))
	}
	return told{fmt.Sprintf("%s %s, interface endpoints in both zones:\n%s", d.sample.vpc, sampleRange,
		strings.Join(lines, "\n")), facts}, nil
}

func (d *demo) startNode(ctx context.Context) (told, string, error) {
	missing := d.server.Missing()
	if len(missing) == 0 {
		d.node = &instanceNode{sample: &d.sample}
	} else {
		d.node = &hostNode{demo: d}
	}
	id, err := d.node.start(ctx)
	if err != nil {
		return told{}, "", err
	}
	detail := id + ": Linux namespaces on this host, its only interface is in the network"
	if len(missing) > 0 {
		detail = "instances cannot run here: " + strings.Join(missing, "; ") +
			"\n" + id + ": postern-agent on this host instead, over its own tunnel"
	}
	return told{detail, map[string]string{"node": id}}, id, nil
}

func (d *demo) online(ctx context.Context, id string) (told, error) {
	info, err := d.awaitPing(ctx, id, ssmtypes.PingStatusOnline)
	if err != nil {
		return told{}, err
	}
	return told{
		// The first sign of life does not name the platform.
		strings.TrimSuffix(fmt.Sprintf("%s  %s  agent %s on %s", id, info.PingStatus, aws.ToString(info.AgentVersion),
			strings.TrimSpace(aws.ToString(info.PlatformName)+" "+aws.ToString(info.PlatformVersion))), " on "),
		map[string]string{"ping_status": string(info.PingStatus), "agent_version": aws.ToString(info.AgentVersion)},
	}, nil
}

// awaitPing waits until the node has the wanted ping status.
func (d *demo) awaitPing(
	ctx context.Context, id string, want ssmtypes.PingStatus,
) (ssmtypes.InstanceInformation, error) {
	last := "not listed"
	for {
		list, err := d.sample.clients.ssm.DescribeInstanceInformation(ctx, &ssm.DescribeInstanceInformationInput{
			Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{id}}},
		})
		switch {
		case err != nil && ctx.Err() == nil:
			return ssmtypes.InstanceInformation{}, err
		case err == nil && len(list.InstanceInformationList) > 0:
			info := list.InstanceInformationList[0]
			if info.PingStatus == want {
				return info, nil
			}
			last = string(info.PingStatus)
		}
		select {
		case <-time.After(firstPoll):
		case <-ctx.Done():
			return ssmtypes.InstanceInformation{}, fmt.Errorf("node %s is %s, not %s: try `postern up --sample -v` and read "+
				"its log", id, last, want)
		}
	}
}

// command runs a shell command on the node, through Systems Manager like everything.
func (d *demo) command(ctx context.Context, id, script string) (result, error) {
	sent, err := d.sample.clients.ssm.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{id},
		Parameters: map[string][]string{"commands": strings.Split(script, "\n")},
	})
	if err != nil {
		return result{}, err
	}
	r := &running{
		clients: d.sample.clients, id: aws.ToString(sent.Command.CommandId), progress: io.Discard, now: d.story.now,
	}
	invocations, err := r.follow(ctx)
	if err != nil {
		return result{}, err
	}
	results, err := collect(ctx, d.sample.clients, invocations)
	if err != nil {
		return result{}, err
	}
	return results[0], nil
}

func (d *demo) firstCommand(ctx context.Context, id string) (told, error) {
	const script = `echo "hello from $(hostname), user $(id -un)"`
	r, err := d.command(ctx, id, script)
	if err != nil {
		return told{}, err
	}
	if r.Status != string(ssmtypes.CommandInvocationStatusSuccess) || !strings.HasPrefix(r.Stdout, "hello from ") {
		return told{}, fmt.Errorf("status %s, output %q, %q", r.Status, r.Stdout, r.Stderr)
	}
	return told{"$ " + script + "\n" + r.Stdout, map[string]string{"status": r.Status, "stdout": r.Stdout}}, nil
}

func (d *demo) noInternet(ctx context.Context, id string) (told, error) {
	how, err := d.node.showIsolation(ctx, d)
	if err != nil {
		return told{}, err
	}
	report, err := d.explain(ctx, id, internetAddress)
	if err != nil {
		return told{}, err
	}
	why := wrong(report)
	if why == "" {
		return told{}, fmt.Errorf("the explanation finds nothing wrong with the path to %s", internetAddress)
	}
	return told{how + "\n" + why, map[string]string{"why": why}}, nil
}

func (d *demo) broken(ctx context.Context, id string) (told, error) {
	if err := d.sample.revoke(ctx); err != nil {
		return told{}, err
	}
	if err := d.node.restart(ctx); err != nil {
		return told{}, err
	}
	if _, err := d.awaitPing(ctx, id, ssmtypes.PingStatusConnectionLost); err != nil {
		return told{}, err
	}
	report, err := d.explain(ctx, id, "ssm")
	if err != nil {
		return told{}, err
	}
	why := wrong(report)
	if !strings.Contains(why, d.sample.endpointGroup) || !strings.Contains(why, "443") {
		return told{}, fmt.Errorf("the explanation does not name %s and its missing rule: %s", d.sample.endpointGroup, report)
	}
	return told{
		"the agent began anew and is ConnectionLost; postern explain --from " + id + " --to ssm:\n" + why,
		map[string]string{"why": why},
	}, nil
}

// wrong returns what a report finds wrong, in short; empty where it finds nothing.
func wrong(r doctor.Report) string {
	var lines []string
	for _, f := range r.Findings {
		if f.Severity == doctor.Broken {
			lines = append(lines, fmt.Sprintf("%s %s: %s", f.ID, f.Resource, f.Wrong), "remedy: "+f.Remedy)
		}
	}
	return strings.Join(lines, "\n")
}

func (d *demo) mended(ctx context.Context, id string) (told, error) {
	if err := d.sample.authorize(ctx); err != nil {
		return told{}, err
	}
	if _, err := d.awaitPing(ctx, id, ssmtypes.PingStatusOnline); err != nil {
		return told{}, err
	}
	r, err := d.command(ctx, id, "echo back again")
	if err != nil {
		return told{}, err
	}
	if r.Stdout != "back again\n" {
		return told{}, fmt.Errorf("status %s, output %q, %q", r.Status, r.Stdout, r.Stderr)
	}
	return told{detail: "Online without a restart of anything, and answers"}, nil
}

func (d *demo) howToGoOn(begun time.Time) {
	d.story.say("\nEvery step was seen, in %.1f s. To go on, keep it running:\n", d.story.now().Sub(begun).Seconds())
	d.story.say("  %s up --sample                      # in one shell; stop with Ctrl-C", os.Args[0])
	d.story.say("  eval \"$(%s env)\"                   # in another one, then for example", os.Args[0])
	d.story.say("  aws ssm describe-instance-information")
	d.story.say("  aws ssm send-command --document-name AWS-RunShellScript \\\n      --targets Key=tag:Name,Values=%s "+
		"--parameters commands=uptime", sampleName)
	d.story.say("  aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].[ServiceName,State]' --output text")
}
