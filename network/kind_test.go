package network

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// TestKindsAreDeclared refuses a kind of record that is written down without being declared: nothing would walk it.
func TestKindsAreDeclared(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		declared := map[ast.Node]bool{}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && nameOf(call.Fun) == "declare" {
				literal := call.Args[0].(*ast.UnaryExpr).X.(*ast.CompositeLit)
				declared[literal] = true
				for _, e := range literal.Elts {
					declared[e.(*ast.KeyValueExpr).Value] = true
				}
			}
			if literal, ok := n.(*ast.CompositeLit); ok {
				index, ok := literal.Type.(*ast.IndexExpr)
				if kindOf := ok && (nameOf(index.X) == "kind" || nameOf(index.X) == "record.Kind"); !kindOf {
					return true
				}
				written[nameOf(index.Index)] = true
				if !declared[literal] {
					t.Errorf("%s: the kind of %s is not declared", f.Name(), nameOf(index.Index))
				}
			}
			return true
		})
	}
	if len(written) != len(kinds) {
		t.Errorf("%d kinds are written, %d are declared: %v", len(written), len(kinds), slices.Sorted(maps.Keys(written)))
	}
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	}
	return ""
}

// record returns a record of the kind.
func (k *kind[T]) record(t *record.Tables, id string) keyed {
	if r, ok := k.Get(t, id); ok {
		return any(r).(keyed)
	}
	return nil
}

// anyKind adds what only tests ask.
type anyKind interface {
	declared
	Len(t *record.Tables) int
	record(t *record.Tables, id string) keyed
}

// samples is a network with a record of every kind.
type samples struct {
	t     *testing.T
	ctx   context.Context
	store record.Memory
	in    scope.Scope

	*Service
	vpc, subnet, nic, service, resolver string
}

func newSamples(t *testing.T) *samples {
	s := &samples{t: t, ctx: t.Context(), in: scope.Scope{Account: "111122223333", Region: "us-east-1"}}
	s.Service = s.open(Limits{})
	return s
}

func (s *samples) open(l Limits) *Service {
	s.t.Helper()
	made, err := New(s.ctx, Config{Store: &s.store, Limits: l, Draw: func(int) int { return 0 }})
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// make makes one more of each kind, and returns the error of each by the kind's name.
func (s *samples) make() map[string]error {
	errs := map[string]error{}
	v, err := s.CreateVpc(s.ctx, s.in, CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	if errs["vpc"] = err; err == nil {
		s.vpc = v.ID
	}
	range24 := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(s.State().Version()), 0}), 24)
	n, err := s.CreateSubnet(s.ctx, s.in, CreateSubnetInput{VPC: s.vpc, CIDR: range24})
	if errs["subnet"] = err; err == nil {
		s.subnet = n.ID
	}
	_, errs["route-table"] = s.CreateRouteTable(s.ctx, s.in, CreateRouteTableInput{
		VPC: s.vpc, Token: "t" + range24.String(),
	})
	_, errs["network-acl"] = s.CreateNetworkACL(s.ctx, s.in, CreateNetworkACLInput{VPC: s.vpc})
	_, errs["security-group"] = s.CreateSecurityGroup(s.ctx, s.in, CreateSecurityGroupInput{
		VPC: s.vpc, Name: "g" + range24.String(), Description: "x",
	})
	_, errs["internet-gateway"] = s.CreateInternetGateway(s.ctx, s.in, nil)
	_, errs["dhcp-options"] = s.CreateDhcpOptions(s.ctx, s.in, []DhcpOption{{Key: domainName, Values: []string{"x"}}}, nil)
	_, errs["prefix-list"] = s.CreatePrefixList(s.ctx, s.in, CreatePrefixListInput{Name: "l", MaxEntries: 1})
	_, errs["elastic-ip"] = s.AllocateAddress(s.ctx, s.in, nil)
	i, err := s.CreateInterface(s.ctx, s.in, CreateInterfaceInput{Subnet: s.subnet, Owner: "i-1"})
	if errs["network-interface"] = err; err == nil {
		s.nic = i.ID
	}
	s.makeServices(errs)
	s.makeResolvers(errs)
	_, errs["vpc-endpoint"] = s.CreateVpcEndpoint(s.ctx, s.in, CreateVpcEndpointInput{
		VPC: s.vpc, Service: "com.amazonaws.us-east-1.s3", Kind: vpc.GatewayEndpoint,
	})
	_, errs["nat-gateway"] = s.CreateNATGateway(s.ctx, s.in, CreateNATGatewayInput{Subnet: s.subnet, Private: true})
	_, errs["flow-log"] = s.CreateFlowLogs(s.ctx, s.in, CreateFlowLogsInput{
		Type: "NetworkInterface", Resources: []string{s.nic}, Traffic: "ALL", Interval: 60,
		Destination: FlowLogBucket(s.in.Region) + "/" + range24.Addr().String(),
	})
	return errs
}

