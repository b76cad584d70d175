package server

import (
	"log/slog"
	"net"
	"sync"

	"postern/network/fabric"
	"postern/network/vpc"
)

const httpsPort = 443

// doors keeps one listener open at each address of each interface endpoint to a service of Amazon's that is available.
type doors struct {
	fabric *fabric.Fabric
	web    *web
	log    *slog.Logger

	mu   sync.Mutex
	open map[string]net.Listener // by network interface
}

// apply opens what the snapshot has and closes what it no longer has.
func (d *doors) apply(s *vpc.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := map[string]bool{}
	for e := range s.Endpoints() {
		if e.Kind != vpc.InterfaceEndpoint || !e.Available || vpc.OwnService(e.Service) {
			continue
		}
		for _, eni := range e.Interfaces {
			wanted[eni] = true
			if d.open[eni] == nil {
				d.openLocked(eni)
			}
		}
	}
	for eni, l := range d.open {
		if !wanted[eni] {
			l.Close()
			delete(d.open, eni)
		}
	}
}

func (d *doors) openLocked(eni string) {
	l, err := d.fabric.Listen(eni, httpsPort)
	if err != nil {
		d.log.Error("endpoint does not listen", "interface", eni, "error", err)
		return
	}
	d.open[eni] = l
	d.web.serve(l)
}
