package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	ssmtypes "postern/aws/service/ssm/types"
)

// Selection says which nodes of a region are looked at: those with the ids, those in the VPCs, or all.
type Selection struct {
	Nodes []string `json:"nodes,omitempty"`
	VPCs  []string `json:"vpcs,omitempty"`
	All   bool     `json:"all,omitempty"`
}

// String returns the selection as an error names it.
func (s Selection) String() string {
	if s.All {
		return "all nodes"
	}
	return strings.Join(slices.Concat(s.Nodes, s.VPCs), ", ")
}

// Survey holds the facts about several nodes of a region, which share the network around them.
type Survey struct {
	Account, Region string
	// At is when they were read.
	At time.Time
	// Facts are about one node each.
	Facts []Facts
	// Unchecked says, one line each, what could not be read.
	Unchecked []string
}

// ReadAll asks the APIs for the facts about the nodes of a selection. It fails as Read does, and with NotFound where a
// VPC is not there.
func ReadAll(ctx context.Context, c Clients, region string, of Selection) (*Survey, error) {
	r := newReader(ctx, c, region)
	if err := r.choose(of); err != nil {
		return nil, err
	}
	if err := r.surroundings(of.String()); err != nil {
		return nil, err
	}
	if err := r.sawVPCs(of.VPCs); err != nil {
		return nil, err
	}
	s := &Survey{Account: r.Account, Region: region, At: r.At}
	if len(r.nodes) > 0 {
		compiled, err := r.Facts.compile()
		if err != nil {
			return nil, fault.New(fault.Unavailable, "doctor.Read", "what the APIs say contradicts itself: %w", err)
		}
		r.compiled = compiled
	}
	for _, n := range r.nodes {
		s.Facts = append(s.Facts, r.about(n))
	}
	s.Unchecked = r.Unchecked
	return s, nil
}

// Only leaves those nodes of the survey that a selection is about. It fails with NotFound where one is not among them.
func (s *Survey) Only(of Selection) error {
	if of.All {
		return nil
	}
	wanted := map[string]bool{}
	for _, id := range slices.Concat(of.Nodes, of.VPCs) {
		wanted[id] = false
	}
	s.Facts = slices.DeleteFunc(s.Facts, func(f Facts) bool {
		ids := []string{f.Node.ID}
		for _, c := range f.Network.Interfaces {
			if c.ID == f.Node.Interface {
				ids = append(ids, c.VPC)
			}
		}
		gone := true
		for _, id := range ids {
			if _, ok := wanted[id]; ok {
				wanted[id], gone = true, false
			}
		}
		return gone
	})
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if !wanted[id] {
			return fault.New(fault.NotFound, "doctor.Only", "nothing was read about %s", id)
		}
	}
	return nil
}

// choose finds the nodes of a selection.
func (r *reader) choose(of Selection) error {
	if len(of.Nodes) > 0 {
		if err := r.find(of.Nodes); err != nil {
			return err
		}
	}
	for _, id := range of.VPCs {
		if !strings.HasPrefix(id, "vpc-") {
			return fault.New(fault.Invalid, "doctor.Read", "%q is no id of a VPC (vpc-…)", id)
		}
		if !slices.Contains(r.homes, id) {
			r.homes = append(r.homes, id)
		}
	}
	switch {
	case of.All:
		if err := r.instances("instance-state-name", living); err != nil {
			return err
		}
		return r.allMachines(nil)
	case len(of.VPCs) > 0:
		if err := r.instances("vpc-id", of.VPCs); err != nil {
			return err
		}
		return r.allMachines(of.VPCs)
	}
	return nil
}

// living are the states of instances that are not gone.
var living = []string{
	string(types.InstanceStateNamePending), string(types.InstanceStateNameRunning),
	string(types.InstanceStateNameStopping), string(types.InstanceStateNameStopped),
}

// allMachines adds the managed nodes that are no instances: all, or those with an interface in one of the VPCs. Where
// Systems Manager does not tell them, only instances are looked at.
func (r *reader) allMachines(in []string) error {
	var ids []string
	err := r.registered(nil, func(i *ssmtypes.InstanceInformation) {
		if id := aws.ToString(i.InstanceId); strings.HasPrefix(id, "mi-") {
			ids = append(ids, id)
		}
	})
	if err != nil {
		r.skip("which machines are managed nodes without being instances", err)
		return nil
	}
	if in == nil {
		return r.machines(ids)
	}
	homes, first := slices.Clone(r.homes), len(r.nodes)
	if err := r.machines(ids); err != nil {
		return err
	}
	r.homes = homes
	r.nodes = append(r.nodes[:first], slices.DeleteFunc(slices.Clone(r.nodes[first:]),
		func(n *node) bool { return !slices.Contains(in, n.vpc) })...)
	return nil
}

// sawVPCs fails with NotFound where a VPC that was asked for was not among those that the API described.
func (r *reader) sawVPCs(ids []string) error {
	for _, id := range ids {
		seen := false
		for _, v := range r.Network.VPCs {
			seen = seen || v.ID == id
		}
		if !seen {
			return fault.New(fault.NotFound, "doctor.Read", "no VPC %s in %s", id, r.Region)
		}
	}
	return nil
}
