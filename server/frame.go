package server

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"postern/services/certs"
	"postern/services/compute/guest"
)

// frame is what a server keeps its parts in: the data directory and the CA. A lab's is there before its servers and
// outlives them, with the listener of the public API.
type frame struct {
	data *dataDir
	ca   *certs.Authority
	// public is the lab's own listener; nil where the server listens itself.
	public net.Listener
	// checked says that missing is what the check of this host has found.
	checked bool
	missing []guest.Missing
	// turns counts the lab's servers, which have a directory for instances each. What an earlier one leaves behind for the
	// kernel to end, and on the disk, is cleared away beside the next.
	turns    int
	clearing sync.WaitGroup
}

func openFrame(c Config) (f *frame, err error) {
	f = &frame{}
	if f.data, err = openDataDir(c.DataDir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.data.close())
		}
	}()
	authority, err := f.data.keep("ca.pem", func() ([]byte, error) {
		made, err := certs.New(c.Now)
		if err != nil {
			return nil, err
		}
		return made.Marshal()
	})
	if err != nil {
		return nil, err
	}
	if f.ca, err = certs.Load(authority, c.Now); err != nil {
		return nil, err
	}
	return f, f.data.write("ca-certificate.pem", f.ca.CertificatePEM(), 0o644)
}

func (s *Server) computeDir() string {
	if f := s.config.frame; f != nil {
		return s.data.file(fmt.Sprintf("compute-%d", f.turns))
	}
	return s.data.file("compute")
}

// closeCompute ends the instances. For a lab they are killed: until the kernel has taken their namespaces down takes longer
// than all else, and nobody has to wait for it.
func (s *Server) closeCompute() error {
	f, dir := s.config.frame, s.computeDir()
	if f == nil {
		return s.compute.Close()
	}
	f.clearing.Go(func() {
		if err := errors.Join(s.compute.Halt(), guest.Remove(dir)); err != nil {
			s.log.Error("an earlier turn of the lab leaves something behind", "error", err)
		}
	})
	return nil
}

// closeWeb ends the listeners inside the private network. For a lab nobody waits for a node that does not read or send: its
// whole network goes.
func (s *Server) closeWeb() {
	if s.config.frame != nil {
		s.web.cut()
		return
	}
	s.web.close()
}
