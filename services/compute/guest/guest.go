package guest

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"postern/services/compute/userdata"
)

// Boot is all that one start of an instance needs.
type Boot struct {
	// ID is the instance's id, for messages and for cloud-init's paths.
	ID string
	// Dir is the instance's own directory, which Start fills at the first boot.
	Dir string
	// Image is the root directory of the image; empty means this host's own root file system.
	Image string
	// HostEtc is the copy of the host's /etc that CopyHostEtc made; needed where Image is empty.
	HostEtc string
	// Agent is the path of the postern-agent program on the host.
	Agent string

	Hostname string
	// MAC is the interface's hardware address, "0a:1b:2c:3d:4e:5f".
	MAC string
	// Search is the list of domains in which short names are looked for; the first is the host's own. It may be empty.
	Search []string
	// Address is the interface's address with its subnet's length.
	Address netip.Prefix
	// Gateway is the subnet's router.
	Gateway netip.Addr
	// Servers are the DNS servers, in the order in which they are asked.
	Servers []netip.Addr
	// MTU of the interface in bytes, 576–65535; 0 means 9001, as Amazon's interfaces have.
	MTU int
	// CA is the PEM of the certificate authority that the guest trusts besides the image's own.
	CA string
	// UserData is run once in the life of the instance if it starts with "#!"; Files are written before, once too.
	UserData []byte
	Files    []userdata.File
	// Console gets what the guest's processes print. It is written from one goroutine.
	Console io.Writer `json:"-"`

	// Probe asks only whether all this would work: the guest sets up everything and ends.
	Probe bool
}

func (b *Boot) check() error {
	switch {
	case b.ID == "" || b.Dir == "" || b.Agent == "" || b.Hostname == "":
		return fmt.Errorf("boot %q: id, directory, agent and host name are needed", b.ID)
	case b.MAC == "":
		return fmt.Errorf("boot %s: the interface's hardware address is needed", b.ID)
	case b.Image == "" && b.HostEtc == "":
		return fmt.Errorf("boot %s: the host as an image needs its copy of /etc", b.ID)
	case !b.Address.IsValid() || !b.Address.Addr().Is4() || !b.Gateway.Is4() || len(b.Servers) == 0:
		return fmt.Errorf("boot %s: address %v, gateway %v, DNS servers %v", b.ID, b.Address, b.Gateway, b.Servers)
	case b.MTU != 0 && (b.MTU < 576 || b.MTU > 65535):
		return fmt.Errorf("boot %s: MTU %d is not 576–65535", b.ID, b.MTU)
	}
	return nil
}

// NIC describes a network interface of a guest.
type NIC struct {
	// Index is the device index; the guest calls the interface eth0, eth1 and so on after it.
	Index int
	// MAC is the hardware address, "0a:1b:2c:3d:4e:5f".
	MAC string
	// Address is the primary address with its subnet's length, Secondary are the others.
	Address   netip.Prefix
	Secondary []netip.Addr
	// Gateway is the subnet's router.
	Gateway netip.Addr
	// MTU is in bytes.
	MTU int
}

// EndKind says why a guest ended.
type EndKind int

// The ends.
const (
	// Died is an end that nobody asked for; End.Err says what is known.
	Died EndKind = iota
	// Stopped was asked for by Stop or Kill.
	Stopped
	// PoweredOff was asked for inside the guest (poweroff, halt).
	PoweredOff
	// Restarted was asked for inside the guest (reboot).
	Restarted
)

// End tells how a guest ended.
type End struct {
	Kind EndKind
	Err  error
}

// ErrSilent is the error of Plug and Assign where the guest's first process does not answer: its root may have stopped
// it.
var ErrSilent = errors.New("the guest's first process does not answer")

// Machine is a guest that runs.
type Machine interface {
	// TAP is the guest's network interface: Ethernet frames with a virtio network header, with large TCP segments and
	// unfinished checksums both ways. The caller owns it once Start has returned.
	TAP() *os.File
	// Plug gives the running guest one more network interface and returns it as TAP is; the guest's is gone once it is
	// closed.
	Plug(NIC) (*os.File, error)
	// Assign gives an interface of the running guest other secondary addresses.
	Assign(NIC) error
	// PID of the process on the host that holds the guest: whoever kills it ends all of the guest.
	PID() int
	// Stop asks the guest to end, and makes it when it has not within a few seconds. It returns when the guest is gone.
	Stop()
	// Kill ends the guest at once and returns when it is gone.
	Kill()
	// Done is closed when the guest is gone, and End then says how.
	Done() <-chan struct{}
	End() End
}
