package network_test

import (
	"testing"

	"postern/aws/scope"
	"postern/network"
)

const targetARN = "arn:aws:postern:us-east-1:000000000000:target/"

func TestRefuseServiceTargets(t *testing.T) {
	l := newHarness(t, network.Limits{EndpointServices: 3, TargetsPerService: 2, PrincipalsPerService: 2})
	node := l.node("i-1")
	good := target(node, "5432/5432")
	v := l.service(good)
	create := func(targets ...string) func() error {
		return func() error {
			return second(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{Targets: targets}))
		}
	}
	side := must(l.State().Interface(here, v.Targets[0].From))(t)
	check(t, []row{
		{"no target", create(), "MissingParameter"},
		{
			"a load balancer", create("arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/0123456789abcdef"),
			"InvalidParameter",
		},
		{"no ARN", create("eni-1"), "InvalidParameter"},
		{
			"another account's", create("arn:aws:postern:us-east-1:111111111111:target/1/network-interface/" + node.ID + "/1"),
			"InvalidParameter",
		},
		{
			"another region's", create("arn:aws:postern:eu-west-1:000000000000:target/1/network-interface/" + node.ID + "/1"),
			"InvalidParameter",
		},
		{"port 0", create(targetARN + "0/network-interface/" + node.ID + "/1"), "InvalidParameter"},
		{"port with a sign", create(targetARN + "+1/network-interface/" + node.ID + "/1"), "InvalidParameter"},
		{"port too large", create(targetARN + "1/network-interface/" + node.ID + "/65536"), "InvalidParameter"},
		{"something after it", create(targetARN + "1/network-interface/" + node.ID + "/1/x"), "InvalidParameter"},
		{"malformed id", create(targetARN + "1/network-interface/eni-1/1"), "InvalidNetworkInterfaceId.Malformed"},
		{
			"no such interface", create(targetARN + "1/network-interface/eni" + noSuch + "/1"),
			"InvalidNetworkInterfaceID.NotFound",
		},
		{"a service's own side", create(targetARN + "1/network-interface/" + side.ID + "/1"), "InvalidParameter"},
		{"the host, not allowed", create(targetARN + "1/host/127.0.0.1/8080"), "OperationNotPermitted"},
		{"no host address", create(targetARN + "1/host/localhost/8080"), "InvalidParameter"},
		{"the same twice", create(good, good), "InvalidParameter"},
		{"too many targets", create(good, target(node, "5433/5432"), target(node, "5434/5432")), "LoadBalancerLimitExceeded"},
	})
}

func TestRefuseServiceNames(t *testing.T) {
	l := newHarness(t, network.Limits{EndpointServices: 3})
	good := target(l.node("i-1"), "5432/5432")
	v := l.service(good)
	named := func(name string) func() error {
		return func() error {
			return second(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{
				Targets: []string{good}, PrivateName: name,
			}))
		}
	}
	create := func() error {
		return second(l.CreateEndpointService(l.ctx, here, network.CreateEndpointServiceInput{Targets: []string{good}}))
	}
	name := "db.example.com"
	check(t, []row{
		{"one label", named("db"), "InvalidParameter"},
		{"a wildcard inside", named("db.*.example.com"), "InvalidParameter"},
		{"Amazon's domain", named("ssm.us-east-1.amazonaws.com"), "InvalidParameter"},
		{"another one", create, ""},
		{"and one", named(name), ""},
		{"one too many", create, "VpcEndpointServiceLimitExceeded"},
		{"verify no name", func() error { return l.VerifyServiceName(l.ctx, here, v.ID) }, "InvalidParameter"},
	})
}

