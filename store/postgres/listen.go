package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is the name that hints are sent under: "WHO SET", where WHO is a replica and SET has changed.
const channel = "postern_sets"

// again is how long after a broken connection a new one is made.
const again = time.Second

// listener hears of what other replicas have changed. While its connection is broken nothing is heard, so whoever
// watches a set is hinted when there is a new one.
type listener struct {
	config *pgx.ConnConfig
	own    string // the name of this replica
	// silence is after how long without a hint the server is asked whether it is there.
	silence time.Duration
	// lost is told why nothing is heard.
	lost func(error)
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards what follows
	watched map[string]map[chan struct{}]bool
}

func listen(
	ctx context.Context, config *pgx.ConnConfig, own string, silence time.Duration, lost func(error),
) (*listener, error) {
	l := &listener{
		config: config, own: own, silence: silence, lost: lost, done: make(chan struct{}),
		watched: map[string]map[chan struct{}]bool{},
	}
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.run(ctx, conn)
	return l, nil
}

func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, l.config.Copy())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // it is given up
		return nil, err
	}
	return conn, nil
}

// run hears until ctx ends.
func (l *listener) run(ctx context.Context, conn *pgx.Conn) {
	defer close(l.done)
	for {
		err := l.hear(ctx, conn)
		_ = conn.Close(context.WithoutCancel(ctx)) // it is given up
		if ctx.Err() != nil {
			return
		}
		if l.lost != nil {
			l.lost(fmt.Errorf("hear of other replicas' changes: %w", err))
		}
		if conn = l.reconnect(ctx); conn == nil {
			return
		}
		l.hintAll()
	}
}

// reconnect makes a new connection; it returns nil where ctx ends before. Why that fails is told when it changes.
func (l *listener) reconnect(ctx context.Context) *pgx.Conn {
	told := ""
	for {
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		conn, err := l.connect(ctx)
		if err == nil {
			return conn
		}
		if err = openFault(err, l.config); err.Error() != told && l.lost != nil && ctx.Err() == nil {
			told = err.Error()
			l.lost(fmt.Errorf("connect again to hear of other replicas' changes: %w", err))
		}
	}
}

// hear passes hints on until the connection breaks. A network that has gone silent breaks it too: where nothing is
// heard the server is asked whether it is there.
func (l *listener) hear(ctx context.Context, conn *pgx.Conn) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, l.silence)
		n, err := conn.WaitForNotification(waiting)
		cancel()
		if err != nil && waiting.Err() != nil && ctx.Err() == nil && !conn.IsClosed() {
			asking, cancel := context.WithTimeout(ctx, min(l.silence, connectTimeout))
			err = conn.Ping(asking)
			cancel()
			if err == nil {
				continue
			}
			err = fmt.Errorf("nothing was heard for %v, and the server does not answer: %w", l.silence, err)
		}
		if err != nil {
			return err
		}
		if who, set, ok := strings.Cut(n.Payload, " "); ok && who != l.own {
			l.hint(set)
		}
	}
}

func (l *listener) hint(set string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hintLocked(set)
}

func (l *listener) hintLocked(set string) {
	for c := range l.watched[set] {
		select {
		case c <- struct{}{}:
		default: // one is pending
		}
	}
}

func (l *listener) hintAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for set := range l.watched {
		l.hintLocked(set)
	}
}

func (l *listener) watch(set string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched[set] == nil {
		l.watched[set] = map[chan struct{}]bool{}
	}
	l.watched[set][c] = true
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if delete(l.watched[set], c); len(l.watched[set]) == 0 {
			delete(l.watched, set)
		}
	}
}

func (l *listener) close() {
	l.stop()
	<-l.done
}
