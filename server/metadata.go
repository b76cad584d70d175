package server

import (
	"context"

	"postern/aws/fault"
	"postern/network"
	"postern/network/imds"
	"postern/services/compute"
	"postern/services/identity"
)

// metadataModule answers instances at 169.254.169.254.
type metadataModule struct {
	config   *Config
	identity *identityModule
	network  *networkModule
	fabric   *fabricModule
	compute  *computeModule
}

func (m *metadataModule) module() module { return module{name: "metadata service", run: m.run} }

func (m *metadataModule) run(ctx context.Context) error {
	source := &metadata{m.compute.Service, m.network.Service, m.identity.Service}
	return imds.New(imds.Options{Source: source, Now: m.config.Now}).Serve(ctx, m.fabric.Metadata())
}

// metadata answers what instances may learn about themselves.
type metadata struct {
	compute  *compute.Service
	network  *network.Service
	identity *identity.Service
}

var _ imds.Source = (*metadata)(nil)

// Instance implements imds.Source.
func (m *metadata) Instance(_ context.Context, eni string) (imds.Instance, error) {
	i, err := m.instance(eni)
	if err != nil {
		return imds.Instance{}, err
	}
	out := imds.Instance{
		ID: i.ID, Account: i.Account, Region: i.Region, Zone: i.Zone, Image: i.Image, Type: i.Type,
		Reservation: i.Reservation, Launched: i.Launched, UserData: i.UserData, Tags: i.Tags,
		KeyName: i.KeyName, PublicKey: i.PublicKey,
		Disabled: i.Metadata.Disabled, TokensOptional: !i.Metadata.TokensRequired,
		TagsEnabled: i.Metadata.TagsEnabled, HopLimit: i.Metadata.HopLimit,
	}
	if region, ok := network.RegionByName(i.Region); ok {
		if zone, ok := region.ZoneByName(i.Zone); ok {
			out.ZoneID = zone.ID
		}
	}
	if image, err := m.compute.Image(i.Scope, i.Image); err == nil {
		out.Architecture = image.Architecture
	}
	out.Profile = m.profile(i)
	state := m.network.State()
	for _, n := range state.Attached(i.ID) {
		out.Interfaces = append(out.Interfaces, metadataInterface(state, i, n))
	}
	return out, nil
}

// profile describes an instance's profile and its role, as far as there are any.
func (m *metadata) profile(i compute.Instance) imds.Profile {
	if i.Profile.ARN == "" {
		return imds.Profile{}
	}
	out := imds.Profile{ARN: i.Profile.ARN, ID: i.Profile.ID}
	p, err := m.identity.InstanceProfile(i.Account, i.Profile.Name)
	if err != nil {
		return out
	}
	out.Role = p.Role
	if role, err := m.identity.Role(i.Account, p.Role); err == nil {
		out.RoleID = role.ID
	}
	return out
}

// instance returns the one that has a network interface, whichever of its interfaces that is.
func (m *metadata) instance(eni string) (compute.Instance, error) {
	if i, ok := m.compute.ByInterface(eni); ok {
		return i, nil
	}
	if n, ok := m.network.Snapshot().Interface(eni); ok {
		if i, err := m.compute.ByID(n.Owner); err == nil {
			return i, nil
		}
	}
	return compute.Instance{}, fault.New(fault.NotFound, "server.metadata", "%s is no instance's interface", eni)
}

// metadataInterface describes one of an instance's network interfaces.
func metadataInterface(state *network.State, i compute.Instance, n *network.Interface) imds.Interface {
	scope := i.Scope
	out := imds.Interface{
		Device: n.Attachment.Index, ID: n.ID, MAC: n.MAC, VPC: n.VPC, Subnet: n.Subnet,
		Addresses: n.Addresses, Groups: n.Groups,
		HostName: network.HostName(n.Addresses[0]) + "." + network.HostDomain(i.Region),
	}
	if n.Public != nil {
		out.Public, out.PublicHostName = n.Public.Address, state.PublicHostName(n)
	}
	if subnet, err := state.Subnet(scope, n.Subnet); err == nil {
		out.SubnetRange = subnet.CIDR
	}
	if vpc, err := state.VPC(scope, n.VPC); err == nil {
		if domains := state.Lease(vpc).Search; len(domains) > 0 {
			out.HostName = network.HostName(n.Addresses[0]) + "." + domains[0]
		}
		for _, block := range vpc.Blocks {
			out.VPCRanges = append(out.VPCRanges, block.CIDR)
		}
	}
	for _, id := range n.Groups {
		name := ""
		if group, err := state.SecurityGroup(scope, id); err == nil {
			name = group.Name
		}
		out.GroupNames = append(out.GroupNames, name)
	}
	return out
}

// RoleCredentials implements imds.Source.
func (m *metadata) RoleCredentials(ctx context.Context, id, _ string) (imds.Credentials, error) {
	i, err := m.compute.ByID(id)
	if err != nil {
		return imds.Credentials{}, err
	}
	assumed, err := m.identity.AssumeForInstance(ctx, m.identityOf(i), i.Profile.Name)
	return credentials(assumed.Credentials), err
}

// IdentityCredentials implements imds.Source.
func (m *metadata) IdentityCredentials(ctx context.Context, id string) (imds.Credentials, error) {
	i, err := m.compute.ByID(id)
	if err != nil {
		return imds.Credentials{}, err
	}
	given, err := m.identity.IdentifyInstance(ctx, m.identityOf(i))
	return credentials(given), err
}

// identityOf returns an instance as identities know it, with the place that its primary interface has now.
func (m *metadata) identityOf(i compute.Instance) identity.Instance {
	out := identity.Instance{Account: i.Account, Region: i.Region, ID: i.ID}
	for _, n := range m.network.State().Attached(i.ID) {
		if n.Attachment.Index == 0 {
			out.VPC, out.Address = n.VPC, n.Addresses[0].String()
		}
	}
	return out
}

func credentials(c identity.Credentials) imds.Credentials {
	return imds.Credentials{
		AccessKeyID: c.AccessKey, SecretAccessKey: c.Secret, SessionToken: c.Token, Issued: c.Issued, Expires: c.Expires,
	}
}
