package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postern/api"
	apis3 "postern/api/s3"
	"postern/services/s3"
	"postern/services/s3/embedded"
	"postern/services/s3/external"
)

// s3Module is S3: buckets, and a store for objects that is started when it is first needed.
type s3Module struct {
	config *Config
	base   *baseModule
	state  *stateModule

	*s3.Service
	objects objectStore
}

// objectStore keeps objects: a program of this host, or a service elsewhere.
type objectStore interface {
	s3.Upstream
	Close() error
}

func (m *s3Module) module() module {
	return module{
		name: "s3", open: m.open, services: m.services, reconcilers: m.reconcilers, replicas: m.replicas, close: m.close,
	}
}

func (m *s3Module) open(ctx context.Context) (err error) {
	if m.objects, err = m.store(); err != nil {
		return err
	}
	m.Service, err = s3.Open(ctx, s3.Config{
		Store: m.state.Set(setS3), Upstream: m.objects, TempDir: filepath.Dir(m.dir()), Now: m.config.Now,
	})
	return err
}

// store makes what keeps objects. It goes by the clock of this host, whatever the server's.
func (m *s3Module) store() (objectStore, error) {
	if c := m.config.ExternalS3; c.Endpoint != "" {
		c.Log = m.config.Log
		return external.New(c)
	}
	if err := embedded.Check(m.config.ObjectStore); err != nil && m.config.ObjectStore != "" {
		m.config.Log.Warn("S3 has buckets and cannot keep objects", "error", err)
	}
	return embedded.New(embedded.Config{Dir: m.dir(), Program: m.config.ObjectStore, Log: m.config.Log}), nil
}

// dir is where objects are kept. A generation of the server has a directory of its own.
func (m *s3Module) dir() string {
	if m.base.kept != nil {
		return m.base.dir.File(fmt.Sprintf("s3-%d", m.base.kept.generations))
	}
	return m.base.dir.File("s3")
}

func (m *s3Module) services() []api.Service { return []api.Service{apis3.New(m.Service)} }

func (m *s3Module) replicas() []replica { return []replica{{setS3, m.Refresh}} }

func (m *s3Module) reconcilers() []reconciler {
	agents := releases{dir: m.base.dir.File("agents"), region: m.config.Region, put: m.Publish}
	return []reconciler{
		{name: "releases of the agent", every: time.Minute, run: agents.run},
		{name: "interrupted changes of buckets", every: time.Minute, run: m.Heal},
		{name: "expired objects", every: time.Minute, run: m.Expire},
	}
}

// close ends the store's process. Where another generation of the server follows, its objects go beside it.
func (m *s3Module) close() error {
	err := m.objects.Close()
	if b, dir := m.base.kept, m.dir(); b != nil {
		b.clearing.Go(func() {
			if err := os.RemoveAll(dir); err != nil {
				m.config.Log.Error("an earlier generation of the server leaves something behind", "error", err)
			}
		})
	}
	return err
}
