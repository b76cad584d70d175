package world_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	wire "github.com/miekg/dns"

	"postern/doctor"
	"postern/test/world"
)

// nameServer is a DNS server on a node. It knows the names of its own zone, and what Amazon's names are only where it
// forwards them to the VPC's resolver.
type nameServer struct {
	ctx      context.Context
	node     *world.Node
	forwards atomic.Bool
	asked    atomic.Int64
}

const ownZone = "corp.example."

func startNameServer(t *testing.T, w *world.World) *nameServer {
	t.Helper()
	s := &nameServer{ctx: t.Context(), node: w.Bare()}
	started := make(chan struct{})
	server := &wire.Server{PacketConn: s.node.ListenUDP(53), Handler: s, NotifyStartedFunc: func() { close(started) }}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.ActivateAndServe() // it ends with its socket
	}()
	<-started
	t.Cleanup(func() { _ = server.Shutdown(); <-ended })
	return s
}

// ServeDNS implements wire.Handler.
func (s *nameServer) ServeDNS(w wire.ResponseWriter, m *wire.Msg) {
	name := strings.ToLower(m.Question[0].Name)
	r := new(wire.Msg)
	r.SetRcode(m, wire.RcodeNameError)
	switch {
	case wire.IsSubDomain("amazonaws.com.", name):
		s.asked.Add(1)
		if !s.forwards.Load() {
			break
		}
		if answer, err := s.forward(m); err == nil {
			r = answer
		}
	case name == "db."+ownZone:
		r.SetReply(m)
		if m.Question[0].Qtype == wire.TypeA {
			rr, _ := wire.NewRR(name + " 60 IN A 10.0.1.99")
			r.Answer = []wire.RR{rr}
		}
	}
	_ = w.WriteMsg(r) // whoever asked asks again
}

func (s *nameServer) forward(m *wire.Msg) (*wire.Msg, error) {
	c, err := s.node.Dial(s.ctx, "udp", "10.0.0.2:53")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	conn := &wire.Conn{Conn: c}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	return conn.ReadMsg()
}

// TestOwnNameServer gives the VPC a DNS server of its own. A node that has booted with it asks it, over the
// network like anybody; while it does not forward amazonaws.com the node has no names for its endpoints, is not online,
// and is there again by itself once the forwarder is made.
func TestOwnNameServer(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(1))
	n, s := w.Node(0), startNameServer(t, w)
	w.AllowDNS()
	options, err := w.EC2.CreateDhcpOptions(
		t.Context(),
		&ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{
			{Key: aws.String("domain-name-servers"), Values: []string{s.node.Address.String()}},
			{Key: aws.String("domain-name"), Values: []string{"corp.example"}},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	w.AssociateDhcpOptions(*options.DhcpOptions.DhcpOptionsId)
	if got := try(t, n, ssmName, connects); got != connects || s.asked.Load() > 0 {
		t.Errorf("before it boots again: %s, the server was asked %d times", got, s.asked.Load())
	}
	n.Reboot()
	if got := try(t, n, ssmName, noName); got != noName {
		t.Errorf("without the forwarder: %s, want %s", got, noName)
	}
	n.Await(world.ConnectionLost)
	if found, err := n.Lookup(t.Context(), "db.corp.example"); err != nil || len(found) != 1 {
		t.Errorf("its own zone: %v, %v", found, err)
	}
	if s.asked.Load() == 0 {
		t.Error("the server was not asked")
	}
	report, err := doctor.Explain(t.Context(), w.Doctor, w.Server.Access().Region, n.ID, "ssm")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 1 || report.Findings[0].ID != "dns/server-not-judged" || report.Works {
		t.Errorf("the doctor does not name the cause:\n%v", report)
	}
	s.forwards.Store(true)
	n.Await(world.Online)
	if got := n.Says("echo back"); got != "back\n" {
		t.Errorf("it says %q", got)
	}
	// Back to the region's own options: the VPC's resolver again.
	w.AssociateDhcpOptions("default")
	s.forwards.Store(false)
	n.Reboot()
	if got := try(t, n, ssmName, connects); got != connects {
		t.Errorf("without options: %s", got)
	}
	if _, err := n.Lookup(t.Context(), "db.corp.example"); err == nil {
		t.Error("it asks the old server still")
	}
}