func TestRefuseServiceChanges(t *testing.T) {
	l := newHarness(t, network.Limits{EndpointServices: 3, TargetsPerService: 2, PrincipalsPerService: 2})
	good := target(l.node("i-1"), "5432/5432")
	v := l.service(good)
	modify := func(c scope.Scope, id string, change network.EndpointServiceChange) func() error {
		return func() error { return l.ModifyEndpointService(l.ctx, c, id, change) }
	}
	name := "db.example.com"
	check(t, []row{
		{
			"modify nothing", modify(here, "vpce-svc"+noSuch, network.EndpointServiceChange{}),
			"InvalidVpcEndpointServiceId.NotFound",
		},
		{
			"modify a malformed id", modify(here, "vpce-1", network.EndpointServiceChange{}),
			"InvalidVpcEndpointServiceId.Malformed",
		},
		{"modify another's", modify(stranger, v.ID, network.EndpointServiceChange{}), "InvalidVpcEndpointServiceId.NotFound"},
		{
			"remove what is not there",
			modify(here, v.ID, network.EndpointServiceChange{RemoveTargets: []string{targetARN + "1/host/1.2.3.4/1"}}),
			"InvalidParameter",
		},
		{
			"remove the last", modify(here, v.ID, network.EndpointServiceChange{RemoveTargets: []string{good}}),
			"InvalidParameter",
		},
		{
			"a name and none", modify(here, v.ID, network.EndpointServiceChange{PrivateName: &name, RemovePrivateName: true}),
			"InvalidParameterCombination",
		},
	})
}

func TestRefuseServicePrincipals(t *testing.T) {
	l := newHarness(t, network.Limits{PrincipalsPerService: 2})
	v := l.service(target(l.node("i-1"), "5432/5432"))
	principals := func(add ...string) func() error {
		return func() error { return second(l.ModifyServicePrincipals(l.ctx, here, v.ID, add, nil)) }
	}
	check(t, []row{
		{"no principal", principals("somebody"), "InvalidPrincipal"},
		{"a session", principals("arn:aws:sts::111111111111:assumed-role/r/s"), "InvalidPrincipal"},
		{"principals", principals("arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:role/path/r"), ""},
		{"too many principals", principals("*"), "PrincipalLimitExceeded"},
		{"principals of nothing", func() error {
			return second(l.ModifyServicePrincipals(l.ctx, here, "vpce-svc"+noSuch, nil, nil))
		}, "InvalidVpcEndpointServiceId.NotFound"},
	})
}

func TestRefuseServiceConnections(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	v := l.service(target(l.node("i-1"), "5432/5432"))
	check(t, []row{
		{
			"accept for nothing", func() error { return failure(l.AcceptConnections(l.ctx, here, "vpce-svc"+noSuch, nil)) },
			"InvalidVpcEndpointServiceId.NotFound",
		},
		{
			"accept nothing", func() error { return failure(l.AcceptConnections(l.ctx, here, v.ID, []string{"vpce" + noSuch})) },
			"InvalidVpcEndpointId.NotFound",
		},
		{
			"accept another service's",
			func() error { return failure(l.AcceptConnections(l.ctx, here, v.ID, []string{l.endpoint("ssm").ID})) },
			"InvalidVpcEndpointId.NotFound",
		},
	})
}

// TestRefuseServiceInterface: a service's own side is its own, and goes with it.
func TestRefuseServiceInterface(t *testing.T) {
	l := newHarness(t, network.Limits{})
	v := l.service(target(l.node("i-1"), "5432/5432"))
	side := must(l.State().Interface(here, v.Targets[0].From))(t)
	check(t, []row{
		{"modify its own side", func() error {
			return l.ModifyInterface(l.ctx, here, side.ID, network.InterfaceChange{Groups: []string{l.nodes}})
		}, "OperationNotPermitted"},
		{"delete its own side", func() error { return l.DeleteInterface(l.ctx, here, side.ID) }, "OperationNotPermitted"},
		{
			"delete another's", func() error { return failure(l.DeleteEndpointServices(l.ctx, stranger, []string{v.ID})) },
			"InvalidVpcEndpointServiceId.NotFound",
		},
		{"delete", func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{v.ID})) }, ""},
		{
			"delete again", func() error { return failure(l.DeleteEndpointServices(l.ctx, here, []string{v.ID})) },
			"InvalidVpcEndpointServiceId.NotFound",
		},
	})
	if _, err := l.State().Interface(here, side.ID); err == nil {
		t.Error("the service's own interface is left behind")
	}
}
