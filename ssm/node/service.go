package node

import (
	"context"
	"sync"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Roles checks IAM's roles and issues their credentials. A role is named as in CreateActivation: by its name, with its
// path before it where it has one ("service-role/SSMServiceRole").
type Roles interface {
	// CheckRole returns a fault of kind Invalid for a role that does not exist or that Systems Manager may not assume.
	CheckRole(ctx context.Context, scope scope.Scope, role string) error
	// NodeSession issues temporary credentials of a role to a node. The session's name is the node's id. A role that
	// does not exist or does not trust Systems Manager is a fault of kind Denied or NotFound.
	NodeSession(ctx context.Context, s Session) (Credentials, error)
}

// Session asks for credentials for a node.
type Session struct {
	scope.Scope
	Role     string
	Node     string
	Duration time.Duration
}

// Credentials are temporary. They are secret.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time
}

// Config configures a Service; fields without a note must be set.
type Config struct {
	Records record.Finder
	Roles   Roles
	// JoinKey derives from an activation's id and code what the private network's join handshake proves; nil where
	// nothing joins over it.
	JoinKey func(activation, code string) ([]byte, error)
	// InstanceTags returns the EC2 tags of instances; nil where there are none.
	InstanceTags func(ctx context.Context, scope scope.Scope, instances []string) (map[string]map[string]string, error)
	// ReturnWindow bounds the time in which a node whose connection closed may come back before it is lost: 30 s.
	ReturnWindow time.Duration
	// RestartWindow is the same after the server started, when every node comes back at once: 2 minutes.
	RestartWindow time.Duration
	// SessionDuration is the life of a node's credentials: 1 hour.
	SessionDuration time.Duration
	// KeyMaxAge is the age at which a node is told to change its key; zero means never.
	KeyMaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service keeps the nodes of all scopes. Make it with New.
type Service struct {
	config  Config
	started time.Time
	newest  newest

	mu    sync.Mutex // guards what follows
	stays map[string]*stay
	gone  []func(ctx context.Context, node string)
	ended []func(ctx context.Context, activation string) error
}

// stay counts the open connections of one node, and has the moment at which one last closed.
type stay struct {
	open int
	lost time.Time
}

// New makes a Service.
func New(c Config) *Service {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&c.ReturnWindow, 30 * time.Second}, {&c.RestartWindow, 2 * time.Minute}, {&c.SessionDuration, time.Hour}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Records = ssm.Consented(c.Records)
	return &Service{config: c, started: c.Now(), stays: map[string]*stay{}}
}

// OnGone has f called after a node was forgotten. It is called before the service is used.
func (s *Service) OnGone(f func(ctx context.Context, node string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, f)
}

// OnActivationGone has f called after an activation was deleted. It is called before the service is used.
func (s *Service) OnActivationGone(f func(ctx context.Context, activation string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, f)
}

// Arrive notes that a connection of the node opened, a control channel or a poll; leave notes that it closed.
func (s *Service) Arrive(node string) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stays[node]
	if st == nil {
		st = &stay{}
		s.stays[node] = st
	}
	st.open++
	return sync.OnceFunc(func() {
		now := s.config.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		st.open--
		st.lost = now
	})
}

// Presence describes a node's connections to this server. A node that it has not seen yet may have been lost when the
// server started.
func (s *Service) Presence(node string) Presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stays[node]
	if st == nil {
		return Presence{Lost: s.started, Window: s.config.RestartWindow}
	}
	return Presence{Open: st.open > 0, Seen: true, Lost: st.lost, Window: s.config.ReturnWindow}
}

// View is a node with its derived state.
type View struct {
	Node
	Status Status
	// AllTags are the node's tags, wherever they are kept.
	AllTags map[string]string
}

// Find finds a node of any scope by its id. One that is not there is a fault of kind NotFound with the code
// InvalidInstanceId.
func (s *Service) Find(ctx context.Context, id string) (Node, error) {
	found, err := s.config.Records.Find(ctx, record.Key{Kind: ssm.KindNode, ID: id})
	if err != nil {
		return Node{}, err
	}
	if len(found) == 0 {
		return Node{}, noNode(id)
	}
	return read(found[0])
}

func noNode(id string) error {
	return fault.New(fault.NotFound, "node.Find", "no managed node %s", id).WithCode("InvalidInstanceId")
}

// change changes one node in one transaction.
func (s *Service) change(ctx context.Context, id string, f func(*Node) error) error {
	key := record.Key{Kind: ssm.KindNode, ID: id}
	return s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 {
			return nil, noNode(id)
		}
		n, err := read(found[0])
		if err != nil {
			return nil, err
		}
		if err := f(&n); err != nil {
			return nil, err
		}
		return []record.Change{{Record: n.record()}}, nil
	})
}

// put writes one record, whatever was there.
func (s *Service) put(ctx context.Context, r record.Record) error {
	return s.config.Records.Update(ctx, nil, func([]record.Record) ([]record.Change, error) {
		return []record.Change{{Record: r}}, nil
	})
}

// Forget deletes a node: it is deregistered, or its instance is terminated. One that is not there is no error.
func (s *Service) Forget(ctx context.Context, id string) error {
	key := record.Key{Kind: ssm.KindNode, ID: id}
	err := s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 {
			return nil, nil
		}
		return []record.Change{{Record: found[0], Delete: true}}, nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	if st := s.stays[id]; st != nil && st.open == 0 {
		delete(s.stays, id)
	}
	gone := s.gone
	s.mu.Unlock()
	for _, f := range gone {
		f(consequence(ctx), id)
	}
	return nil
}

// Deregister deletes a node that is not an instance.
func (s *Service) Deregister(ctx context.Context, scope scope.Scope, id string) error {
	n, err := s.Find(ctx, id)
	if err != nil {
		return err
	}
	if n.Scope != scope {
		return noNode(id)
	}
	if IsInstance(id) {
		return fault.New(fault.Invalid, "node.Deregister",
			"%s is an instance; only nodes with ids that begin with mi- can be deregistered", id).
			WithCode("InvalidInstanceId")
	}
	return s.Forget(ctx, id)
}

// SetRole gives a node that is not an instance another role. Credentials that it has stay good until they expire.
func (s *Service) SetRole(ctx context.Context, scope scope.Scope, id, role string) error {
	if err := s.config.Roles.CheckRole(ctx, scope, role); err != nil {
		return err
	}
	return s.change(ctx, id, func(n *Node) error {
		if n.Scope != scope || IsInstance(id) {
			return noNode(id)
		}
		n.Role = role
		return nil
	})
}

// Ping notes what an agent tells of itself. The first ping makes an instance's node.
func (s *Service) Ping(ctx context.Context, scope scope.Scope, id string, told Information, now time.Time) error {
	key := record.Key{Kind: ssm.KindNode, ID: id}
	err := s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		n := Node{ID: id, Scope: scope, Registered: now.UTC()}
		if len(found) > 0 {
			var err error
			if n, err = read(found[0]); err != nil {
				return nil, err
			}
		} else if !IsInstance(id) {
			return nil, noNode(id)
		}
		if n.Scope != scope {
			return nil, noNode(id)
		}
		n.Information.merge(told)
		n.LastPing = now.UTC()
		return []record.Change{{Record: n.record()}}, nil
	})
	if err == nil {
		s.newest.note(scope, told.AgentVersion)
	}
	return err
}
