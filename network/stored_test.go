package network_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// stored is one record of each kind as version 1 wrote it. A database of any age reads like this: a change that makes
// this test fail needs a migration, not another text here.
var stored = map[string]string{
	"vpc": `{"ID":"vpc-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"Tags":[{"Key":"Name","Value":"x"}],"Blocks":[{"ID":"vpc-cidr-assoc-0","CIDR":"10.0.0.0/16"}],"DNSSupport":true,
		"DNSHostnames":true}`,
	"subnet": `{"ID":"subnet-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Zone":"us-east-1a","CIDR":"10.0.1.0/24","PublicOnLaunch":true}`,
	"route-table": `{"ID":"rtb-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Associations":[{"ID":"rtbassoc-0","Main":true},{"ID":"rtbassoc-1","Subnet":"subnet-0"}],
		"Routes":[{"Destination":"0.0.0.0/0","Target":{"Kind":2,"ID":"igw-0"}},{"PrefixList":"pl-63a5400a",
		"Target":{"Kind":5,"ID":"eni-0"}}]}`,
	"internet-gateway": `{"ID":"igw-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0"}`,
	"network-acl": `{"ID":"acl-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Default":true,"Entries":[{"Number":100,"Egress":true,"Allow":true,"CIDR":"0.0.0.0/0",
		"Ports":{"From":0,"To":0},"Protocol":-1}],
		"Associations":[{"ID":"aclassoc-0","Subnet":"subnet-0"}]}`,
	"security-group": `{"ID":"sg-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Name":"default","Description":"d","Rules":[
		{"ID":"sgr-0","Ports":{"From":443,"To":443},"CIDR":"10.0.0.0/8","Description":"x","Tags":[{"Key":"k","Value":"v"}],
		"Protocol":6},
		{"ID":"sgr-1","Egress":true,"Ports":{"From":-1,"To":-1},"Group":"sg-0","Protocol":-1},
		{"ID":"sgr-2","Egress":true,"Ports":{"From":443,"To":443},"PrefixList":"pl-63a5400a","Protocol":6}]}`,
	"network-interface": `{"ID":"eni-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Subnet":"subnet-0","Zone":"us-east-1a","Kind":1,"Description":"d","Addresses":["10.0.1.9"],
		"MAC":"0a:00:00:00:00:01",
		"Groups":["sg-0"],"AnySource":true,"Attachment":{"ID":"ela-attach-0","Owner":"vpce-0",
		"Since":"2026-01-02T03:04:05Z","DeleteOnTermination":false}}`,
	"vpc-endpoint": `{"ID":"vpce-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"VPC":"vpc-0","Kind":0,"Service":"com.amazonaws.us-east-1.ssm","State":"available",
		"Policy":"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}}",
		"PrivateDNS":true,"Suffix":"abcdefgh","HostedZone":"Z0","Subnets":["subnet-0"],"Interfaces":["eni-0"],
		"Groups":["sg-0"]}`,
	"prefix-list": `{"ID":"pl-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"Name":"n","MaxEntries":3,"Version":1,"Entries":[{"CIDR":"10.9.0.0/16","Description":"d"}]}`,
	"vpc-peering": `{"ID":"pcx-0","Account":"000000000000","Region":"us-east-1","Created":"2026-01-02T03:04:05Z",
		"Requester":"vpc-0","Accepter":"vpc-1","Active":true,"RequesterDNS":true,"AccepterDNS":false,
		"AccepterAccount":"000000000000","AccepterRegion":"us-east-1","StatusText":"Active"}`,
	"client-token": `{"ID":"a/r/CreateVpcEndpoint/t","Request":"ab","Result":"vpce-0","Expires":"2126-01-02T03:04:05Z"}`,
}

