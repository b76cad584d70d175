package doctor_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/iam"
	"postern/doctor"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func corePolicy(t testing.TB) doctor.Document {
	t.Helper()
	for _, p := range iam.ManagedPolicies() {
		if p.Name == "AmazonSSMManagedInstanceCore" {
			return doctor.Document{Name: "arn:aws:iam::aws:policy/" + p.Name, JSON: p.Document}
		}
	}
	t.Fatal("no AmazonSSMManagedInstanceCore")
	return doctor.Document{}
}

const trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// healthy returns the sample network with a node for which everything is right.
func healthy(t testing.TB) doctor.Facts {
	return doctor.Facts{
		Account: "000000000000", Region: "us-east-1", At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Node: doctor.Node{
			ID: vpctest.Instance, Interface: vpctest.Node, State: "running", Status: "Online",
			LastPing: time.Date(2026, 11, 22, 11, 59, 30, 0, time.UTC),
		},
		Network: vpctest.Sample(),
		Roles: []doctor.Role{{
			Name: "node-role", ARN: "arn:aws:iam::000000000000:role/node-role", By: "instance profile nodes",
			Service: "ec2.amazonaws.com", Trust: trustEC2, Policies: []doctor.Document{corePolicy(t)},
		}},
	}
}

func assess(t testing.TB, f doctor.Facts, to string) doctor.Report {
	t.Helper()
	r, err := doctor.Assess(f, to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func withoutEndpoint(f *doctor.Facts) {
	f.Network.Endpoints = f.Network.Endpoints[1:]
	f.Network.Interfaces = slices.DeleteFunc(f.Network.Interfaces,
		func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
}

// one names a finding in a row: id, resource, severity.
func one(f doctor.Finding) string { return string(f.ID) + " " + f.Resource + " " + string(f.Severity) }

func lost(f *doctor.Facts) { f.Node.Status = "ConnectionLost" }

// A findingCase breaks one thing of a healthy node, asks about a destination, and says what is found.
type findingCase struct {
	name   string
	change func(*doctor.Facts)
	to     string
	want   []string
}

var pathFindings = []findingCase{
	{"healthy", func(*doctor.Facts) {}, "ssm", nil},
	{"healthy, ssmmessages", func(*doctor.Facts) {}, "com.amazonaws.us-east-1.ssmmessages", nil},
	{"healthy, by name", func(*doctor.Facts) {}, "ssm.us-east-1.amazonaws.com", nil},
	{"healthy, by address", func(*doctor.Facts) {}, "10.0.1.10:443", nil},

	// The four causes of the first story.
	{"endpoint group's rule", func(f *doctor.Facts) { f.Network.SecurityGroups[1].Rules = nil }, "ssm",
		[]string{"ingress/no-rule sg-endpoints broken"}},
	{"endpoint deleted", withoutEndpoint, "ssm", []string{"endpoint/missing vpc-1 broken"}},
	{"private DNS off", func(f *doctor.Facts) { f.Network.Endpoints[0].PrivateDNS = false }, "ssm",
		[]string{"dns/private-dns-off vpce-ssm broken"}},
	{"role's policy detached", func(f *doctor.Facts) { f.Roles[0].Policies = nil }, "ssm",
		[]string{"role/not-allowed node-role broken"}},

	{"DNS support off", func(f *doctor.Facts) { f.Network.VPCs[0].DNSSupport = false }, "ssm",
		[]string{"dns/support-off vpc-1 broken"}},
	{"DNS hostnames off", func(f *doctor.Facts) { f.Network.VPCs[0].DNSHostnames = false }, "ssm",
		[]string{"dns/hostnames-off vpc-1 broken"}},
	{"endpoint pending", func(f *doctor.Facts) { f.Network.Endpoints[0].Available = false }, "ssm",
		[]string{"endpoint/unavailable vpce-ssm broken"}},
	{"own DNS servers", dnsServer("10.0.1.30", true), "ssm", []string{"dns/server-not-judged vpc-1 unknown"}},
	{"own DNS servers, not online", func(f *doctor.Facts) { lost(f); dnsServer("10.0.1.30", true)(f) }, "ssm",
		[]string{"dns/server-not-judged vpc-1 broken"}},
	{"own DNS servers, their group", dnsServer("10.0.1.30", false), "ssm",
		[]string{"dns/server-unreached sg-dns broken", "dns/server-not-judged vpc-1 unknown"}},
	{"own DNS servers, not there", func(f *doctor.Facts) { f.DNSServers = []string{"10.0.9.9"} }, "ssm",
		[]string{"dns/server-unreached vpc-1 broken", "dns/server-not-judged vpc-1 unknown"}},
	{"node's egress", func(f *doctor.Facts) { f.Network.SecurityGroups[0].Rules = nil }, "ssm",
		[]string{"egress/no-rule sg-nodes broken"}},
	{"one zone's ACL", func(f *doctor.Facts) {
		f.Network.ACLs = append(f.Network.ACLs, vpc.ACL{ID: "acl-b", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB}})
	}, "ssm", []string{"acl-in/denied acl-b degraded"}},
	{"ACL without the way back", func(f *doctor.Facts) {
		f.Network.ACLs[0].Entries = slices.Clone(f.Network.ACLs[0].Entries)
		f.Network.ACLs[0].Entries[1].Protocol, f.Network.ACLs[0].Entries[1].Ports = vpc.TCP, vpc.PortRange{
			From: 443, To: 443,
		}
		f.Network.Endpoints[0].Interfaces = f.Network.Endpoints[0].Interfaces[1:]
		f.Network.Interfaces = slices.DeleteFunc(f.Network.Interfaces,
			func(c vpc.Interface) bool { return c.ID == "eni-ssm-a" })
	}, "ssm", []string{"acl-out/denied acl-1 broken"}},
}

var nodeFindings = []findingCase{
	{"stopped", func(f *doctor.Facts) { f.Node.State, f.Node.Status = "stopped", "ConnectionLost" }, "ssm",
		[]string{"node/not-running i-1 broken"}},
	{"no interface", func(f *doctor.Facts) { f.Node.Interface = "" }, "ssm", []string{"node/no-interface i-1 broken"}},
	{"agent silent", lost, "ssm", []string{"node/agent-silent i-1 unknown"}},
	{"not registered", func(f *doctor.Facts) { f.Node.Status = "" }, "ssm", []string{"node/agent-silent i-1 unknown"}},
	{"broken and so lost", func(f *doctor.Facts) { lost(f); f.Network.SecurityGroups[1].Rules = nil }, "ssm",
		[]string{"ingress/no-rule sg-endpoints broken"}},

	{"metadata off", func(f *doctor.Facts) { f.Node.Metadata = &doctor.Metadata{Off: true} }, "ssm",
		[]string{"node/metadata-off i-1 broken"}},
	{"metadata with one hop", func(f *doctor.Facts) { f.Node.Metadata = &doctor.Metadata{HopLimit: 1} }, "ssm", nil},
}

var roleFindings = []findingCase{
	{"no profile", func(f *doctor.Facts) { f.Roles = nil }, "ssm", []string{"role/missing i-1 broken"}},
	{"role not to be assumed",
		func(f *doctor.Facts) { f.Roles[0].Trust = strings.Replace(trustEC2, "ec2", "lambda", 1) }, "ssm",
		[]string{"role/not-trusted node-role broken"}},
	{"default host management helps", func(f *doctor.Facts) {
		host := f.Roles[0]
		host.Name, host.By = "host-role", "default host management"
		f.Roles[0].Policies = nil
		f.Roles = append(f.Roles, host)
	}, "ssm", nil},
	{"explicit deny", func(f *doctor.Facts) {
		f.Roles[0].Policies = append(f.Roles[0].Policies, doctor.Document{
			Name: "no", JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ssm:*","Resource":"*"}]}`,
		})
	}, "ssm", []string{"role/denied node-role broken"}},
	{"boundary", func(f *doctor.Facts) {
		f.Roles[0].Boundary = &doctor.Document{
			Name: "limit", JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		}
	}, "ssm", []string{"role/boundary node-role broken"}},
}

var endpointPolicyFindings = []findingCase{
	{"endpoint policy", func(f *doctor.Facts) {
		f.EndpointPolicies = map[string]string{
			"vpce-ssm": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ssm:GetParameter","Resource":"*"}]}`,
		}
	}, "ssm", []string{"endpoint/policy vpce-ssm broken"}},
	{"endpoint policy that allows", func(f *doctor.Facts) {
		f.EndpointPolicies = map[string]string{
			"vpce-ssm": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		}
	}, "ssm", nil},
}

var unreadFindings = []findingCase{
	{"roles unread", func(f *doctor.Facts) { f.Roles, f.RolesUnread = nil, "AccessDenied" }, "ssm", nil},
	{"one role unread, the other of no use", func(f *doctor.Facts) {
		f.Roles[0].Policies, f.RolesUnread = nil, "AccessDenied"
	}, "ssm", nil},
	{"boundary not to be read",
		func(f *doctor.Facts) { f.Roles[0].Boundary = &doctor.Document{Name: "limit", JSON: "{"} }, "ssm", nil},
	{"explicit deny, and a policy not to be read", func(f *doctor.Facts) {
		f.Roles[0].Policies = append(f.Roles[0].Policies, doctor.Document{Name: "cut", JSON: "{"},
			doctor.Document{
				Name: "no", JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ssm:*","Resource":"*"}]}`,
			})
	}, "ssm", []string{"role/denied node-role broken"}},
}

var internetFindings = []findingCase{
	{"a public path", func(f *doctor.Facts) {
		withoutEndpoint(f)
		f.Network.RouteTables[0].Routes = []vpc.Route{
			{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"}},
		}
	}, "ssm", []string{"endpoint/missing vpc-1 degraded"}},
	{"a NAT gateway that has no Internet gateway", func(f *doctor.Facts) {
		withoutEndpoint(f)
		byNAT(f)
	}, "ssm", []string{"nat/no-route rtb-public broken", "endpoint/missing vpc-1 broken"}},
	{"a NAT gateway without address", func(f *doctor.Facts) {
		withoutEndpoint(f)
		byNAT(f)
		f.Network.RouteTables[1].Routes = []vpc.Route{
			{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: "igw-1"}},
		}
	}, "ssm", []string{"internet/no-public-address nat-1 broken", "endpoint/missing vpc-1 broken"}},
	{"S3 by gateway", withS3, "s3", nil},
	{"S3 without egress", func(f *doctor.Facts) {
		withS3(f)
		f.Network.SecurityGroups[0].Rules = []vpc.Rule{{
			ID: "sgr-x", Egress: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: prefix("10.0.0.0/16"),
		}}
	}, "s3", []string{"egress/no-rule sg-nodes broken"}},
	{"the Internet", func(*doctor.Facts) {}, "1.1.1.1", []string{"route/missing rtb-1 broken"}},
	{"two causes", func(f *doctor.Facts) {
		f.Network.Endpoints[0].PrivateDNS = false
		f.Network.SecurityGroups[1].Rules = nil
	}, "ssm", []string{"dns/private-dns-off vpce-ssm broken", "ingress/no-rule sg-endpoints broken"}},
}

func TestFindings(t *testing.T) {
	for _, tt := range slices.Concat(
		pathFindings, nodeFindings, roleFindings, endpointPolicyFindings, unreadFindings, internetFindings,
	) {
		f := healthy(t)
		tt.change(&f)
		r := assess(t, f, tt.to)
		var got []string
		broken := false
		for _, x := range r.Findings {
			got = append(got, one(x))
			broken = broken || x.Severity == doctor.Broken
			if x.Wrong == "" || x.Remedy == "" {
				t.Errorf("%s: finding %+v is not whole", tt.name, x)
			}
		}
		if !slices.Equal(got, tt.want) || r.Works == broken {
			t.Errorf("%s: %q, want %q\n%v", tt.name, got, tt.want, r)
		}
	}
}

// byNAT lets the node go out by a NAT gateway in the other subnet, which goes nowhere.
func byNAT(f *doctor.Facts) {
	f.Network.RouteTables[0].Routes = []vpc.Route{
		{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "nat-1"}},
	}
	f.Network.RouteTables = append(f.Network.RouteTables,
		vpc.RouteTable{ID: "rtb-public", VPC: vpctest.VPC, Subnets: []string{vpctest.SubnetB}})
	f.Network.NATGateways = []vpc.NATGateway{{ID: "nat-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Available: true}}
}

// dnsServer gives the VPC a DNS server of its own, whose group lets questions in or nothing.
func dnsServer(address string, open bool) func(f *doctor.Facts) {
	return func(f *doctor.Facts) {
		f.DNSServers = []string{address}
		g := vpc.SecurityGroup{ID: "sg-dns", VPC: vpctest.VPC, Name: "dns"}
		if open {
			g.Rules = []vpc.Rule{
				{ID: "sgr-dns", Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53}, CIDR: prefix("10.0.0.0/16")},
			}
		}
		f.Network.SecurityGroups = append(f.Network.SecurityGroups, g)
		f.Network.Interfaces = append(f.Network.Interfaces, vpc.Interface{
			ID:        "eni-dns",
			VPC:       vpctest.VPC,
			Subnet:    vpctest.SubnetA,
			Owner:     "i-dns",
			Addresses: []netip.Addr{netip.MustParseAddr(address)},
			Groups:    []string{g.ID}, Name: "ip-10-0-1-30",
		})
	}
}

func withS3(f *doctor.Facts) {
	f.Network.PrefixLists = []vpc.PrefixList{
		{ID: "pl-s3", Name: "com.amazonaws.us-east-1.s3", CIDRs: []netip.Prefix{prefix("52.216.0.0/15")}},
	}
	f.Network.Endpoints = append(f.Network.Endpoints, vpc.Endpoint{
		ID: "vpce-s3", VPC: vpctest.VPC, Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3", Available: true,
		RouteTables: []string{vpctest.RouteTable},
	})
}

// TestFourCauses: each has an explanation of its own, with the command that mends it.
func TestFourCauses(t *testing.T) {
	rows := []struct {
		change  func(*doctor.Facts)
		command string
	}{
		{func(f *doctor.Facts) { f.Network.SecurityGroups[1].Rules = nil },
			"aws ec2 authorize-security-group-ingress --group-id sg-endpoints --protocol tcp --port 443 " +
				"--source-group sg-nodes"},
		{withoutEndpoint,
			"aws ec2 create-vpc-endpoint --vpc-id vpc-1 --vpc-endpoint-type Interface --service-name " +
				"com.amazonaws.us-east-1.ssm --subnet-ids subnet-a --security-group-ids sg-endpoints --private-dns-enabled"},
		{func(f *doctor.Facts) { f.Network.Endpoints[0].PrivateDNS = false },
			"aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-ssm --private-dns-enabled"},
		{func(f *doctor.Facts) { f.Roles[0].Policies = nil },
			"aws iam attach-role-policy --role-name node-role " +
				"--policy-arn arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"},
	}
	said := map[string]bool{}
	for _, tt := range rows {
		f := healthy(t)
		tt.change(&f)
		r := assess(t, f, "ssm")
		if len(r.Findings) != 1 || r.Findings[0].Command != tt.command {
			t.Errorf("%+v, want %s", r.Findings, tt.command)
		}
		said[r.Findings[0].Wrong] = true
	}
	if len(said) != 4 {
		t.Errorf("only %d different explanations", len(said))
	}
}

func TestString(t *testing.T) {
	f := healthy(t)
	f.Network.SecurityGroups[1].Rules = nil
	f.Node.Status = "ConnectionLost"
	want := `i-1 (eni-node, 10.0.1.20, subnet-a) → ssm (com.amazonaws.us-east-1.ssm)
  ✓ resolver vpc-1 at 10.0.0.2 answers the node
  ✓ name     ssm.us-east-1.amazonaws.com is 10.0.1.10, 10.0.2.10 (vpce-ssm)
  ✗ path     10.0.1.10:443: refused at ingress by sg-endpoints
  ✗ path     10.0.2.10:443: refused at ingress by sg-endpoints
  ✓ role     node-role (instance profile nodes) may ssm:UpdateInstanceInformation
  ✗ status   ConnectionLost, last heard of at 2026-11-22 11:59:30 UTC

ingress/no-rule  sg-endpoints: no rule of sg-endpoints (endpoints) allows inbound tcp 443 ` +
		`from 10.0.1.20 (sg-nodes (nodes))
     remedy: authorize inbound tcp 443 on sg-endpoints from sg-nodes or 10.0.1.0/24
     aws ec2 authorize-security-group-ingress --group-id sg-endpoints --protocol tcp --port 443 --source-group sg-nodes
`
	r := assess(t, f, "ssm")
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"works":false`, `"findings":[{"id":"ingress/no-rule","severity":"broken","resource":"sg-endpoints"`,
		`{"subject":"path","outcome":"broken"`, `"paths":[{"flow":{"from":"eni-node"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
	if r := assess(t, healthy(t), "ssm"); !strings.HasSuffix(r.String(), "\n\nNothing stands in the way.\n") {
		t.Errorf("healthy:\n%v", r)
	}
}

func TestBadQuestions(t *testing.T) {
	for _, to := range []string{"", "ssm:", "ssm:70000", "a b", "ssm/x"} {
		if _, err := doctor.Assess(healthy(t), to); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", to, err)
		}
	}
	f := healthy(t)
	f.Network.Interfaces[0].Subnet = "subnet-x"
	if _, err := doctor.Assess(f, "ssm"); !fault.Is(err, fault.Invalid) {
		t.Errorf("contradicting network: %v", err)
	}
}

// TestUnknownIsUnknown: what could not be read, and what hangs on a key that is not read, is neither good nor broken.
func TestUnknownIsUnknown(t *testing.T) {
	policy := func(statement string) doctor.Document {
		return doctor.Document{Name: "own", JSON: `{"Version":"2012-10-17","Statement":[` + statement + `]}`}
	}
	const team = `"Condition":{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}`
	for _, tt := range []struct {
		name   string
		change func(*doctor.Facts)
		note   string
	}{
		{"boundary", func(f *doctor.Facts) { f.Roles[0].Boundary = &doctor.Document{Name: "limit", JSON: "{"} },
			"policies of role node-role cannot be read: limit"},
		{"policy", func(f *doctor.Facts) { f.Roles[0].Policies = append(f.Roles[0].Policies, doctor.Document{Name: "cut"}) },
			"policies of role node-role cannot be read: cut"},
		{"trust policy", func(f *doctor.Facts) { f.Roles[0].Trust = "" },
			"the trust policy of role node-role cannot be read"},
		{"one of two roles", func(f *doctor.Facts) { f.Roles[0].Policies, f.RolesUnread = nil, "AccessDenied" },
			"AccessDenied"},
		{"tag that allows", func(f *doctor.Facts) {
			f.Roles[0].Policies = []doctor.Document{policy(`{"Effect":"Allow","Action":"*","Resource":"*",` + team + `}`)}
		}, "hangs on the condition key aws:principaltag/team"},
		{"tag that denies", func(f *doctor.Facts) {
			f.Roles[0].Policies = append(f.Roles[0].Policies, policy(`{"Effect":"Deny","Action":"*","Resource":"*",`+team+`}`))
		}, "hangs on the condition key aws:principaltag/team"},
		{"organization that may assume", func(f *doctor.Facts) {
			f.Roles[0].Trust = strings.Replace(trustEC2, `"sts:AssumeRole"`,
				`"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceOrgID":"o-1"}}`, 1)
		}, "hangs on the condition key aws:sourceorgid"},
	} {
		f := healthy(t)
		tt.change(&f)
		r := assess(t, f, "ssm")
		found := false
		for _, c := range r.Checks {
			found = found || c.Subject == "role" && c.Outcome == doctor.Unknown && strings.Contains(c.Says, tt.note)
		}
		if !found || len(r.Findings) > 0 {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}
