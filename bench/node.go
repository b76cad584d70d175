package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/bench/report"
	"postern/bench/swarming"
)

var oneNode = part{
	name: "command", longest: 2 * time.Minute, measure: (*bench).measureCommand,
	targets: []target{{"SendCommand → final output stored, one node (own agent)", "p50 ≤ 30 ms, p99 ≤ 100 ms"}},
	how: "`postern-agent join` as a process of this user, over its own WireGuard tunnel to the private endpoints. 300 " +
		"times: `AWS-RunShellScript` with " +
		"`echo`, one command after another; from the call of `SendCommand` until `GetCommandInvocation`, asked every " +
		"millisecond, has `Success` and the output.",
}

func (b *bench) measureCommand(ctx context.Context) ([]report.Row, error) {
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
	agent, node, err := b.join(ctx, s, network)
	if err != nil {
		return nil, err
	}
	defer agent.stop()
	const warm, counted = 10, 300
	var took []time.Duration
	for i := range warm + counted {
		t, err := s.command(ctx, node, fmt.Sprintf("number %d", i))
		if err != nil {
			return nil, err
		}
		if i >= warm {
			took = append(took, t)
		}
	}
	p50, p99 := report.Percentile(took, 50), report.Percentile(took, 99)
	return []report.Row{{
		Figure: fmt.Sprintf("p50 %s, p99 %s, longest %s", report.Time(p50), report.Time(p99),
			report.Time(report.Percentile(took, 100))),
		Verdict: report.Judge(p50 <= 30*time.Millisecond && p99 <= 100*time.Millisecond),
		Limit:   limits["command"],
	}}, nil
}

// join lets a machine in that is our own agent, as a process, and waits until it is Online.
func (b *bench) join(ctx context.Context, s *server, network *private) (agent *process, node string, err error) {
	activations, err := s.activations(ctx, 1, network.tags())
	if err != nil {
		return nil, "", err
	}
	if agent, err = b.startAgent(s, activations[0]); err != nil {
		return nil, "", err
	}
	err = until(ctx, 10*time.Millisecond, func() (bool, error) {
		list, err := s.ssm.DescribeInstanceInformation(ctx, &ssm.DescribeInstanceInformationInput{
			Filters: []ssmtypes.InstanceInformationStringFilter{
				{Key: aws.String("ActivationIds"), Values: []string{activations[0].ID}},
			},
		})
		if err != nil {
			return false, err
		}
		for _, n := range list.InstanceInformationList {
			node = aws.ToString(n.InstanceId)
			return n.PingStatus == ssmtypes.PingStatusOnline, nil
		}
		return false, agent.ended()
	})
	if err != nil {
		text, _ := os.ReadFile(agent.log) // the error is told without it as well
		agent.stop()
		return nil, "", fmt.Errorf("an agent does not come online: %w: %s", err, tail(text))
	}
	return agent, node, nil
}

func (b *bench) startAgent(s *server, a swarming.Activation) (*process, error) {
	state, err := b.directory("agent")
	if err != nil {
		return nil, err
	}
	code := filepath.Join(state, "code")
	if err := os.WriteFile(code, []byte(a.Code), 0o600); err != nil {
		return nil, err
	}
	return b.start("postern-agent", nil, nil, b.program("postern-agent"),
		"join", "--activation", a.ID, "--code-file", code, "--server", s.connection.Join, "--state", state)
}

// command runs a script that prints a text, and returns how long it took until its result was stored.
func (s *server) command(ctx context.Context, node, text string) (time.Duration, error) {
	began := time.Now()
	sent, err := s.ssm.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{node},
		Parameters: map[string][]string{"commands": {"echo " + text}},
	})
	if err != nil {
		return 0, err
	}
	err = until(ctx, time.Millisecond, func() (bool, error) {
		i, err := s.ssm.GetCommandInvocation(ctx,
			&ssm.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: &node})
		if err != nil {
			return false, err
		}
		switch i.Status {
		case ssmtypes.CommandInvocationStatusPending,
			ssmtypes.CommandInvocationStatusDelayed,
			ssmtypes.CommandInvocationStatusInProgress:
			return false, nil
		case ssmtypes.CommandInvocationStatusSuccess:
			if got := aws.ToString(i.StandardOutputContent); got != text+"\n" {
				return false, fmt.Errorf("the output is %q, not %q", got, text)
			}
			return true, nil
		}
		return false, errors.New("the command ended as " + string(i.Status))
	})
	return time.Since(began), err
}
