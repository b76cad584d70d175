package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/bench/report"
	"postern/bench/swarming"
)

var swarm = part{
	name: "swarm", longest: 6 * time.Minute, measure: (*bench).measureSwarm,
	targets: []target{
		{"simulated agents with real control channels, no tunnel: memory per node in the server", "≤ 40 KB"},
		{"the same, idle for a minute: the server's processor time", "< 10 % of a core"},
		{"one SendCommand to all of them", "every final result stored in ≤ 10 s; nothing lost, nothing twice"},
		{"server restart with all of them", "all back in ≤ 60 s, none refused for good"},
	},
	how: "The agents are the agent's own code (`agent.Agent`), some thousands in a process, over TLS to the public " +
		"listener: registration with an activation, role token " +
		"by RSA-PSS, signed health calls every 5 minutes, control channel with a ping every 54 s, backoff. Simulated is " +
		"what a machine is: all of one process " +
		"share one RSA key pair, which takes long to make; scripts are not run but answered with a line that names node, " +
		"command and how often it " +
		"ran there; polling by ec2messages is off. Memory is the difference of the resident sets of the server, settled, " +
		"per node. " +
		"For the command, every stored output is read and compared. The restart begins with SIGTERM, and a second command " +
		"to all of them ends it.",
}

// swarmTag is the tag by which a command finds all agents of a swarm.
const swarmTag = "swarm"

func (b *bench) measureSwarm(ctx context.Context) ([]report.Row, error) {
	at, err := fixed()
	if err != nil {
		return nil, err
	}
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, at)
	if err != nil {
		return nil, err
	}
	defer func() { s.stop() }() // s changes
	if err := s.makeRole(ctx); err != nil {
		return nil, err
	}
	orders, err := s.orders(ctx, b.agents, map[string]string{swarmTag: "all"}, 64)
	if err != nil {
		return nil, err
	}
	empty, err := s.settle(ctx, 5*time.Second)
	if err != nil {
		return nil, err
	}
	agents, err := b.release(ctx, orders, b.swarms)
	if err != nil {
		return nil, err
	}
	defer agents.stop()
	began := time.Now()
	if err := b.gathered(ctx, agents); err != nil {
		return nil, err
	}
	b.say("  %d nodes after %s", b.agents, report.Time(time.Since(began)))
	rows, err := b.rest(ctx, s, agents, empty)
	if err != nil {
		return rows, err
	}
	all, err := b.everyone(ctx, s, agents, 1)
	if err != nil {
		return rows, err
	}
	rows = append(rows, all)
	b.say("  restart")
	began = time.Now()
	s.stop()
	stopped := time.Since(began)
	if s, err = b.up(ctx, data, at); err != nil {
		return rows, err
	}
	back, err := b.back(ctx, s, agents, began)
	if err != nil {
		return rows, err
	}
	again, err := b.everyone(ctx, s, agents, 2)
	if err != nil {
		return rows, err
	}
	return append(rows, report.Row{
		Figure: fmt.Sprintf("%s from SIGTERM, of which %s to stop; then a command to all: %s", report.Time(back),
			report.Time(stopped), again.Figure),
		// Who was refused for good would be missing in the second command.
		Verdict: report.Judge(back <= time.Minute && again.Ratio == ""),
		Limit:   limits["restart"],
	}), nil
}

// orders returns the orders for a swarm without tunnels.
func (s *server) orders(ctx context.Context, agents int, tags map[string]string, abreast int) (swarming.Orders, error) {
	activations, err := s.activations(ctx, agents, tags)
	if err != nil {
		return swarming.Orders{}, err
	}
	address, err := s.address()
	return swarming.Orders{
		Server: address, Region: s.connection.Region, CA: s.connection.CAFile, Activations: activations, Agents: agents,
		Abreast: abreast,
	}, err
}

