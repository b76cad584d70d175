package network_test

import (
	"net/netip"
	"strings"
	"testing"

	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

const noSuch = "-0123456789abcdef0"

func cidr(s string) netip.Prefix { return netip.MustParsePrefix(s) }

type row struct {
	what string
	do   func() error
	code string
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		wantCode(t, r.what, r.do(), r.code)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRefuseVpc(t *testing.T) {
	l := newHarness(t, network.Limits{VPCs: 3, CIDRsPerVPC: 2})
	make := func(c string) func() error {
		return func() error {
			return second(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr(c)}))
		}
	}
	add := func(vpc, c string) func() error {
		return func() error { return second(l.AssociateCidrBlock(l.ctx, here, vpc, cidr(c))) }
	}
	set := func(id string, a network.VpcAttribute, on bool) func() error {
		return func() error { return l.ModifyVpcAttribute(l.ctx, here, id, a, on) }
	}
	primary := must(l.State().VPC(here, l.vpc))(t).Blocks[0].ID
	check(t, []row{
		{"too wide", make("10.0.0.0/15"), "InvalidVpc.Range"},
		{"too narrow", make("10.0.0.0/29"), "InvalidVpc.Range"},
		{"loopback", make("127.0.0.0/16"), "InvalidVpc.Range"},
		{"link-local", make("169.254.0.0/16"), "InvalidVpc.Range"},
		{"multicast", make("224.1.0.0/16"), "InvalidVpc.Range"},
		{"IPv6", make("fd00::/64"), "MissingParameter"},
		{"no range", func() error { return second(l.CreateVpc(l.ctx, here, network.CreateVpcInput{})) }, "MissingParameter"},
		{"narrowest", make("10.0.0.0/28"), ""},
		{"the same range again", make("10.0.0.0/28"), ""},
		{"one too many", make("10.5.0.0/16"), "VpcLimitExceeded"},
		{"overlap in one VPC", add(l.vpc, "10.0.128.0/20"), "CidrConflict"},
		{"second range", add(l.vpc, "10.9.0.0/16"), ""},
		{"third range", add(l.vpc, "10.10.0.0/16"), "CidrLimitExceeded"},
		{"range of nothing", add("vpc"+noSuch, "10.9.0.0/16"), "InvalidVpcID.NotFound"},
		{
			"primary range", func() error { _, _, err := l.DisassociateCidrBlock(l.ctx, here, primary); return err },
			"OperationNotPermitted",
		},
		{"no such association", func() error {
			_, _, err := l.DisassociateCidrBlock(l.ctx, here, "vpc-cidr-assoc"+noSuch)
			return err
		}, "InvalidVpcCidrBlockAssociationID.NotFound"},
		{"attribute of nothing", set("vpc"+noSuch, network.EnableDNSSupport, true), "InvalidVpcID.NotFound"},
		{"malformed id", set("vpc-1", network.EnableDNSSupport, true), "InvalidVpcID.Malformed"},
		{"another's id", set("sg"+noSuch, network.EnableDNSSupport, true), "InvalidVpcID.Malformed"},
		{"unknown attribute", set(l.vpc, "enableMagic", true), "InvalidParameterValue"},
		{"support off", set(l.vpc, network.EnableDNSSupport, false), ""},
		{"hostnames without support", set(l.vpc, network.EnableDNSHostnames, true), "InvalidParameterValue"},
		{"delete in use", func() error { return l.DeleteVpc(l.ctx, here, l.vpc) }, "DependencyViolation"},
		{"delete nothing", func() error { return l.DeleteVpc(l.ctx, here, "vpc"+noSuch) }, "InvalidVpcID.NotFound"},
		{"delete in another region", func() error {
			return l.DeleteVpc(l.ctx, scope.Scope{Account: here.Account, Region: "eu-west-1"}, l.vpc)
		}, "InvalidVpcID.NotFound"},
		{"delete of another account", func() error {
			return l.DeleteVpc(l.ctx, scope.Scope{Account: "111111111111", Region: here.Region}, l.vpc)
		}, "InvalidVpcID.NotFound"},
	})
}

