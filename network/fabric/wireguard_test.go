package fabric_test

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/network/fabric"
	"postern/network/link"
	"postern/network/link/tunnel"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

const (
	activation = "0a1b2c3d-0000-4000-8000-000000000001"
	code       = "K7mQpX2vRt9LsYw4ZbNc"
)

// joiner lets everybody who knows the code into one interface.
type joiner struct{ vpc string }

func (j joiner) JoinKey(_ context.Context, id string) ([]byte, error) {
	if id != activation {
		return nil, fault.New(fault.NotFound, "test", "no activation %s", id)
	}
	return link.DeriveJoinKey(activation, code), nil
}

func (j joiner) Join(context.Context, link.JoinRequest) (link.Grant, error) {
	return link.Grant{
		Account: "000000000000", Region: "us-east-1", VPC: j.vpc, Subnet: "subnet-a", Interface: vpctest.Node,
		Address: netip.PrefixFrom(nodeAddress, 24), Resolver: netip.MustParseAddr("10.0.0.2"),
		MTU: fabric.DefaultWireGuardMTU,
	}, nil
}

// joined lets a machine in and brings its tunnel up.
func joined(t testing.TB, l *harness) (*fabric.WireGuard, *tunnel.Tunnel) {
	t.Helper()
	w, err := l.ListenWireGuard(t.Context(), fabric.WireGuardOptions{
		Address: netip.MustParseAddrPort("127.0.0.1:0"), PrivateKey: link.NewPrivateKey(),
		Joiner: joiner{l.network.VPCs[0].ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	conf, err := tunnel.Join(t.Context(), tunnel.JoinConfig{
		Server: w.LocalAddr().String(), Activation: activation, Code: code,
	})
	if err != nil {
		t.Fatal(err)
	}
	tn, err := tunnel.Dial(t.Context(), conf, tunnel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	return w, tn
}

func TestWireGuardNodeReachesEndpoint(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w, tn := joined(t, l)
	c, err := tn.DialContext(t.Context(), "tcp", ssmA.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted := <-l.accepted
	if o := accepted.Origin(); o.Interface != vpctest.Node || o.Source.Addr() != nodeAddress ||
		o.VPC != l.network.VPCs[0].ID {
		t.Errorf("Origin = %+v", o)
	}
	echoed := make([]byte, 5)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, echoed); err != nil || string(echoed) != "hello" {
		t.Errorf("%q, %v", echoed, err)
	}
	peers := w.Peers()
	if len(peers) != 1 || peers[0].Interface != vpctest.Node || peers[0].LastHandshake.IsZero() {
		t.Errorf("Peers = %+v", peers)
	}
	if w.ServerKey("vpc-a") == w.ServerKey("vpc-b") {
		t.Error("two VPCs have one key")
	}
}

func TestWireGuardNodeIsJudged(t *testing.T) {
	l := newHarness(t, fabric.Options{})
	w, tn := joined(t, l)
	reach := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		c, err := tn.DialContext(ctx, "tcp", ssmA.String())
		if err == nil {
			c.Close()
		}
		return err
	}
	ingress := func(allow bool) {
		l.apply(func(n *vpc.Network) {
			for i := range n.SecurityGroups {
				n.SecurityGroups[i].Rules = slices.Clone(n.SecurityGroups[i].Rules)
				for j := range n.SecurityGroups[i].Rules {
					if r := &n.SecurityGroups[i].Rules[j]; !r.Egress && r.Ports.From == 443 {
						r.Protocol = map[bool]vpc.Protocol{true: vpc.TCP, false: vpc.UDP}[allow]
					}
				}
			}
		})
	}
	for _, tt := range []struct {
		name string
		do   func()
		want bool
	}{
		{"as it was", func() {}, true},
		{"rule revoked", func() { ingress(false) }, false},
		{"rule given back", func() { ingress(true) }, true},
		{"machine put out", func() { w.RemovePeer(w.Peers()[0].PublicKey) }, false},
	} {
		tt.do()
		if err := reach(); (err == nil) != tt.want {
			t.Errorf("%s: %v, want reached %t", tt.name, err, tt.want)
		}
	}
}