// idleTime is how long idle nodes are looked at, and sampleEvery how often their server's memory is.
const idleTime, sampleEvery = time.Minute, 5 * time.Second

// rest measures what idle nodes cost: first they come to rest, then a minute passes.
func (b *bench) rest(ctx context.Context, s *server, agents *swarms, empty uint64) ([]report.Row, error) {
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	before, err := agents.count()
	if err != nil {
		return nil, err
	}
	busy, err := s.processorTime()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	full, err := s.residentFor(ctx, idleTime)
	if err != nil {
		return nil, err
	}
	used, err := s.processorTime()
	if err != nil {
		return nil, err
	}
	share := (used - busy).Seconds() / time.Since(began).Seconds()
	after, err := agents.count()
	if err != nil {
		return nil, err
	}
	row := memoryRow(full, empty, agents.agents, 40_000)
	row.Limit = limits["memory"]
	return []report.Row{row, {
		Figure: fmt.Sprintf("%s of a core, with %d health calls in that minute", report.Percent(share),
			after.Health-before.Health),
		Verdict: report.Judge(share < 0.1 && after.Open == agents.agents),
		Limit:   limits["idle nodes"],
	}}, nil
}

// settleTime is how long a server may take to come to rest: connections of first calls are kept for 20 s, and memory
// that was needed for a while is given back every half minute.
const settleTime = 75 * time.Second

// residentFor is the median of a process's memory over a time.
func (p *process) residentFor(ctx context.Context, lasting time.Duration) (uint64, error) {
	var samples []uint64
	for began := time.Now(); time.Since(began) < lasting; {
		if err := pause(ctx, sampleEvery); err != nil {
			return 0, err
		}
		now, err := p.resident()
		if err != nil {
			return 0, err
		}
		samples = append(samples, now)
	}
	return report.Median(samples), nil
}

// memoryRow tells what one of n nodes costs, where most is its budget in bytes.
func memoryRow(full, empty uint64, n int, most float64) report.Row {
	each := (float64(full) - float64(empty)) / float64(n)
	return report.Row{
		Figure: fmt.Sprintf("%s with %s nodes (%s, empty %s)", report.Kilobytes(each), report.Thousands(float64(n)),
			report.Bytes(full), report.Bytes(empty)),
		Verdict: report.Judge(each <= most),
	}
}

// back waits until every node is back, and is Online in the server's own words.
func (b *bench) back(ctx context.Context, s *server, agents *swarms, began time.Time) (time.Duration, error) {
	if err := b.gathered(ctx, agents); err != nil {
		return 0, err
	}
	took := time.Since(began)
	online, err := s.online(ctx)
	if err != nil {
		return 0, err
	}
	if len(online) != agents.agents {
		return 0, fmt.Errorf("%d of %d nodes are Online after the restart", len(online), agents.agents)
	}
	return took, nil
}

// online returns the ids of the nodes that are Online.
func (s *server) online(ctx context.Context) ([]string, error) {
	var ids []string
	pages := ssm.NewDescribeInstanceInformationPaginator(s.ssm, &ssm.DescribeInstanceInformationInput{
		MaxResults: aws.Int32(50),
		Filters:    []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("PingStatus"), Values: []string{"Online"}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return ids, err
		}
		for _, i := range page.InstanceInformationList {
			ids = append(ids, *i.InstanceId)
		}
	}
	return ids, nil
}