func TestRefuseSubnet(t *testing.T) {
	l := newHarness(t, network.Limits{SubnetsPerVPC: 4})
	make := func(vpc, c, zone string) func() error {
		return func() error {
			return second(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{VPC: vpc, CIDR: cidr(c), Zone: zone}))
		}
	}
	remove := func(id string) func() error {
		return func() error { return l.DeleteSubnet(l.ctx, here, id) }
	}
	l.node("i-1")
	check(t, []row{
		{"outside the VPC", make(l.vpc, "10.1.0.0/24", ""), "InvalidSubnet.Range"},
		{"wider than the VPC", make(l.vpc, "10.0.0.0/15", ""), "InvalidSubnet.Range"},
		{"too narrow", make(l.vpc, "10.0.9.0/29", ""), "InvalidSubnet.Range"},
		{"conflict", make(l.vpc, "10.0.1.128/25", ""), "InvalidSubnet.Conflict"},
		{"conflict from above", make(l.vpc, "10.0.0.0/16", ""), "InvalidSubnet.Conflict"},
		{"zone", make(l.vpc, "10.0.3.0/24", "us-east-1z"), "InvalidParameterValue"},
		{"zone of another region", make(l.vpc, "10.0.3.0/24", "eu-west-1a"), "InvalidParameterValue"},
		{"no VPC", make("vpc"+noSuch, "10.0.3.0/24", ""), "InvalidVpcID.NotFound"},
		{"zone by id, host bits set", make(l.vpc, "10.0.3.7/24", "use1-az3"), ""},
		{"last one", make(l.vpc, "10.0.4.0/24", ""), ""},
		{"one too many", make(l.vpc, "10.0.5.0/24", ""), "SubnetLimitExceeded"},
		{"delete in use", remove(l.a), "DependencyViolation"},
		{"delete", remove(l.b), ""},
		{"delete again", remove(l.b), "InvalidSubnetID.NotFound"},
		{"delete malformed", remove("subnet-xyz"), "InvalidSubnetID.Malformed"},
	})
}

func TestRefuseInternetGateway(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	gw := must(l.CreateInternetGateway(l.ctx, here, nil))(t).ID
	gw2 := must(l.CreateInternetGateway(l.ctx, here, nil))(t).ID
	attach := func(id, vpc string) func() error {
		return func() error { return l.AttachInternetGateway(l.ctx, here, id, vpc) }
	}
	check(t, []row{
		{"attach", attach(gw, l.vpc), ""},
		{"attach twice", attach(gw, other.ID), "Resource.AlreadyAssociated"},
		{"second gateway", attach(gw2, l.vpc), "InvalidParameterValue"},
		{"attach nothing", attach("igw"+noSuch, l.vpc), "InvalidInternetGatewayID.NotFound"},
		{"delete attached", func() error { return l.DeleteInternetGateway(l.ctx, here, gw) }, "DependencyViolation"},
		{
			"detach from elsewhere", func() error { return l.DetachInternetGateway(l.ctx, here, gw, other.ID) },
			"Gateway.NotAttached",
		},
	})
}

