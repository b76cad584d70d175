package server

import (
	"net/netip"
	"os"

	"postern/network/flowlog"
)

// openFlowLogs makes what writes flow logs into the data directory. It closes after the fabric, whose last records it
// still takes. What a lab has written goes with it.
func (s *Server) openFlowLogs() {
	dir := s.data.file("flow-logs")
	s.flowLogs = flowlog.New(flowlog.Config{
		Dir: dir, State: s.network.State, Log: s.log,
		Service: func(a netip.Addr) bool {
			_, ok := s.network.Snapshot().PublicServiceAt(a)
			return ok
		},
	})
	s.onClose(func() error {
		if s.config.frame != nil {
			return os.RemoveAll(dir)
		}
		s.flowLogs.Close(s.config.Now())
		return nil
	})
}
