package join

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"postern/network"
	"postern/network/vpc"
	"postern/services/machine"
)

// Interfaces gives machines their network interfaces.
type Interfaces struct{ Network *network.Service }

var _ machine.Interfaces = Interfaces{}

// Create implements machine.Interfaces. Until the machine has registered as a node it is its own owner.
func (i Interfaces) Create(ctx context.Context, m machine.Machine, groups []string) (machine.Machine, error) {
	made, err := i.Network.CreateInterface(ctx, m.Scope, network.CreateInterfaceInput{
		Subnet: m.Subnet, Kind: vpc.AttachedInterface, Owner: owner(m), Groups: groups,
		Description: "machine " + m.Hostname, DeleteOnTermination: true,
	})
	if err != nil {
		return m, err
	}
	m.Interface, m.VPC, m.Address = made.ID, made.VPC, made.Addresses[0]
	return m, nil
}

// owner returns what a machine's interface belongs to: its node, or before there is one, its key.
func owner(m machine.Machine) string {
	if m.Node != "" {
		return m.Node
	}
	sum := sha256.Sum256([]byte(m.Key))
	return "machine-" + hex.EncodeToString(sum[:8])
}

// Own implements machine.Interfaces.
func (i Interfaces) Own(ctx context.Context, m machine.Machine) error {
	return i.Network.ReassignInterface(ctx, m.Scope, m.Interface, owner(m))
}

// Release implements machine.Interfaces.
func (i Interfaces) Release(ctx context.Context, m machine.Machine) error {
	return i.Network.ReleaseOwner(ctx, owner(m))
}
