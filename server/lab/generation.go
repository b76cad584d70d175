package lab

import (
	"context"
	"net/http"
	"sync"

	"postern/server"
)

// generation is one server of a lab, from one reset to the next, with the requests that it works on.
type generation struct {
	*server.Server
	handler http.Handler
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex // guards ended against requests that come
	ended    bool
	requests sync.WaitGroup
}

// enter counts a request among those that the server works on, unless it has ended.
func (g *generation) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	g.requests.Add(1)
	return true
}

func (g *generation) leave() { g.requests.Done() }

// end ends a server and the requests that it works on.
func (g *generation) end() error {
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	g.cancel()
	err := g.Close()
	g.requests.Wait()
	return err
}
