package doctor_test

import (
	"slices"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/doctor"
	"postern/network/vpc"
)

// offered are the services of the sample's region, as the EC2 API lists them.
func offered(f *doctor.Facts) {
	for _, short := range []string{"ssm", "ssmmessages", "ec2messages", "ec2"} {
		f.Offers = append(f.Offers, doctor.Offer{Name: "com.amazonaws.us-east-1." + short, Interface: true, PrivateDNS: true})
	}
	f.Offers = append(f.Offers, doctor.Offer{Name: "com.amazonaws.us-east-1.s3", Interface: true, Gateway: true})
}

func withoutService(service string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		var gone string
		f.Network.Endpoints = slices.DeleteFunc(f.Network.Endpoints, func(e vpc.Endpoint) bool {
			if strings.HasSuffix(e.Service, "."+service) {
				gone = e.ID
				return true
			}
			return false
		})
		f.Network.Interfaces = slices.DeleteFunc(f.Network.Interfaces, func(c vpc.Interface) bool { return c.Owner == gone })
	}
}

// Without a service all is looked at that a node needs: what another way stands in for is degraded, not broken.
func TestAll(t *testing.T) {
	old := func(f *doctor.Facts) { f.Node.AgentVersion = "3.2.2303.0" }
	for _, tt := range []struct {
		name    string
		changes []func(*doctor.Facts)
		works   bool
		want    []string
	}{
		{"all is there", nil, true, []string{"ssm good", "ssmmessages good", "ec2messages good"}},
		{"no ssm", []func(*doctor.Facts){withoutService("ssm")}, false,
			[]string{"ssm broken", "ssmmessages good", "ec2messages good"}},
		{"no ssmmessages", []func(*doctor.Facts){withoutService("ssmmessages")}, true,
			[]string{"ssm good", "ssmmessages degraded", "ec2messages good"}},
		{"no ec2messages", []func(*doctor.Facts){withoutService("ec2messages")}, true,
			[]string{"ssm good", "ssmmessages good", "ec2messages unknown"}},
		{"none of both", []func(*doctor.Facts){withoutService("ssmmessages"), withoutService("ec2messages")}, false,
			[]string{"ssm good", "ssmmessages broken", "ec2messages broken"}},
		{"an old agent without ec2messages", []func(*doctor.Facts){old, withoutService("ec2messages")}, true,
			[]string{"ssm good", "ec2messages degraded", "ssmmessages good"}},
		{"postern-agent", []func(*doctor.Facts){func(f *doctor.Facts) { f.Node.AgentVersion = "0.1.0.0" }}, true,
			[]string{"ssm good", "ssmmessages good", "ec2messages good"}},
		{"an old agent", []func(*doctor.Facts){old}, true, []string{"ssm good", "ec2messages good", "ssmmessages good"}},
	} {
		f := healthy(t)
		offered(&f)
		for _, change := range tt.changes {
			change(&f)
		}
		r, err := doctor.AssessAll(f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range r.Services {
			got = append(got, s.Service+" "+string(s.Outcome))
		}
		if r.Works != tt.works || !slices.Equal(got, tt.want) {
			t.Errorf("%s: works %t, %q\n%v", tt.name, r.Works, got, r)
		}
		if hasDegraded := strings.Contains(r.String(), "(degraded)"); hasDegraded != slices.ContainsFunc(got,
			func(s string) bool { return strings.HasSuffix(s, "degraded") }) {
			t.Errorf("%s: the text says degraded: %t\n%v", tt.name, hasDegraded, r)
		}
	}
}

// The remedy for a missing endpoint is of the kind that the service has, and a service that nobody has is said to be
// none.
func TestEndpointsThatThereAre(t *testing.T) {
	f := healthy(t)
	offered(&f)
	withoutEndpoint(&f)
	for to, want := range map[string]string{
		"ssm": "--vpc-endpoint-type Interface --service-name com.amazonaws.us-east-1.ssm --subnet-ids",
		"s3":  "--vpc-endpoint-type Gateway --service-name com.amazonaws.us-east-1.s3 --route-table-ids rtb-",
		"ec2": "--service-name com.amazonaws.us-east-1.ec2 --subnet-ids",
	} {
		r := assess(t, f, to)
		if r.Works || len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Command, want) {
			t.Errorf("%s: %v", to, r)
		}
	}
	// Private DNS needs the VPC's DNS hostnames: they come first.
	f.Network.VPCs[0].DNSHostnames = false
	if r := assess(t, f, "ssm"); len(r.Findings) != 2 ||
		!strings.Contains(r.Findings[0].Command, "--enable-dns-hostnames") ||
		!strings.Contains(r.Findings[1].Command, "--private-dns-enabled") {
		t.Errorf("without DNS hostnames: %v", r)
	}
	for _, to := range []string{"nosuch", "nosuch:8443"} {
		_, err := doctor.Assess(f, to)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ec2, ec2messages, s3, ssm, ssmmessages") {
			t.Errorf("%s: %v", to, err)
		}
	}
	if r := assess(t, f, "nosuch.example.com"); r.Works {
		t.Errorf("a host name: %v", r)
	}
}