func (s *samples) makeServices(errs map[string]error) {
	target := ServiceTarget{Port: 1, TargetPort: 1, Interface: s.nic}
	v, err := s.CreateEndpointService(s.ctx, s.in, CreateEndpointServiceInput{Targets: []string{target.ARN(s.in)}})
	if errs["vpc-endpoint-service"] = err; err == nil {
		s.service = v.ID
	}
	_, errs["vpc-endpoint-connection-notification"] = s.CreateConnectionNotification(s.ctx, s.in, CreateNotificationInput{
		Service: s.service, Topic: "arn:aws:sns:us-east-1:111122223333:x", Events: connectionEvents,
	})
}

func (s *samples) makeResolvers(errs map[string]error) {
	group, err := s.State().GroupNamed(s.in, s.vpc, defaultGroup)
	if err != nil {
		s.t.Fatal(err)
	}
	request := "r" + newSuffix()
	e, err := s.CreateResolverEndpoint(s.ctx, s.in, CreateResolverEndpointInput{
		Direction: vpc.Outbound, Addresses: []ResolverSubnet{{ID: s.subnet}, {ID: s.subnet}}, Groups: []string{group.ID},
		CreatorRequest: request,
	})
	if errs["resolver-endpoint"] = err; err == nil {
		s.resolver = e.ID
	}
	_, errs["resolver-rule"] = s.CreateResolverRule(s.ctx, s.in, CreateResolverRuleInput{
		Domain: "example.com", CreatorRequest: request,
	})
}

// all makes a record of every kind and fails the test where it cannot.
func (s *samples) all() {
	s.t.Helper()
	for _, errs := range []map[string]error{s.make(), s.peer()} {
		for name, err := range errs {
			if err != nil {
				s.t.Fatalf("make a %s: %v", name, err)
			}
		}
	}
	for _, k := range kinds {
		if k.(anyKind).Len(s.State().Tables) == 0 {
			s.t.Fatalf("samples has no %s: make one in samples.make", k)
		}
	}
}

func (s *samples) peer() map[string]error {
	other, err := s.CreateVpc(s.ctx, s.in, CreateVpcInput{CIDR: netip.MustParsePrefix("10.1.0.0/16")})
	if err != nil {
		return map[string]error{"vpc": err}
	}
	_, err = s.CreatePeering(s.ctx, s.in, CreatePeeringInput{Requester: s.vpc, Accepter: other.ID})
	return map[string]error{"vpc-peering": err}
}