// everyone sends one command to all nodes, the run-th one, and checks every result. The row's ratio tells what is
// wrong.
func (b *bench) everyone(ctx context.Context, s *server, agents *swarms, run int) (report.Row, error) {
	b.say("  a command to all")
	began := time.Now()
	sent, err := s.ssm.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), MaxConcurrency: aws.String("100%"),
		Targets:    []ssmtypes.Target{{Key: aws.String("tag:" + swarmTag), Values: []string{"all"}}},
		Parameters: map[string][]string{"commands": {"uptime"}},
	})
	if err != nil {
		return report.Row{}, err
	}
	accepted := time.Since(began)
	id := aws.ToString(sent.Command.CommandId)
	err = until(ctx, 50*time.Millisecond, func() (bool, error) {
		list, err := s.ssm.ListCommands(ctx, &ssm.ListCommandsInput{CommandId: &id})
		if err != nil {
			return false, err
		}
		c := list.Commands[0]
		return int(c.CompletedCount) == agents.agents && c.Status != ssmtypes.CommandStatusInProgress, nil
	})
	took := time.Since(began)
	if err != nil {
		return report.Row{}, fmt.Errorf("command %s: %w", id, err)
	}
	good, err := s.check(ctx, id)
	if err != nil {
		return report.Row{}, err
	}
	count, err := agents.count()
	if err != nil {
		return report.Row{}, err
	}
	row := report.Row{
		Figure: fmt.Sprintf("%s, the call itself %s; %s results stored and right, %d scripts run, %d run twice",
			report.Time(took), report.Time(accepted), report.Thousands(float64(good)), count.Ran, count.Twice),
		Limit: limits["all"],
	}
	exact := good == agents.agents && count.Ran == run*agents.agents && count.Twice == 0
	if !exact {
		row.Ratio = fmt.Sprintf("of %d nodes", agents.agents)
	}
	row.Verdict = report.Judge(exact && took <= 10*time.Second)
	return row, nil
}

// check reads every result of a command, and counts the nodes whose one result is a success with the node's own words.
func (s *server) check(ctx context.Context, command string) (int, error) {
	good := map[string]bool{}
	pages := ssm.NewListCommandInvocationsPaginator(s.ssm, &ssm.ListCommandInvocationsInput{
		CommandId: &command, Details: true, MaxResults: aws.Int32(50),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, i := range page.CommandInvocations {
			node := aws.ToString(i.InstanceId)
			if good[node] {
				return 0, fmt.Errorf("%s stands twice in the list of command %s", node, command)
			}
			good[node] = i.Status == ssmtypes.CommandInvocationStatusSuccess && len(i.CommandPlugins) == 1 &&
				aws.ToString(i.CommandPlugins[0].Output) == swarming.Words(node, command, 1)
		}
	}
	n := 0
	for _, ok := range good {
		if ok {
			n++
		}
	}
	return n, nil
}

var tunnels = part{
	name: "tunnels", longest: 5 * time.Minute, measure: (*bench).measureTunnels,
	targets: []target{{"simulated agents with a tunnel each: memory per node in the server", "≤ 110 KB"}},
	how: "The same agents, each with a WireGuard tunnel of its own, joined by the join handshake: all they send goes " +
		"through the fabric to the private endpoints. There are fewer of them, " +
		"because the server takes 20 joins a second from one address and all come from this machine; the memory is per " +
		"node of those, not " +
		"extrapolated.",
}

func (b *bench) measureTunnels(ctx context.Context) ([]report.Row, error) {
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.makeRole(ctx); err != nil {
		return nil, err
	}
	network, err := s.makeNetwork(ctx)
	if err != nil {
		return nil, err
	}
	orders, err := s.orders(ctx, b.tunnels, network.tags(), 16)
	if err != nil {
		return nil, err
	}
	orders.Join = s.connection.Join
	empty, err := s.settle(ctx, 5*time.Second)
	if err != nil {
		return nil, err
	}
	agents, err := b.release(ctx, orders, min(b.swarms, runtime.NumCPU()))
	if err != nil {
		return nil, err
	}
	defer agents.stop()
	if err := b.gathered(ctx, agents); err != nil {
		return nil, err
	}
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	full, err := s.residentFor(ctx, idleTime/2)
	if err != nil {
		return nil, err
	}
	row := memoryRow(full, empty, agents.agents, 110_000)
	row.Limit = limits["tunnel memory"]
	return []report.Row{row}, nil
}
