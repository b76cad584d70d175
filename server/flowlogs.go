package server

import (
	"net/netip"

	"postern/network/flowlog"
)

// openFlowLogs makes what writes flow logs into the data directory. It closes after the fabric, whose last records it
// still takes.
func (s *Server) openFlowLogs() {
	s.flowLogs = flowlog.New(flowlog.Config{
		Dir: s.data.file("flow-logs"), State: s.network.State, Log: s.log,
		Service: func(a netip.Addr) bool {
			_, ok := s.network.Snapshot().PublicServiceAt(a)
			return ok
		},
	})
	s.onClose(func() error { s.flowLogs.Close(s.config.Now()); return nil })
}