func TestRefuseRoute(t *testing.T) {
	l := newHarness(t, network.Limits{RoutesPerTable: 2})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	table := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: l.vpc}))(t).ID
	far := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: other.ID}))(t).ID
	gw := must(l.CreateInternetGateway(l.ctx, here, nil))(t).ID
	nic := l.node("i-1").ID
	via := func(kind vpc.TargetKind, id, to string) network.Route {
		return network.Route{Destination: cidr(to), Target: vpc.Target{Kind: kind, ID: id}}
	}
	add := func(table string, r network.Route) func() error {
		return func() error { return l.CreateRoute(l.ctx, here, table, r) }
	}
	drop := func(table, to string) func() error {
		return func() error { return l.DeleteRoute(l.ctx, here, table, network.Route{Destination: cidr(to)}) }
	}
	check(t, []row{
		{"detached gateway", add(table, via(vpc.ViaInternetGateway, gw, "0.0.0.0/0")), "InvalidParameterValue"},
	})
	if err := l.AttachInternetGateway(l.ctx, here, gw, l.vpc); err != nil {
		t.Fatal(err)
	}
	check(t, []row{
		{"route", add(table, via(vpc.ViaInternetGateway, gw, "0.0.0.0/0")), ""},
		{"route again", add(table, via(vpc.ViaInternetGateway, gw, "0.0.0.0/0")), "RouteAlreadyExists"},
		{"the local route", add(table, via(vpc.ViaInternetGateway, gw, "10.0.0.0/16")), "RouteAlreadyExists"},
		{"inside the VPC by a gateway", add(table, via(vpc.ViaInternetGateway, gw, "10.0.1.0/24")), "InvalidParameterValue"},
		{"link-local", add(table, via(vpc.ViaInternetGateway, gw, "169.254.169.253/32")), "InvalidParameterValue"},
		{"gateway of another VPC", add(far, via(vpc.ViaInternetGateway, gw, "0.0.0.0/0")), "InvalidParameterValue"},
		{"interface of another VPC", add(far, via(vpc.ViaInterface, nic, "0.0.0.0/0")), "InvalidParameterValue"},
		{
			"no such peering", add(table, via(vpc.ViaPeering, "pcx"+noSuch, "10.1.0.0/16")),
			"InvalidVpcPeeringConnectionID.NotFound",
		},
		{"no table", add("rtb"+noSuch, via(vpc.ViaInterface, nic, "0.0.0.0/0")), "InvalidRouteTableID.NotFound"},
		{"inside the VPC by an interface", add(table, via(vpc.ViaInterface, nic, "10.0.1.0/24")), ""},
		{"one too many", add(table, via(vpc.ViaInterface, nic, "10.7.0.0/16")), "RouteLimitExceeded"},
		{"delete local", drop(table, "10.0.0.0/16"), "InvalidParameterValue"},
		{"delete what is not", drop(table, "10.3.0.0/16"), "InvalidRoute.NotFound"},
		{"delete", drop(table, "10.0.1.0/24"), ""},
	})
}

func TestRefuseRouteTableAssociation(t *testing.T) {
	l := newHarness(t, network.Limits{})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	table := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: l.vpc}))(t).ID
	far := must(l.CreateRouteTable(l.ctx, here, network.CreateRouteTableInput{VPC: other.ID}))(t).ID
	var main, mainAssoc string
	for rt := range l.State().RouteTables(here) {
		if rt.VPC == l.vpc && rt.Main() {
			main, mainAssoc = rt.ID, rt.Associations[0].ID
		}
	}
	tie := func(table, subnet string) func() error {
		return func() error { return second(l.AssociateRouteTable(l.ctx, here, table, subnet)) }
	}
	check(t, []row{
		{"subnet of another VPC", tie(far, l.a), "InvalidParameterValue"},
		{"tie", tie(table, l.a), ""},
		{"tie again", tie(table, l.a), ""},
		{"tie to two", tie(main, l.a), "Resource.AlreadyAssociated"},
		{"delete tied", func() error { return l.DeleteRouteTable(l.ctx, here, table) }, "DependencyViolation"},
		{"delete main", func() error { return l.DeleteRouteTable(l.ctx, here, main) }, "DependencyViolation"},
		{"untie main", func() error { return l.DisassociateRouteTable(l.ctx, here, mainAssoc) }, "InvalidParameterValue"},
		{
			"untie nothing", func() error { return l.DisassociateRouteTable(l.ctx, here, "rtbassoc"+noSuch) },
			"InvalidAssociationID.NotFound",
		},
		{"other main", func() error { return second(l.ReplaceAssociation(l.ctx, here, mainAssoc, table)) }, ""},
		{"delete the old main", func() error { return l.DeleteRouteTable(l.ctx, here, main) }, ""},
	})
}

// portRule returns a rule for TCP of a range of ports and a group, prefix list or range of addresses.
func portRule(from, to int32, peer string) network.SecurityGroupRule {
	r := network.SecurityGroupRule{Protocol: vpc.TCP, Ports: vpc.PortRange{From: from, To: to}}
	switch {
	case strings.HasPrefix(peer, "sg-"):
		r.Group = peer
	case strings.HasPrefix(peer, "pl-"):
		r.PrefixList = peer
	case peer != "":
		r.CIDR = cidr(peer)
	}
	return r
}

