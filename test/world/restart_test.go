package world_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"postern/agent/execute"
	"postern/ssm/mgs"
	"postern/test/world"
)

// barrier is a runner whose scripts begin at once and end when the barrier is opened, or their agent ends.
type barrier struct {
	begun chan string
	open  chan struct{}
	ended atomic.Int32
}

func newBarrier() *barrier { return &barrier{begun: make(chan string, 100), open: make(chan struct{})} }

// Run implements execute.Runner.
func (g *barrier) Run(ctx context.Context, s execute.Script) execute.Outcome {
	g.begun <- s.Lines[0]
	select {
	case <-g.open:
		g.ended.Add(1)
		return execute.Outcome{Status: mgs.Success, Stdout: "whole " + s.Lines[0]}
	case <-ctx.Done():
		return execute.Outcome{Code: 137, Status: mgs.Failed, Stdout: "half", Err: errors.New("the agent was stopped")}
	}
}

// TestRestartInTheMiddle restarts the server while a command runs, another waits for its node, and a third is done.
func TestRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	g := newBarrier()
	w := world.New(t, world.Nodes(1), world.Runner(g))
	n, stays, away := w.Node(0), w.Join(), w.Join()
	away.Leave()
	away.Await(world.ConnectionLost)
	waits := w.Send("waits", away.ID)
	runs := w.Send("runs", n.ID, stays.ID)
	for range 2 {
		<-g.begun
	}
	w.Until("the server knows that it runs",
		func() bool { return runs.On(n.ID).Status == "InProgress" && runs.On(stays.ID).Status == "InProgress" })

	w.Restart()
	close(g.open)
	away.Work()
	// Where the agent stayed, the script ran through, once.
	if r := runs.Wait(stays.ID); r.Status != "Success" || r.Stdout != "whole runs" {
		t.Errorf("on the machine that stayed: %+v", r)
	}
	if r := waits.Wait(away.ID); r.Status != "Success" || r.Stdout != "whole waits" {
		t.Errorf("on the machine that was away: %+v", r)
	}
	// The instance was stopped with the server: either the script began again and ran through, or it is said that it did
	// not.
	switch r := runs.Wait(n.ID); {
	case r.Status == "Success" && r.Stdout == "whole runs":
	case r.Status == "Failed" && r.Stdout != "whole runs":
	default:
		t.Errorf("on the instance: %+v", r)
	}
	if most := int32(3); g.ended.Load() > most {
		t.Errorf("%d scripts ran to their end, of %d", g.ended.Load(), most)
	}
	if got := n.Run("after").Stdout; got != "whole after" {
		t.Errorf("then it says %q", got)
	}
}

// TestFullDisk fills the state. Each service says so in its own shape, what was acknowledged is there, also after a
// restart with more room, and nothing else is.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1), world.MaxPages(200))
	heavy := []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup}}
	for n := range 40 {
		heavy[0].Tags = append(heavy[0].Tags,
			ec2types.Tag{Key: aws.String(fmt.Sprint("key", n)), Value: aws.String(strings.Repeat("x", 250))})
	}
	kept := map[string]bool{}
	var full error
	for n := 0; full == nil; n++ {
		name := fmt.Sprintf("group-%d-%0150d", n, n)
		_, full = w.EC2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
			GroupName: &name, Description: &name, VpcId: &w.VPC, TagSpecifications: heavy,
		})
		if full == nil {
			kept[name] = true
		}
		if n > 10_000 {
			t.Fatal("it is never full")
		}
	}
	refused(t, "EC2", full)
	var err error
	for n := 0; n < 1000 && err == nil; n++ { // what fits where a group does not
		_, err = w.TrySend(fmt.Sprintf("echo %01000d", n), w.Node(0).ID)
	}
	refused(t, "SSM", err)
	have(t, w, kept)
	if got := w.Node(0).Status(); got != world.Online {
		t.Errorf("the node is %s", got)
	}

	w.MakeRoom()
	have(t, w, kept)
	w.Node(0).Await(world.Online)
	if got := w.Node(0).Says("echo room"); got != "room\n" {
		t.Errorf("then it says %q", got)
	}
}

// refused wants an error of a full disk that says so, as its service would.
func refused(t *testing.T, service string, err error) {
	t.Helper()
	var coded smithy.APIError
	if !errors.As(err, &coded) {
		t.Fatalf("%s: %v", service, err)
	}
	code := map[string]string{"EC2": "Unavailable", "SSM": "ServiceUnavailableException"}[service]
	if coded.ErrorCode() != code || !strings.Contains(coded.ErrorMessage(), "disk is full; free space on it") {
		t.Errorf("%s: %s: %s", service, coded.ErrorCode(), coded.ErrorMessage())
	}
}

// have wants the security groups to be those and the world's own.
func have(t *testing.T, w *world.World, kept map[string]bool) {
	t.Helper()
	found := 0
	pages := ec2.NewDescribeSecurityGroupsPaginator(w.EC2, &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.SecurityGroups {
			switch name := aws.ToString(g.GroupName); {
			case kept[name]:
				found++
			case len(name) > 100:
				t.Errorf("%s is there, but was refused", name)
			}
		}
	}
	if found != len(kept) {
		t.Errorf("%d of %d groups are there", found, len(kept))
	}
}
