package doctor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/doctor"
	"postern/network/vpc"
)

// named gives the node of the facts another id.
func named(id string) func(*doctor.Facts) { return func(f *doctor.Facts) { f.Node.ID = id } }

// surveyed is a survey of healthy nodes, each changed in its own way.
func surveyed(t *testing.T, changes ...func(*doctor.Facts)) *doctor.Survey {
	t.Helper()
	s := &doctor.Survey{Account: "000000000000", Region: "us-east-1"}
	for _, change := range changes {
		f := healthy(t)
		offered(&f)
		change(&f)
		s.Facts = append(s.Facts, f)
	}
	return s
}

func examine(t *testing.T, s *doctor.Survey, features ...string) *doctor.Examination {
	t.Helper()
	wanted, err := doctor.ParseFeatures(features)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Examine(t.Context(), wanted, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// cases names the findings of an examination with the nodes that they are about.
func cases(x *doctor.Examination) (out []string) {
	for _, c := range x.Cases {
		out = append(out, one(c.Finding)+" "+strings.Join(c.Nodes, ","))
	}
	return out
}

// TestExamine: what is wrong with several nodes is told once, with all of them, and what keeps them away comes first.
func TestExamine(t *testing.T) {
	closed := func(f *doctor.Facts) { f.Network.SecurityGroups[1].Rules = nil }
	s := surveyed(t, named("i-a"),
		func(f *doctor.Facts) { named("i-b")(f); closed(f) },
		func(f *doctor.Facts) { named("i-c")(f); closed(f); f.Roles[0].Policies = nil },
		func(f *doctor.Facts) { named("i-d")(f); withoutService("ssmmessages")(f) })
	told := 0
	x, err := s.Examine(t.Context(), nil, func(done int) {
		if told++; done != told {
			t.Errorf("told of %d after %d", done, told)
		}
	})
	if err != nil || told != 4 {
		t.Fatalf("told %d times: %v", told, err)
	}
	want := []string{
		"ingress/no-rule sg-endpoints broken i-b,i-c", "role/not-allowed node-role broken i-c",
		"endpoint/missing vpc-1 degraded i-d",
	}
	if diff := cmp.Diff(want, cases(x)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var outcomes []doctor.Outcome
	for _, n := range x.Nodes {
		outcomes = append(outcomes, n.Outcome)
	}
	if !slices.Equal(outcomes, []doctor.Outcome{doctor.Good, doctor.Broken, doctor.Broken, doctor.Degraded}) ||
		x.Outcome != doctor.Broken {
		t.Errorf("outcomes %v, in all %s", outcomes, x.Outcome)
	}
	for _, says := range []string{
		"2 of 4 nodes reach what they need, 1 with something to mend, 2 do not",
		"node ✓ ── name ! ── out ✓ ── route ✓ ── in ✗ ── endpoint ✓ ── role ✗",
		"nodes: i-b, i-c\n", "shows: ",
	} {
		if !strings.Contains(x.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, x)
		}
	}
	if text := x.Text(true); !strings.Contains(text, `resource "aws_vpc_security_group_ingress_rule"`) ||
		strings.Contains(text, "aws ec2 authorize") {
		t.Errorf("as Terraform:\n%s", text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Examine(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	none := examine(t, &doctor.Survey{})
	if !strings.Contains(none.String(), "there is no node") || none.Outcome != doctor.Unknown {
		t.Errorf("without nodes: %s", none)
	}
}

// TestEveryFindingHasAStage: the path that is drawn leaves no finding out.
func TestEveryFindingHasAStage(t *testing.T) {
	for _, k := range doctor.Kinds() {
		if doctor.Stage(k.ID) < 0 {
			t.Errorf("%s is of no stage", k.ID)
		}
	}
}

// withKMS gives the VPC an endpoint to KMS, as to ssm.
func withKMS(f *doctor.Facts) {
	e := f.Network.Endpoints[0]
	c := vpc.Interface{
		ID: "eni-kms", VPC: e.VPC, Subnet: f.Network.Subnets[0].ID, Kind: vpc.EndpointInterface, Owner: "vpce-kms",
		Groups: []string{"sg-endpoints"}, Addresses: nil,
	}
	c.Addresses = append(c.Addresses, prefix("10.0.1.77/32").Addr())
	e.ID, e.Service, e.Interfaces = "vpce-kms", "com.amazonaws.us-east-1.kms", []string{c.ID}
	e.PrivateNames, e.Name = []string{"kms.us-east-1.amazonaws.com"}, ""
	f.Network.Endpoints = append(slices.Clone(f.Network.Endpoints), e)
	f.Network.Interfaces = append(slices.Clone(f.Network.Interfaces), c)
	f.Offers = append(f.Offers, doctor.Offer{Name: e.Service, Interface: true, PrivateDNS: true})
}

// TestFeatures: what is missing for a feature is broken where the feature is wanted, and otherwise only told.
func TestFeatures(t *testing.T) {
	kmsOff := func(f *doctor.Facts) { withKMS(f); f.Network.Endpoints[len(f.Network.Endpoints)-1].PrivateDNS = false }
	for _, tt := range []struct {
		name     string
		change   func(*doctor.Facts)
		features []string
		outcome  doctor.Outcome
		mark     doctor.Outcome // of kms
		want     []string
	}{
		{"not wanted and not there", named("i"), nil, doctor.Good, doctor.Unknown, nil},
		{"wanted and not there", named("i"), []string{"kms"}, doctor.Broken, doctor.Broken,
			[]string{"endpoint/missing vpc-1 broken i"}},
		{"there", func(f *doctor.Facts) { named("i")(f); withKMS(f) }, []string{"kms"}, doctor.Good, doctor.Good, nil},
		{"not wanted and not reached", func(f *doctor.Facts) { named("i")(f); kmsOff(f) }, nil, doctor.Degraded,
			doctor.Degraded, []string{"dns/private-dns-off vpce-kms degraded i"}},
		{"wanted and not reached", func(f *doctor.Facts) { named("i")(f); kmsOff(f) }, []string{"kms"}, doctor.Broken,
			doctor.Broken, []string{"dns/private-dns-off vpce-kms broken i"}},
		{"sessions need ssmmessages", func(f *doctor.Facts) { named("i")(f); withoutService("ssmmessages")(f) },
			[]string{"session-manager"}, doctor.Broken, doctor.Unknown, []string{"endpoint/missing vpc-1 broken i"}},
		{"stopped", func(f *doctor.Facts) { named("i")(f); f.Node.State = "stopped" }, nil, doctor.Broken,
			doctor.Unknown, []string{"node/not-running i broken i"}},
		{"pending", func(f *doctor.Facts) { named("i")(f); f.Node.State = "pending" }, nil, doctor.Unknown,
			doctor.Unknown, []string{"node/not-running i unknown i"}},
	} {
		x := examine(t, surveyed(t, tt.change), tt.features...)
		mark := doctor.Outcome("")
		for _, s := range x.Nodes[0].Services {
			if s.Service == "kms" {
				mark = s.Outcome
			}
		}
		if diff := cmp.Diff(tt.want, cases(x)); diff != "" || x.Outcome != tt.outcome || mark != tt.mark {
			t.Errorf("%s: %s, kms %s (-want +got):\n%s", tt.name, x.Outcome, mark, diff)
		}
	}
	if _, err := doctor.ParseFeatures([]string{"patch", "paches"}); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), `"paches"`) {
		t.Errorf("%v", err)
	}
}
