package vpctest

import (
	"maps"
	"reflect"
	"slices"

	"postern/network/vpc"
)

// Update returns what has to change of the network before so that it becomes after.
func Update(before, after vpc.Network) vpc.Update {
	old, now := Contents(before), Contents(after)
	var u vpc.Update
	for _, id := range slices.Sorted(maps.Keys(now)) {
		if was, ok := old[id]; !ok || !reflect.DeepEqual(was, now[id]) {
			u.VPCs = append(u.VPCs, now[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[id]; !ok {
			u.Gone = append(u.Gone, id)
		}
	}
	u.PrefixLists = differ(before.PrefixLists, after.PrefixLists, &u.Gone, func(v vpc.PrefixList) string { return v.ID })
	u.EndpointServices = differ(before.EndpointServices, after.EndpointServices, &u.Gone,
		func(v vpc.EndpointService) string { return v.ID })
	u.Peerings = differ(before.Peerings, after.Peerings, &u.Gone, func(v vpc.Peering) string { return v.ID })
	u.ResolverRules = differ(before.ResolverRules, after.ResolverRules, &u.Gone,
		func(v vpc.ResolverRule) string { return v.ID })
	if !reflect.DeepEqual(before.Internet, after.Internet) {
		u.Internet = after.Internet
	}
	return u
}

// differ returns the values of after that before does not have so, and adds to gone the ids of those that after lacks.
func differ[T any](before, after []T, gone *[]string, id func(T) string) (changed []T) {
	old, now := map[string]T{}, map[string]bool{}
	for _, v := range before {
		old[id(v)] = v
	}
	for _, v := range after {
		now[id(v)] = true
		if was, ok := old[id(v)]; !ok || !reflect.DeepEqual(was, v) {
			changed = append(changed, v)
		}
	}
	for _, v := range before {
		if !now[id(v)] {
			*gone = append(*gone, id(v))
		}
	}
	return changed
}

// Contents returns what stands in each VPC of the network, by the VPC's id.
func Contents(n vpc.Network) map[string]vpc.Content {
	of := map[string]vpc.Content{}
	for _, v := range n.VPCs {
		of[v.ID] = vpc.Content{
			VPC:               v,
			Subnets:           in(v.ID, n.Subnets, func(x vpc.Subnet) string { return x.VPC }),
			RouteTables:       in(v.ID, n.RouteTables, func(x vpc.RouteTable) string { return x.VPC }),
			ACLs:              in(v.ID, n.ACLs, func(x vpc.ACL) string { return x.VPC }),
			SecurityGroups:    in(v.ID, n.SecurityGroups, func(x vpc.SecurityGroup) string { return x.VPC }),
			Interfaces:        in(v.ID, n.Interfaces, func(x vpc.Interface) string { return x.VPC }),
			Endpoints:         in(v.ID, n.Endpoints, func(x vpc.Endpoint) string { return x.VPC }),
			ResolverEndpoints: in(v.ID, n.ResolverEndpoints, func(x vpc.ResolverEndpoint) string { return x.VPC }),
			NATGateways:       in(v.ID, n.NATGateways, func(x vpc.NATGateway) string { return x.VPC }),
		}
	}
	return of
}

func in[T any](v string, list []T, of func(T) string) (out []T) {
	for _, x := range list {
		if of(x) == v {
			out = append(out, x)
		}
	}
	return out
}