func TestRefuseGroup(t *testing.T) {
	l := newHarness(t, network.Limits{Groups: 4, GroupsPerNIC: 2})
	must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	ours := must(l.State().GroupNamed(here, l.vpc, "default"))(t).ID
	web := l.group("web").ID
	make := func(name, description string) func() error {
		return func() error {
			return second(l.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
				VPC: l.vpc, Name: name, Description: description,
			}))
		}
	}
	remove := func(id string) func() error { return func() error { return l.DeleteSecurityGroup(l.ctx, here, id) } }
	rule := portRule(443, 443, l.nodes)
	referenced := must(l.Authorize(l.ctx, here, web, false, []network.SecurityGroupRule{rule}, nil))(t)
	check(t, []row{
		{"no name", make("", "x"), "MissingParameter"},
		{"no description", make("x", ""), "MissingParameter"},
		{"reserved", make("default", "x"), "InvalidParameterValue"},
		{"like an id", make("sg-x", "x"), "InvalidParameterValue"},
		{"characters", make("x", "naïve"), "InvalidParameterValue"},
		{"long", make(strings.Repeat("x", 256), "x"), "InvalidParameterValue"},
		{"duplicate", make("web", "x"), "InvalidGroup.Duplicate"},
		{"one too many", make("db", "x"), "SecurityGroupLimitExceeded"},
		{"default group", remove(ours), "CannotDelete"},
		{"referenced", remove(l.nodes), "DependencyViolation"},
	})
	must(l.Revoke(l.ctx, here, web, false, network.Revocation{IDs: []string{referenced[0].ID}}))(t)
	check(t, []row{
		{"node", func() error { l.node("i-1"); return nil }, ""},
		{"in use", remove(l.nodes), "DependencyViolation"},
		{"unused", remove(web), ""},
		{"again", remove(web), "InvalidGroup.NotFound"},
		{"malformed", remove("web"), "InvalidGroupId.Malformed"},
	})
}

func TestRefuseRule(t *testing.T) {
	l := newHarness(t, network.Limits{RulesPerGroup: 3})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	theirs := must(l.State().GroupNamed(here, other.ID, "default"))(t).ID
	web := l.group("web").ID
	allow := func(group string, rules ...network.SecurityGroupRule) func() error {
		return func() error { return second(l.Authorize(l.ctx, here, group, false, rules, nil)) }
	}
	revoke := func(group string, r network.Revocation) func() error {
		return func() error { return second(l.Revoke(l.ctx, here, group, false, r)) }
	}
	port := portRule
	check(t, []row{
		{"no rules", allow(web), "MissingParameter"},
		{"no peer", allow(web, port(443, 443, "")), "InvalidParameterValue"},
		{"ports reversed", allow(web, port(443, 80, "10.0.0.0/8")), "InvalidParameterValue"},
		{"port too high", allow(web, port(443, 65536, "10.0.0.0/8")), "InvalidParameterValue"},
		{"group of another VPC", allow(web, port(443, 443, theirs)), "InvalidGroup.NotFound"},
		{"group that is not", allow(web, port(443, 443, "sg"+noSuch)), "InvalidGroup.NotFound"},
		{"list that is not", allow(web, port(443, 443, "pl"+noSuch)), "InvalidPrefixListID.NotFound"},
		{
			"twice in one request", allow(web, port(443, 443, "10.0.0.0/8"), port(443, 443, "10.0.0.1/8")),
			"InvalidParameterValue",
		},
		{"rules", allow(web, port(443, 443, "10.0.0.0/8"), port(443, 443, l.nodes), port(443, 443, "pl-63a5400a")), ""},
		{"again, host bits set", allow(web, port(443, 443, "10.1.2.3/8")), "InvalidPermission.Duplicate"},
		{"one too many", allow(web, port(444, 444, "10.0.0.0/8")), "RulesPerSecurityGroupLimitExceeded"},
		{"to nothing", allow("sg"+noSuch, port(443, 443, "10.0.0.0/8")), "InvalidGroup.NotFound"},
		{
			"revoke what is not", revoke(web, network.Revocation{Rules: []network.SecurityGroupRule{port(1, 1, "10.0.0.0/8")}}),
			"InvalidPermission.NotFound",
		},
		{
			"revoke no such id", revoke(web, network.Revocation{IDs: []string{"sgr" + noSuch}}),
			"InvalidSecurityGroupRuleId.NotFound",
		},
		{"revoke nothing", revoke(web, network.Revocation{}), "MissingParameter"},
		{
			"revoke the reference", revoke(web, network.Revocation{Rules: []network.SecurityGroupRule{port(443, 443, l.nodes)}}),
			"",
		},
	})
}

