package server

import (
	"errors"
	"net"

	"postern/support/certs"
	"postern/support/compute/guest"
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