// TestEveryKindIsKept: what is written of every kind is in memory at once, and is read again by who opens the store and
// by who has it open.
func TestEveryKindIsKept(t *testing.T) {
	s := newSamples(t)
	other := s.open(Limits{})
	s.all()
	if err := other.Refresh(s.ctx); err != nil {
		t.Fatal(err)
	}
	feed, err := s.store.Since(s.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for i := range feed.Changes {
		c := &feed.Changes[i]
		stored[c.Kind]++
		k := kindNamed(c.Kind).(anyKind)
		for what, service := range map[string]*Service{"itself": s.Service, "another": other, "a restart": s.open(Limits{})} {
			text, err := json.Marshal(k.record(service.State().Tables, c.ID))
			if err != nil || string(text) != string(c.Body) {
				t.Errorf("%s has of %s %s:\n%s (%v), the store has\n%s", what, c.Kind, c.ID, text, err, c.Body)
			}
		}
	}
	for _, k := range kinds {
		if n := k.(anyKind).Len(s.State().Tables); n != stored[k.String()] {
			t.Errorf("%d of %s are in memory, %d in the store", n, k, stored[k.String()])
		}
	}
}

// TestEveryKindIsDeleted: a plan that deletes a record leaves the earlier state as it was, and everybody without it.
func TestEveryKindIsDeleted(t *testing.T) {
	s := newSamples(t)
	s.all()
	for _, declared := range kinds {
		k, before := declared.(anyKind), s.State()
		var gone keyed
		for _, key := range s.keys(k.String()) {
			gone = k.record(before.Tables, key)
		}
		version, err := s.replica.Change(s.ctx, "", func(p *record.Plan) error {
			k.remove(p, gone, true)
			return nil
		})
		if err != nil || version == 0 {
			t.Fatalf("delete %s %s: version %d, %v", k, gone.key(), version, err)
		}
		if k.record(before.Tables, gone.key()) != gone {
			t.Errorf("the state before has no %s any more", k)
		}
		if k.record(s.State().Tables, gone.key()) != nil {
			t.Errorf("%s %s is still there", k, gone.key())
		}
		if slices.Contains(s.keys(k.String()), gone.key()) {
			t.Errorf("%s %s is still stored", k, gone.key())
		}
	}
}

func (s *samples) keys(kind string) []string {
	feed, err := s.store.Since(s.ctx, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for _, c := range feed.Changes {
		if c.Kind == kind {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// TestEveryKindIsTagged: whatever has a type in tags can be tagged, shows its tags and is named by its type.
func TestEveryKindIsTagged(t *testing.T) {
	s := newSamples(t)
	s.all()
	for _, k := range kinds {
		id := s.keys(k.String())[0]
		err := s.CreateTags(s.ctx, s.in, []string{id}, []Tag{{Key: "k", Value: "v"}})
		if !k.typ().takesTags() {
			if fault.Of(err) == nil || fault.Of(err).Code != "InvalidID" {
				t.Errorf("tag %s: %v, want InvalidID", k, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("tag %s: %v", k, err)
		}
		found := slices.ContainsFunc(s.State().Tagged(s.in), func(x Tagged) bool {
			return x.ID == id && x.Type == k.typ().name && len(x.Tags) == 1
		})
		if !found {
			t.Errorf("%s %s is not among what is tagged", k, id)
		}
	}
}

// TestEveryLimitHolds: of every kind that is bounded, one more than the limit is refused with the kind's code.
func TestEveryLimitHolds(t *testing.T) {
	s := newSamples(t)
	s.all()
	service := s.open(Limits{
		VPCs: 2, SubnetsPerVPC: 1, TablesPerVPC: 2, ACLsPerVPC: 2, DhcpOptions: 1, Gateways: 1, ElasticIPs: 1, NATGateways: 1,
		FlowLogs: 1, Groups: 3, Interfaces: 4, EndpointsPerVPC: 1, EndpointServices: 1, Notifications: 1,
	})
	s.Service = service
	errs := s.make()
	for _, k := range kinds {
		bound := k.(interface{ bound() *limit }).bound()
		if bound == nil || strings.HasPrefix(k.String(), "resolver-") { // theirs are constants
			continue
		}
		if err := errs[k.String()]; fault.Of(err) == nil || fault.Of(err).Code != bound.code {
			t.Errorf("one more %s: %v, want %s", k, err, bound.code)
		}
	}
}

func (k *kind[T]) bound() *limit { return k.limit }
