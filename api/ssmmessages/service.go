package ssmmessages

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/wire"
	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/node"
)

// Config names the services behind the channels, and their times. Zero times mean the defaults.
type Config struct {
	Commands *command.Service
	Nodes    *node.Service
	Mailbox  *mailbox.Mailbox
	// Silence is how long nothing may be heard of a channel before the node is asked by a ping whether it is there: 60 s.
	// Agents that ping by themselves do so every 54 s and are never asked; most releases ping every 5 minutes only.
	Silence time.Duration
	// Answer is how long the answer to a ping may take: 50 s. Without one the channel is closed.
	Answer time.Duration
	// Opening is how long the text frame may take: 15 s, the agent's own patience.
	Opening time.Duration
	// TokenLife is how long a token may be used: 60 s.
	TokenLife time.Duration
	// WriteTimeout is how long a node may take to read a frame: 10 s.
	WriteTimeout time.Duration
	// Recheck is how often open channels are held against what their nodes' credentials may do: 30 s.
	Recheck time.Duration
	// Now is the clock of tokens and messages; nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Channels are the open control channels of this server. Close it when nothing is served any more.
type Channels struct {
	config Config
	tokens tokens
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	byNode map[string]*channel
	// all holds the channels that have not said their token too.
	all map[*channel]struct{}
}

// New makes Channels without any.
func New(c Config) *Channels {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{
		{&c.Silence, time.Minute}, {&c.Answer, 50 * time.Second}, {&c.Opening, 15 * time.Second}, {&c.TokenLife, time.Minute},
		{&c.WriteTimeout, 10 * time.Second}, {&c.Recheck, 30 * time.Second},
	} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Channels{config: c, byNode: map[string]*channel{}, all: map[*channel]struct{}{}}
	s.tokens.life = c.TokenLife
	s.ctx, s.cancel = context.WithCancel(context.Background())
	c.Nodes.OnGone(func(_ context.Context, node string) { s.drop(node) })
	s.wg.Go(s.watch)
	return s
}

// Close drops every channel and returns when all of their work is done.
func (s *Channels) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// Count is the number of open channels.
func (s *Channels) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byNode)
}

type createControlChannelInput struct {
	MessageSchemaVersion *string
	RequestId            *string
}

type createControlChannelOutput struct {
	MessageSchemaVersion string
	TokenValue           string
}

// Service is the message service with its table of operations.
func (s *Channels) Service() api.Service {
	return api.Service{
		Name: "ssmmessages", Protocol: wire.REST,
		Known: []string{"CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"},
		KnownPaths: map[string]string{
			"CreateDataChannel": "POST /v1/data-channel/{id}",
			"OpenDataChannel":   "GET /v1/data-channel/{id}",
		},
		Operations: s.operations(),
	}
}

// itself returns the node that a call is about. Its caller must be that node, and be registered.
func (s *Channels) itself(ctx context.Context, c *api.Call) (string, error) {
	id := c.PathValue("id")
	if c.Caller.IssuedTo != id {
		return "", fault.New(fault.Denied, "ssmmessages",
			"User: %s is not authorized to perform: %s on behalf of %s, to which its credentials were not issued",
			c.Caller.Principal, c.Operation.Action, id)
	}
	n, err := s.config.Nodes.Find(ctx, id)
	if err != nil {
		return "", err
	}
	if n.Scope.Account != c.Account || n.Scope.Region != c.Region {
		return "", fault.New(fault.NotFound, "ssmmessages", "no managed node %s", id).WithCode("InvalidInstanceId")
	}
	return id, nil
}

func (s *Channels) create(
	ctx context.Context, c *api.Call, in *createControlChannelInput,
) (*createControlChannelOutput, error) {
	id, err := s.itself(ctx, c)
	if err != nil {
		return nil, err
	}
	version := "1.0"
	if in.MessageSchemaVersion != nil {
		version = *in.MessageSchemaVersion
	}
	return &createControlChannelOutput{MessageSchemaVersion: version, TokenValue: s.tokens.issue(id, c.Time)}, nil
}

// readLimit is the largest frame that is read; an agent's largest is 142,000 bytes.
const readLimit = 256 << 10

// open upgrades the connection and lets the handler return, so that net/http's memory for it is freed.
func (s *Channels) open(w http.ResponseWriter, r *http.Request, c *api.Call) error {
	id, err := s.itself(r.Context(), c)
	if err != nil {
		return err
	}
	ch := &channel{s: s, node: id, standing: c.Standing(), slots: make(chan struct{}, maxUnacknowledged)}
	ch.conn, err = websocket.Accept(slim{w}, r, &websocket.AcceptOptions{
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived: func(context.Context, []byte) bool {
			ch.heard()
			return true
		},
	})
	if err != nil {
		return fault.New(fault.Invalid, "ssmmessages.open", "the request is not a WebSocket upgrade: %w", err)
	}
	ch.conn.SetReadLimit(readLimit)
	ch.silence = time.AfterFunc(s.config.Opening, ch.silent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		ch.silence.Stop()
		_ = ch.conn.CloseNow()
		return nil
	}
	s.all[ch] = struct{}{}
	s.wg.Go(func() { fault.ContainTo(s.config.Log, "ssmmessages.channel", ch.run) })
	return nil
}

// enter makes ch the node's channel in the place of the one before.
func (s *Channels) enter(ch *channel) {
	s.mu.Lock()
	old := s.byNode[ch.node]
	s.byNode[ch.node] = ch
	s.mu.Unlock()
	if old != nil {
		old.replaced()
	}
}

// latest is the channel by which the node of ch can be told something now.
func (s *Channels) latest(ch *channel) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.byNode[ch.node]; now != nil {
		return now
	}
	return ch
}

func (s *Channels) leave(ch *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, ch)
	if s.byNode[ch.node] == ch {
		delete(s.byNode, ch.node)
	}
}

// drop closes a node's channels, those too that are not open yet.
func (s *Channels) drop(node string) {
	s.mu.Lock()
	var gone []*channel
	for ch := range s.all {
		if ch.node == node {
			gone = append(gone, ch)
		}
	}
	s.mu.Unlock()
	for _, ch := range gone {
		_ = ch.conn.CloseNow()
	}
}
