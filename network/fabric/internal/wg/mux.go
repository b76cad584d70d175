package wg

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"postern/network/link"
	"postern/network/link/datagram"
)

// runBuffers says how many runs may be on their way from the socket to the cells; when all are, the kernel's buffer
// fills.
const runBuffers = 16

// mux reads the socket and hands each datagram to whom it belongs.
type mux struct {
	sock *datagram.Socket
	log  *slog.Logger
	now  func() time.Time
	// enqueue is called with each join message, which it must not keep.
	enqueue func(message []byte, from datagram.Path)
	index   indexTable
	// binds is replaced whole when a cell comes or goes.
	binds   atomic.Pointer[[]*bind]
	mu      sync.Mutex // for changes of binds
	free    chan *runBuffer
	closing chan struct{}
	done    chan struct{}
	Strange atomic.Uint64 // datagrams that were nobody's

	// of the reader
	lastFrom *endpoint
	hints    bucket
}

// runBuffer is a run that was read, with the number of pieces that cells still have to take out of it.
type runBuffer struct {
	pieces atomic.Int32
	data   [datagram.RunSize]byte
}

// piece is some datagrams of a run, all but the last of one length, on their way to a cell.
type piece struct {
	run  *runBuffer
	data []byte
	each int
	from *endpoint
}

func newMux(
	sock *datagram.Socket, log *slog.Logger, now func() time.Time, enqueue func([]byte, datagram.Path),
) *mux {
	m := &mux{sock: sock, log: log, now: now, enqueue: enqueue,
		free: make(chan *runBuffer, runBuffers), closing: make(chan struct{}), done: make(chan struct{})}
	m.binds.Store(new([]*bind))
	for range runBuffers {
		m.free <- new(runBuffer)
	}
	return m
}

// add and remove change the set of cells.
func (m *mux) add(b *bind) { m.change(func(all []*bind) []*bind { return append(all, b) }) }

func (m *mux) remove(b *bind) {
	m.change(func(all []*bind) []*bind {
		kept := all[:0]
		for _, other := range all {
			if other != b {
				kept = append(kept, other)
			}
		}
		return kept
	})
}

func (m *mux) change(f func([]*bind) []*bind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := f(append([]*bind(nil), *m.binds.Load()...))
	m.binds.Store(&all)
}

// read runs until the socket is closed.
func (m *mux) read() {
	defer close(m.done)
	failures := 0
	for run := range m.free {
		r, err := m.sock.Read(run.data[:])
		if err == nil {
			failures = 0
			m.dispatch(run, r)
			continue
		}
		m.free <- run
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// The host has no memory, say. It says nothing about the next datagram.
		m.log.Warn("read datagrams", "error", err)
		if failures++; failures > 3 {
			m.pause()
		}
	}
}

// pause keeps a socket that only fails from taking a whole core.
func (m *mux) pause() {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-m.closing:
	}
}

// dispatch cuts a run into pieces that belong to one cell each. Usually that is the whole run.
func (m *mux) dispatch(run *runBuffer, r datagram.Run) {
	from := m.endpoint(r.Path)
	run.pieces.Store(1) // ours, so that no piece frees the run while others are cut
	data := run.data[:r.Size]
	var owner *bind
	var known uint32 // the receiver of the message before, if owner is its cell
	start, end := 0, 0
	flush := func() {
		if owner != nil && end > start {
			run.pieces.Add(1)
			owner.take(piece{run, data[start:end], r.Each, from})
		}
	}
	for end < len(data) {
		size := min(r.Each, len(data)-end)
		message := data[end : end+size]
		next := owner
		if receiver, ok := transport(message); !ok || owner == nil || receiver != known {
			next = m.owner(message, r.Path)
			known = receiver
		}
		if next != owner {
			flush()
			owner, start = next, end
		}
		end += size
	}
	flush()
	m.release(run)
}

// transport returns the receiver's index of a message that carries packets.
func transport(message []byte) (uint32, bool) {
	if len(message) < device.MessageTransportSize || binary.LittleEndian.Uint32(message) != device.MessageTransportType {
		return 0, false
	}
	return binary.LittleEndian.Uint32(message[device.MessageTransportOffsetReceiver:]), true
}

// owner finds the cell that a message is for. A join message is taken care of here.
func (m *mux) owner(message []byte, from datagram.Path) *bind {
	if link.IsJoin(message) {
		m.enqueue(message, from)
		return nil
	}
	var found *bind
	if len(message) >= device.MinMessageSize {
		switch binary.LittleEndian.Uint32(message) {
		case device.MessageTransportType, device.MessageCookieReplyType:
			found = m.index.find(binary.LittleEndian.Uint32(message[4:]))
		case device.MessageResponseType:
			found = m.index.find(binary.LittleEndian.Uint32(message[8:]))
		case device.MessageInitiationType:
			found = m.addressee(message)
		}
	}
	if found == nil {
		m.Strange.Add(1)
		m.lost(message, from)
	}
	return found
}

// lost tells a machine that talks in a session of before a restart to make a new one. It answers with less than it got.
func (m *mux) lost(message []byte, from datagram.Path) {
	index, ok := transport(message)
	if !ok || !m.hints.take(m.now(), hintRate, hintRate) {
		return
	}
	if err := m.sock.Write([][]byte{link.MarshalLost(index)}, from); err != nil {
		m.log.Debug("tell of a lost session", "error", err)
	}
}

// addressee finds the cell whose public key a handshake initiation was made for.
func (m *mux) addressee(message []byte) *bind {
	if len(message) != device.MessageInitiationSize {
		return nil
	}
	all := *m.binds.Load()
	if len(all) == 1 {
		return all[0] // wireguard-go checks the mark again
	}
	for _, b := range all {
		if b.mark.made(message) {
			return b
		}
	}
	return nil
}

// endpoint returns the endpoint of a path; neighbours in time share it.
func (m *mux) endpoint(from datagram.Path) *endpoint {
	if m.lastFrom == nil || m.lastFrom.Path != from {
		m.lastFrom = &endpoint{from}
	}
	return m.lastFrom
}

func (m *mux) release(run *runBuffer) {
	if run.pieces.Add(-1) == 0 {
		m.free <- run
	}
}

// close ends read and waits for it. The cells' binds must be closed before, so that none holds a run.
func (m *mux) close() error {
	close(m.closing)
	err := m.sock.Close()
	<-m.done
	return err
}
