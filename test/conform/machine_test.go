package conform

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/agent"
	"postern/agent/execute"
	"postern/network/link/tunnel"
	"postern/ssm/mgs"
)

// machine is one that joined over its own tunnel, in this process: it outlives the server.
type machine struct {
	id   string
	p    *process
	dir  string
	wire *tunnel.Tunnel
	stop context.CancelFunc
	done sync.WaitGroup
	*runner
}

// runner says when a script begins, and ends it when it is told to.
type runner struct {
	begun, end chan struct{}
}

// Run implements execute.Runner.
func (r *runner) Run(ctx context.Context, s execute.Script) execute.Outcome {
	r.begun <- struct{}{}
	select {
	case <-r.end:
		return execute.Outcome{Status: mgs.Success, Stdout: "whole " + s.Lines[0]}
	case <-ctx.Done():
		return execute.Outcome{Code: 137, Status: mgs.Cancelled}
	}
}

// nodes is the id of the sample's security group for nodes.
func (p *process) nodes() string {
	p.t.Helper()
	found, err := p.ec2.DescribeSecurityGroups(p.t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("group-name"), Values: []string{"postern-sample-nodes"}},
	}})
	if err != nil || len(found.SecurityGroups) != 1 {
		p.t.Fatalf("the sample's groups: %v, %v", found, err)
	}
	return *found.SecurityGroups[0].GroupId
}

// subnet is the id of one of the sample's subnets.
func (p *process) subnet() string {
	p.t.Helper()
	found, err := p.ec2.DescribeSubnets(p.t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil || len(found.Subnets) == 0 {
		p.t.Fatalf("the sample's subnets: %v, %v", found, err)
	}
	return *found.Subnets[0].SubnetId
}

// join makes a machine that is online.
func (p *process) join() *machine {
	p.t.Helper()
	ctx := p.t.Context()
	a, err := p.ssm.CreateActivation(ctx, &ssm.CreateActivationInput{
		IamRole: aws.String("postern-sample"),
		Tags: []ssmtypes.Tag{
			{Key: aws.String("postern:subnet-id"), Value: aws.String(p.subnet())},
			{Key: aws.String("postern:security-group-ids"), Value: aws.String(p.nodes())},
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	config, err := tunnel.Join(ctx,
		tunnel.JoinConfig{Server: p.connection.Join, Activation: *a.ActivationId, Code: *a.ActivationCode})
	if err != nil {
		p.t.Fatal(err)
	}
	m := &machine{p: p, dir: p.t.TempDir(), runner: &runner{make(chan struct{}, 100), make(chan struct{})}}
	if m.wire, err = tunnel.Dial(ctx, config, tunnel.Options{}); err != nil {
		p.t.Fatal(err)
	}
	h := &agent.Hybrid{Dir: m.dir, Local: config.Local().String()}
	if err := h.Register(ctx, m.agent(), agent.Activation{
		ID: *a.ActivationId, Code: *a.ActivationCode, Region: p.connection.Region,
	}); err != nil {
		p.t.Fatal(err)
	}
	m.id = h.Node()
	m.work(h)
	p.until(m.id+" is connected", func() bool {
		out, err := p.ssm.GetConnectionStatus(ctx, &ssm.GetConnectionStatusInput{Target: &m.id})
		return err == nil && out.Status == ssmtypes.ConnectionStatusConnected
	})
	return m
}

func (m *machine) agent() *agent.Agent {
	return &agent.Agent{
		Dir:     m.dir,
		HTTP:    agent.NewHTTPClient(m.wire.DialContext, m.p.roots()),
		Runner:  m.runner,
		Version: "3.3.0.0",
	}
}

func (m *machine) work(identity agent.Identity) {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	a := m.agent()
	a.Identity = identity
	m.done.Go(func() {
		defer a.HTTP.CloseIdleConnections()
		if err := a.Run(ctx); err != nil {
			m.p.t.Errorf("the agent of %s: %v", m.id, err)
		}
	})
	m.p.t.Cleanup(func() {
		cancel()
		m.done.Wait()
		if err := m.wire.Close(); err != nil {
			m.p.t.Error(err)
		}
	})
}

// send sends a script to machines.
func (p *process) send(script string, machines ...*machine) string {
	p.t.Helper()
	in := &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"),
		Parameters:   map[string][]string{"commands": {script}},
	}
	for _, m := range machines {
		in.InstanceIds = append(in.InstanceIds, m.id)
	}
	out, err := p.ssm.SendCommand(p.t.Context(), in)
	if err != nil {
		p.t.Fatal(err)
	}
	return *out.Command.CommandId
}

// result returns how a command stands on a machine.
func (p *process) result(command string, m *machine) (status, stdout string) {
	p.t.Helper()
	out, err := p.ssm.GetCommandInvocation(p.t.Context(),
		&ssm.GetCommandInvocationInput{CommandId: &command, InstanceId: &m.id})
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out.Status), aws.ToString(out.StandardOutputContent)
}