func TestStoredForm(t *testing.T) {
	var l harness
	l.t, l.ctx = t, t.Context()
	l.store = newStore(t, stored, `{"ID":"vpc-1","Account":"000000000000","Region":"us-east-1",
		"Created":"2026-01-02T03:04:05Z",
		"Blocks":[{"ID":"vpc-cidr-assoc-1","CIDR":"10.1.0.0/16"}],"DNSSupport":false,"DNSHostnames":false}`)
	s := l.open(network.Limits{})
	rules := s.Snapshot().Network().SecurityGroups[0].Rules
	want := []vpc.Rule{
		{ID: "sgr-0", Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: cidr("10.0.0.0/8")},
		{ID: "sgr-1", Egress: true, Protocol: vpc.AllProtocols, Ports: vpc.PortRange{From: -1, To: -1}, Group: "sg-0"},
		{ID: "sgr-2", Egress: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, PrefixList: "pl-63a5400a"},
	}
	if diff := cmp.Diff(want, rules, comparable...); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if p, err := s.EndpointPolicy("vpce-0"); p == nil || err != nil {
		t.Errorf("the endpoint's policy: %v, %v", p, err)
	}
	// Tags on everything write everything again, in the form that was read.
	ids := []string{"vpc-0", "subnet-0", "rtb-0", "igw-0", "acl-0", "sg-0", "eni-0", "vpce-0", "pl-0", "pcx-0"}
	if err := s.CreateTags(l.ctx, here, ids, []network.Tag{{Key: "Name", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	feed, err := l.store.Since(l.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range feed.Changes {
		if text := stored[r.Kind]; text != "" && r.ID != "vpc-1" && r.Kind != "client-token" {
			compareStored(t, r.Record, text)
		}
	}
}

func compareStored(t *testing.T, r record.Record, text string) {
	t.Helper()
	var want, got map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatalf("%s: %v", r.Kind, err)
	}
	if err := json.Unmarshal(r.Body, &got); err != nil {
		t.Fatalf("%s: %v", r.Kind, err)
	}
	want["Tags"] = []any{map[string]any{"Key": "Name", "Value": "x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", r.Kind, diff)
	}
}

// TestEndpointPolicy: what a policy says is judged by the caller; here only that the right one is handed out.
func TestEndpointPolicy(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	e := l.endpoint("ssm")
	if p, err := l.EndpointPolicy(e.ID); p != nil || err != nil {
		t.Errorf("a new endpoint's policy is %v, %v; want full access", p, err)
	}
	text := strings.Replace(network.FullAccess, "Allow", "Deny", 1)
	if err := l.ModifyVpcEndpoint(l.ctx, here, e.ID, network.EndpointChange{Policy: &text}); err != nil {
		t.Fatal(err)
	}
	if p, err := l.EndpointPolicy(e.ID); p == nil || err != nil || p.Name != e.ID {
		t.Errorf("the policy is %v, %v", p, err)
	}
	empty := ""
	if err := l.ModifyVpcEndpoint(l.ctx, here, e.ID, network.EndpointChange{Policy: &empty}); err != nil {
		t.Fatal(err)
	}
	if p, err := l.EndpointPolicy(e.ID); p != nil || err != nil {
		t.Errorf("after the reset the policy is %v, %v", p, err)
	}
	_, err := l.EndpointPolicy("vpce" + noSuch)
	wantCode(t, "no endpoint", err, "InvalidVpcEndpointId.NotFound")
}

func TestPrefixListOfAmazon(t *testing.T) {
	l := newHarness(t, network.Limits{})
	for l := range l.State().PrefixLists(here) {
		if l.ID != "pl-63a5400a" || l.Name != "com.amazonaws.us-east-1.s3" {
			t.Errorf("prefix list %+v", l)
		}
	}
	for _, r := range network.Regions() {
		for l := range l.State().PrefixLists(scope.Scope{Account: here.Account, Region: r.Name}) {
			if !strings.HasPrefix(l.ID, "pl-") || len(l.ID) != 11 {
				t.Errorf("%s has %s", r.Name, l.ID)
			}
		}
	}
	rule := network.SecurityGroupRule{
		Egress: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, PrefixList: "pl-63a5400a",
	}
	must(l.Authorize(l.ctx, here, l.nodes, true, []network.SecurityGroupRule{rule}, nil))(t)
	if lists := l.Snapshot().Network().PrefixLists; len(lists) != 1 ||
		!lists[0].CIDRs[0].Contains(netip.MustParseAddr("52.216.240.1")) {
		t.Errorf("the judge has prefix lists %v", lists)
	}
}

func newStore(t *testing.T, records map[string]string, more string) *record.Memory {
	t.Helper()
	s := new(record.Memory)
	var changes []record.Change
	add := func(kind string, body string) {
		var id struct{ ID string }
		if err := json.Unmarshal([]byte(body), &id); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		changes = append(changes, record.Change{
			Record: record.Record{Key: record.Key{Kind: kind, ID: id.ID}, Body: []byte(body)},
		})
	}
	for kind, body := range records {
		add(kind, body)
	}
	add("vpc", more)
	if _, err := s.Commit(context.Background(), record.Commit{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	return s
}
