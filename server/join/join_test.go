package join_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/network/link"
	"postern/record"
	"postern/server/join"
	"postern/services/machine"
	"postern/ssm/node"
)

var here = scope.Scope{Account: "000000000000", Region: "us-east-1"}

// anyRole takes every role for one.
type anyRole struct{}

func (anyRole) CheckRole(context.Context, scope.Scope, string) error { return nil }
func (anyRole) NodeSession(context.Context, node.Session) (node.Credentials, error) {
	return node.Credentials{}, nil
}

// site is a policy on services in memory, a VPC, and a clock that stands.
type site struct {
	*join.Policy
	t      *testing.T
	now    time.Time
	places join.Places
	vpc    string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return s.now }
	n, err := network.New(t.Context(), network.Config{
		Store: new(record.Memory), Now: clock, Draw: func(int) int { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	machines, err := machine.Open(t.Context(), new(record.Memory), join.Interfaces{Network: n})
	if err != nil {
		t.Fatal(err)
	}
	nodes := node.New(node.Config{
		Records: new(record.Memory), Roles: anyRole{}, Now: clock, KeyMaxAge: 24 * time.Hour,
		JoinKey: func(activation, code string) ([]byte, error) { return []byte("key of " + activation), nil },
	})
	s.Policy = &join.Policy{Machines: machines, Nodes: nodes, Network: n, CA: []byte("the CA"), Now: clock}
	s.places = join.Places{Network: n}
	s.vpc = s.newVPC("10.0.0.0/16")
	return s
}

func (s *site) newVPC(cidr string) string {
	s.t.Helper()
	made, err := s.Network.CreateVpc(s.t.Context(), here, network.CreateVpcInput{CIDR: netip.MustParsePrefix(cidr)})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.ID
}

func (s *site) subnet(vpc, cidr string) string {
	s.t.Helper()
	made, err := s.Network.CreateSubnet(s.t.Context(), here, network.CreateSubnetInput{
		VPC: vpc, CIDR: netip.MustParsePrefix(cidr),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.ID
}

func (s *site) group(vpc, name string) string {
	s.t.Helper()
	made, err := s.Network.CreateSecurityGroup(s.t.Context(), here, network.CreateSecurityGroupInput{
		VPC: vpc, Name: name, Description: name,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.ID
}

// activate makes an activation for so many machines, whose place its tags name.
func (s *site) activate(limit int, tags map[string]string) node.Activation {
	s.t.Helper()
	place, err := s.places.Place(here, tags)
	if err != nil {
		s.t.Fatal(err)
	}
	a, _, err := s.Nodes.CreateActivation(s.t.Context(), here, node.NewActivation{
		Role: "Nodes", Limit: limit, Place: place,
	}, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// ask makes the request of a new machine.
func ask(activation string) link.JoinRequest {
	return link.JoinRequest{Activation: activation, PublicKey: link.NewPrivateKey().Public(), Hostname: "edge"}
}

// owners counts the interfaces that joined machines hold.
func (s *site) owners() (n int) {
	for i := range s.Network.State().Interfaces(here) {
		if strings.HasPrefix(i.Owner(), "machine-") {
			n++
		}
	}
	return n
}

func (s *site) wantFault(what string, err error, kind fault.Kind, text string) {
	s.t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), text) {
		s.t.Errorf("%s: %v, want %v: %s", what, err, kind, text)
	}
}

func TestPlace(t *testing.T) {
	s := newSite(t)
	none, err := s.places.Place(here, nil)
	if none != nil || err != nil {
		t.Errorf("without a subnet: %+v, %v", none, err)
	}
	one := s.subnet(s.vpc, "10.0.1.0/24")
	web, db := s.group(s.vpc, "web"), s.group(s.vpc, "db")
	foreign := s.group(s.newVPC("10.9.0.0/16"), "foreign")
	standard, err := s.Network.State().GroupNamed(here, s.vpc, "default")
	if err != nil {
		t.Fatal(err)
	}
	only, err := s.places.Place(here, nil)
	if err != nil || only == nil || only.Subnet != one || !slices.Equal(only.Groups, []string{standard.ID}) {
		t.Errorf("the only subnet: %+v, %v", only, err)
	}
	two := s.subnet(s.vpc, "10.0.2.0/24")
	if p, err := s.places.Place(here, map[string]string{node.TagGroups: web}); p != nil || err != nil {
		t.Errorf("a choice: %+v, %v", p, err)
	}
	for _, tt := range []struct {
		groups string
		want   []string
	}{
		{"", []string{standard.ID}},
		{" , ", []string{standard.ID}},
		{web, []string{web}},
		{web + ", " + db, []string{web, db}},
		{db + " " + web + ",", []string{db, web}},
	} {
		p, err := s.places.Place(here, map[string]string{node.TagSubnet: two, node.TagGroups: tt.groups})
		if err != nil || p == nil || p.Subnet != two || !slices.Equal(p.Groups, tt.want) {
			t.Errorf("%q: %+v, %v", tt.groups, p, err)
		}
	}
	for _, tt := range []struct {
		subnet, groups string
		kind           fault.Kind
		text           string
	}{
		{"subnet-0123456789abcdef0", "", fault.NotFound, "tag " + node.TagSubnet + ": "},
		{two, "sg-0123456789abcdef0", fault.NotFound, "tag " + node.TagGroups + ": "},
		{two, web + " " + foreign, fault.Invalid, "the security group " + foreign + " is not of the VPC of " + two},
	} {
		_, err := s.places.Place(here, map[string]string{node.TagSubnet: tt.subnet, node.TagGroups: tt.groups})
		s.wantFault(tt.subnet+", "+tt.groups, err, tt.kind, tt.text)
	}
}

func TestJoin(t *testing.T) {
	s := newSite(t)
	subnet := s.subnet(s.vpc, "10.0.1.0/24")
	a := s.activate(2, nil)
	if key, err := s.JoinKey(t.Context(), a.ID); err != nil || string(key) != "key of "+a.ID {
		t.Errorf("key %q, %v", key, err)
	}
	r := ask(a.ID)
	r.Subnet = subnet
	granted, err := s.Join(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if granted.VPC != s.vpc || granted.Subnet != subnet || granted.Address.Bits() != 24 ||
		!netip.MustParsePrefix("10.0.1.0/24").Contains(granted.Address.Addr()) || string(granted.CA) != "the CA" ||
		granted.Resolver != netip.MustParseAddr("10.0.0.2") || granted.Servers != nil ||
		!slices.Equal(granted.Routes, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}) {
		t.Errorf("granted %+v", granted)
	}
	// The same machine asks again, for an answer that was lost: even when the activation lets no new one in.
	s.now = a.Expires
	again, err := s.Join(t.Context(), r)
	if err != nil || again.Interface != granted.Interface || again.Address != granted.Address || s.owners() != 1 {
		t.Errorf("again: %+v, %v; %d interfaces", again, err, s.owners())
	}
	_, err = s.Join(t.Context(), ask(a.ID))
	s.wantFault("a new machine after the activation's time", err, fault.Denied, "activation "+a.ID+" has expired")
}

func TestJoinIsRefused(t *testing.T) {
	s := newSite(t)
	nowhere := s.activate(1, nil)
	_, err := s.Join(t.Context(), ask(nowhere.ID))
	s.wantFault("no place", err, fault.Missing, "make one with the tag "+node.TagSubnet+"=subnet-…")
	s.subnet(s.vpc, "10.0.1.0/24")
	a := s.activate(1, nil)
	elsewhere := ask(a.ID)
	elsewhere.Subnet = "subnet-elsewhere"
	_, err = s.Join(t.Context(), elsewhere)
	s.wantFault("another subnet", err, fault.Denied, "lets machines into "+a.Place.Subnet+" only: join without --subnet")
	if _, err := s.Join(t.Context(), ask(a.ID)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Join(t.Context(), ask(a.ID))
	s.wantFault("one too many", err, fault.Limit, "1 of 1 machines have joined with it")
	if n := s.owners(); n != 1 {
		t.Errorf("%d interfaces, want 1", n)
	}
	for _, id := range []string{"", "00000000-0000-0000-0000-000000000000"} {
		if _, err := s.Join(t.Context(), ask(id)); err == nil {
			t.Errorf("activation %q let a machine in", id)
		}
		if _, err := s.JoinKey(t.Context(), id); err == nil {
			t.Errorf("activation %q has a key", id)
		}
	}
}

// Machines that come at once are as many as the activation lets in, with an interface each and none left over.
func TestJoinAtOnceKeepsTheLimit(t *testing.T) {
	s := newSite(t)
	s.subnet(s.vpc, "10.0.1.0/24")
	a := s.activate(3, nil)
	var all sync.WaitGroup
	answers := make(chan error, 12)
	for range cap(answers) {
		all.Go(func() {
			_, err := s.Join(t.Context(), ask(a.ID))
			answers <- err
		})
	}
	all.Wait()
	close(answers)
	joined := 0
	for err := range answers {
		if err == nil {
			joined++
		} else {
			s.wantFault("one too many", err, fault.Limit, "is used up")
		}
	}
	if joined != 3 || s.owners() != 3 || len(s.Machines.All()) != 3 {
		t.Errorf("%d joined, %d interfaces, %d machines; want 3", joined, s.owners(), len(s.Machines.All()))
	}
}

// A machine that never registers goes when its time is over, or at once when it could not any more.
func TestAbandon(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(s *site, a node.Activation) error
		stays  bool
	}{
		{"at once", func(*site, node.Activation) error { return nil }, true},
		{"after an hour", func(s *site, _ node.Activation) error {
			s.now = s.now.Add(time.Hour)
			return nil
		}, true},
		{"after more than an hour", func(s *site, _ node.Activation) error {
			s.now = s.now.Add(time.Hour + time.Second)
			return nil
		}, false},
		{"its activation is deleted", func(s *site, a node.Activation) error {
			return s.Nodes.DeleteActivation(t.Context(), here, a.ID)
		}, false},
		{"its activation has expired", func(s *site, a node.Activation) error {
			s.now = a.Expires
			return nil
		}, false},
		{"it has registered", func(s *site, a node.Activation) error {
			s.now = a.Expires.Add(time.Hour)
			return s.Machines.Registered(t.Context(), s.Machines.All()[0].Interface, "mi-0123456789abcdef0")
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.subnet(s.vpc, "10.0.1.0/24")
			a := s.activate(1, nil)
			granted, err := s.Join(t.Context(), ask(a.ID))
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.before(s, a); err != nil {
				t.Fatal(err)
			}
			if err := s.Abandon(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err = s.Network.State().Interface(here, granted.Interface)
			if stays := len(s.Machines.All()) == 1; stays != tt.stays || (err == nil) != tt.stays {
				t.Errorf("the machine stays: %t, its interface: %v; want %t", stays, err, tt.stays)
			}
		})
	}
}