func TestRefuseInterface(t *testing.T) {
	l := newHarness(t, network.Limits{GroupsPerNIC: 1, AddressesPerNIC: 12, Interfaces: 4})
	l.hostnames()
	tiny := l.subnet("10.0.7.0/28", "us-east-1c").ID
	e := l.endpoint("ssm", l.nodes)
	make := func(in network.CreateInterfaceInput) func() error {
		return func() error { return second(l.CreateInterface(l.ctx, here, in)) }
	}
	at := func(a string) func() error {
		return make(network.CreateInterfaceInput{Subnet: l.a, Addresses: []netip.Addr{netip.MustParseAddr(a)}})
	}
	remove := func(id string) func() error { return func() error { return l.DeleteInterface(l.ctx, here, id) } }
	ours := must(l.State().GroupNamed(here, l.vpc, "default"))(t).ID
	node := l.node("i-1")
	check(t, []row{
		{"no subnet", make(network.CreateInterfaceInput{Subnet: "subnet" + noSuch}), "InvalidSubnetID.NotFound"},
		{"outside", at("10.0.2.9"), "InvalidParameterValue"},
		{"network", at("10.0.1.0"), "InvalidParameterValue"},
		{"router", at("10.0.1.1"), "InvalidParameterValue"},
		{"resolver", at("10.0.1.2"), "InvalidParameterValue"},
		{"for later", at("10.0.1.3"), "InvalidParameterValue"},
		{"broadcast", at("10.0.1.255"), "InvalidParameterValue"},
		{"taken", at(node.Addresses[0].String()), "InvalidIPAddress.InUse"},
		{
			"twice",
			make(network.CreateInterfaceInput{
				Subnet: l.a, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("10.0.1.9")},
			}),
			"InvalidIPAddress.InUse",
		},
		{
			"too many groups", make(network.CreateInterfaceInput{Subnet: l.a, Groups: []string{l.nodes, ours}}),
			"SecurityGroupsPerInterfaceLimitExceeded",
		},
		{
			"no such group", make(network.CreateInterfaceInput{Subnet: l.a, Groups: []string{"sg" + noSuch}}),
			"InvalidGroup.NotFound",
		},
		{
			"too many addresses", make(network.CreateInterfaceInput{Subnet: l.a, Secondary: 12}),
			"PrivateIpAddressLimitExceeded",
		},
		{
			"more than there are", make(network.CreateInterfaceInput{Subnet: tiny, Secondary: 11}),
			"InsufficientFreeAddressesInSubnet",
		},
		{"all there are", make(network.CreateInterfaceInput{Subnet: tiny, Secondary: 10}), ""},
		{"one too many", make(network.CreateInterfaceInput{Subnet: l.a}), "NetworkInterfaceLimitExceeded"},
		{"in use", remove(node.ID), "InvalidParameterValue"},
		{"an endpoint's", remove(e.Interfaces[0]), "OperationNotPermitted"},
		{"change an endpoint's", func() error {
			return l.ModifyInterface(l.ctx, here, e.Interfaces[0], network.InterfaceChange{Groups: []string{ours}})
		}, "OperationNotPermitted"},
		{"attach twice", func() error {
			return second(l.AttachInterface(l.ctx, here, network.AttachInput{Interface: node.ID, Owner: "i-2"}))
		}, "InvalidNetworkInterface.InUse"},
		{"release", func() error { return l.ReleaseOwner(l.ctx, "i-1") }, ""},
		{"gone with its owner", remove(node.ID), "InvalidNetworkInterfaceID.NotFound"},
		{"malformed", remove("eni-1"), "InvalidNetworkInterfaceId.Malformed"},
	})
}
