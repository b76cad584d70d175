package conform

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// TestKilledInTheMiddleOfACommand kills the server while one machine runs a command and another has not got it yet. The
// machines stay. After the restart both come back by themselves, each script has run once, and its output is there.
func TestKilledInTheMiddleOfACommand(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.up("--sample")
	runs, waits := p.join(), p.join()
	before := p.send("before", runs)
	<-runs.begun
	runs.end <- struct{}{}
	p.until("the first command is done", func() bool { s, _ := p.result(before, runs); return s == "Success" })

	// Five scripts run at once and as many may wait in the agent: the eleventh stays with the server.
	var full []string
	for n := range 11 {
		full = append(full, p.send(fmt.Sprint("script ", n), waits))
	}
	command := p.send("runs", runs)
	<-runs.begun
	p.until("the server knows that it runs", func() bool { s, _ := p.result(command, runs); return s == "InProgress" })
	p.kill()
	runs.end <- struct{}{} // it ends while nobody listens
	p.up()
	p.until("the command has ended", func() bool { s, _ := p.result(command, runs); return s == "Success" })
	if _, out := p.result(command, runs); out != "whole runs" {
		t.Errorf("it printed %q", out)
	}
	close(waits.end)
	for n, id := range full {
		p.until(fmt.Sprint("script ", n, " has ended"), func() bool { s, _ := p.result(id, waits); return s == "Success" })
		if _, out := p.result(id, waits); out != fmt.Sprint("whole script ", n) {
			t.Errorf("script %d printed %q", n, out)
		}
	}
	if again := len(waits.begun); again != len(full) {
		t.Errorf("%d scripts began, of %d", again, len(full))
	}
	if s, out := p.result(before, runs); s != "Success" || out != "whole before" {
		t.Errorf("the command from before is %s and printed %q", s, out)
	}
}

// killedKind is a kind of thing that clients make while the server is killed.
type killedKind struct {
	name string
	make func(name string) (id string, err error)
	has  func(id, name string) error
}

func (p *process) killedKinds(vpc *string) []killedKind {
	t := p.t
	return []killedKind{
		{"security group", func(name string) (string, error) {
			out, err := p.ec2.CreateSecurityGroup(t.Context(),
				&ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name, VpcId: vpc})
			if err != nil {
				return "", err
			}
			return *out.GroupId, nil
		}, func(id, name string) error {
			out, err := p.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
			if err == nil && aws.ToString(out.SecurityGroups[0].GroupName) != name {
				err = fmt.Errorf("it is called %s", *out.SecurityGroups[0].GroupName)
			}
			return err
		}},
		{"role", func(name string) (string, error) {
			_, err := p.iam.CreateRole(
				t.Context(),
				&iam.CreateRoleInput{
					RoleName:                 &name,
					AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
				},
			)
			return name, err
		}, func(id, _ string) error {
			_, err := p.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &id})
			return err
		}},
		{"activation", func(name string) (string, error) {
			out, err := p.ssm.CreateActivation(t.Context(),
				&ssm.CreateActivationInput{IamRole: aws.String("postern-sample"), Description: &name})
			if err != nil {
				return "", err
			}
			return *out.ActivationId, nil
		}, func(id, name string) error {
			out, err := p.ssm.DescribeActivations(
				t.Context(),
				&ssm.DescribeActivationsInput{Filters: []ssmtypes.DescribeActivationsFilter{
					{FilterKey: ssmtypes.DescribeActivationsFilterKeysActivationIds, FilterValues: []string{id}},
				}},
			)
			if err == nil && (len(out.ActivationList) != 1 || aws.ToString(out.ActivationList[0].Description) != name) {
				err = fmt.Errorf("%d activations", len(out.ActivationList))
			}
			return err
		}},
	}
}

// TestKilledLosesNothingAcknowledged kills the server again and again while clients change everything at once: what
// they were told is done is there afterwards.
func TestKilledLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.up("--sample")
	vpcs, err := p.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := p.killedKinds(vpcs.Vpcs[0].VpcId)
	type acknowledged struct {
		kind     int
		id, name string
	}
	var mu sync.Mutex
	var all []acknowledged
	for round := range 3 {
		enough := make(chan struct{})
		before := len(all)
		var clients sync.WaitGroup
		for kind, k := range kinds {
			clients.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("killed-%d-%d", round, n)
					id, err := k.make(name)
					if err != nil {
						return // the server is gone
					}
					mu.Lock()
					all = append(all, acknowledged{kind, id, name})
					if len(all) == before+60 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		gone := make(chan struct{})
		go func() { clients.Wait(); close(gone) }()
		select {
		case <-enough:
		case <-gone: // before its time; what is counted below tells
		}
		p.kill()
		<-gone
		p.up()
	}
	if len(all) < 180 {
		t.Fatalf("only %d changes were acknowledged", len(all))
	}
	for _, a := range all {
		if err := kinds[a.kind].has(a.id, a.name); err != nil {
			t.Errorf("%s %s: %v", kinds[a.kind].name, a.name, err)
		}
	}
}
