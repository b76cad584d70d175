package server

import (
	"log/slog"
	"net"
	"sync"

	"postern/network/fabric"
	"postern/network/vpc"
	"postern/server/front"
)

const httpsPort = 443

// endpointListeners keeps one listener open at each address of each interface endpoint to a service of Amazon's that is
// available.
type endpointListeners struct {
	fabric *fabric.Fabric
	front  *front.Server
	log    *slog.Logger

	mu   sync.Mutex
	open map[string]net.Listener // by network interface
}

// apply opens what the snapshot has and closes what it no longer has.
func (e *endpointListeners) apply(s *vpc.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wanted := map[string]bool{}
	for endpoint := range s.Endpoints() {
		if endpoint.Kind != vpc.InterfaceEndpoint || !endpoint.Available || vpc.OwnService(endpoint.Service) {
			continue
		}
		for _, eni := range endpoint.Interfaces {
			wanted[eni] = true
			if e.open[eni] == nil {
				e.listenLocked(eni)
			}
		}
	}
	for eni, l := range e.open {
		if !wanted[eni] {
			l.Close()
			delete(e.open, eni)
		}
	}
}

func (e *endpointListeners) listenLocked(eni string) {
	l, err := e.fabric.Listen(eni, httpsPort)
	if err != nil {
		e.log.Error("endpoint does not listen", "interface", eni, "error", err)
		return
	}
	e.open[eni] = l
	e.front.Serve(l)
}
