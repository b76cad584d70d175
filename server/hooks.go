package server

import (
	"context"
	"net/http"
	"os"

	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/link"
	"postern/network/vpc"
	"postern/services/compute"
)

// TestHooks replace what a server has of its host, and watch what happens inside it. Package test/world sets them;
// programs leave them empty.
type TestHooks struct {
	// Launcher starts instances in place of this host's namespaces, and Link makes a link of what its machines return as
	// their TAP device. Both are set or none.
	Launcher compute.Launcher
	Link     func(tun *os.File, mtu int) (link.Link, error)
	// Watch is told of every packet as the fabric decides on it. It must not wait.
	Watch func(fabric.Trace)
	// Tap stands between the listeners and the pipeline, and sees every request and answer; nil is nobody.
	Tap func(http.Handler) http.Handler
	// MaxPages bounds the state, in pages of 4 KiB, as a full disk would; 0 is no bound.
	MaxPages int
}

// Interface makes a network interface for a machine that Postern does not run, and that is not joined over WireGuard.
func (s *Server) Interface(ctx context.Context, subnet, owner string, groups ...string) (*network.Interface, error) {
	scope := scope.Scope{Account: s.config.Account, Region: s.config.Region}
	return s.network.CreateInterface(ctx, scope, network.CreateInterfaceInput{
		Subnet: subnet, Owner: owner, Groups: groups, Kind: vpc.AttachedInterface, DeleteOnTermination: true,
	})
}

// Attach plugs a link into a network interface, as fabric.Attach does.
func (s *Server) Attach(eni string, l link.Link) (detach func()) { return s.fabric.Attach(eni, l) }
