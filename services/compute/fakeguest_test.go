package compute_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"postern/services/compute"
	"postern/services/compute/guest"
	"postern/services/compute/userdata"
)

// bench plays the host and the network: guests that run until they are told to end.
type bench struct {
	mu         sync.Mutex
	guests     map[string]*fakeGuest // by instance
	boots      map[string]int
	attached   map[string]bool // by interface
	terminated []string
	refuse     error
	nics       []compute.NIC // of every instance
	files      map[string][]userdata.File
}

func newBench() *bench {
	return &bench{
		guests:   map[string]*fakeGuest{},
		boots:    map[string]int{},
		attached: map[string]bool{},
		files:    map[string][]userdata.File{},
	}
}

func (b *bench) Start(_ context.Context, boot guest.Boot) (guest.Machine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	if err := os.MkdirAll(boot.Dir, 0o700); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w.Close()
	fmt.Fprintf(boot.Console, "boot of %s\n", boot.ID)
	g := &fakeGuest{tap: r, done: make(chan struct{})}
	b.guests[boot.ID] = g
	b.boots[boot.ID]++
	b.files[boot.ID] = boot.Files
	return g, nil
}

func (b *bench) Attach(eni string, _ *os.File) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attached[eni] = true
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.attached, eni)
	}, nil
}

func (b *bench) Lease(i compute.Instance) (compute.Lease, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return compute.Lease{Servers: []netip.Addr{i.Resolver}, Search: []string{i.Domain}, NICs: b.nics}, nil
}

func (b *bench) Terminated(_ context.Context, i compute.Instance) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.terminated = append(b.terminated, i.ID)
	return nil
}

func (b *bench) guest(id string) *fakeGuest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.guests[id]
}

type fakeGuest struct {
	tap  *os.File
	done chan struct{}
	once sync.Once
	end  guest.End

	mu     sync.Mutex
	said   []string
	silent bool // its first process does not answer
}

func (g *fakeGuest) say(verb string, c guest.NIC) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.said = append(g.said, fmt.Sprint(verb, " eth", c.Index, " ", c.Address, " ", c.Secondary))
}

// heard returns the calls that the guest has had since the last time.
func (g *fakeGuest) heard() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	said := g.said
	g.said = nil
	return said
}

func (g *fakeGuest) finish(e guest.End) { g.once.Do(func() { g.end = e; close(g.done) }) }
func (g *fakeGuest) TAP() *os.File      { return g.tap }
func (g *fakeGuest) Plug(c guest.NIC) (*os.File, error) {
	if g.silent {
		return nil, guest.ErrSilent
	}
	r, w, err := os.Pipe()
	if err == nil {
		err = w.Close()
	}
	g.say("plug", c)
	return r, err
}
func (g *fakeGuest) Assign(c guest.NIC) error { g.say("assign", c); return nil }
func (g *fakeGuest) PID() int                 { return 1 }
func (g *fakeGuest) Stop()                    { g.finish(guest.End{Kind: guest.Stopped}) }
func (g *fakeGuest) Kill()                    { g.Stop() }
func (g *fakeGuest) Done() <-chan struct{}    { return g.done }
func (g *fakeGuest) End() guest.End           { return g.end }
