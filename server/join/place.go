package join

import (
	"fmt"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
	"postern/ssm/node"
)

// Places finds where activations let machines into the private network.
type Places struct{ Network *network.Service }

// Place returns the subnet and the groups that an activation's tags name. Where they name no subnet it is the only one
// that there is, and where they name no group the default one of its VPC: nil means that nothing says where.
func (p Places) Place(in scope.Scope, tags map[string]string) (*node.Place, error) {
	state := p.Network.State()
	subnet, err := subnetOf(state, in, tags[node.TagSubnet])
	if err != nil || subnet == nil {
		return nil, err
	}
	groups := strings.FieldsFunc(tags[node.TagGroups], func(c rune) bool { return c == ' ' || c == ',' })
	for _, id := range groups {
		g, err := state.SecurityGroup(in, id)
		if err == nil && g.VPC != subnet.VPC {
			err = fault.New(fault.Invalid, "server.Place", "the security group %s is not of the VPC of %s, %s",
				id, subnet.ID, subnet.VPC)
		}
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", node.TagGroups, err)
		}
	}
	if len(groups) == 0 {
		g, err := state.GroupNamed(in, subnet.VPC, "default")
		if err != nil {
			return nil, err
		}
		groups = []string{g.ID}
	}
	return &node.Place{Subnet: subnet.ID, Groups: groups}, nil
}

// subnetOf returns the subnet with an id or, without one, the only subnet that there is; nil if there is none or a
// choice.
func subnetOf(state *network.State, in scope.Scope, id string) (*network.Subnet, error) {
	if id != "" {
		n, err := state.Subnet(in, id)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", node.TagSubnet, err)
		}
		return n, nil
	}
	var only *network.Subnet
	for n := range state.Subnets(in) {
		if only != nil {
			return nil, nil
		}
		only = n
	}
	return only, nil
}
