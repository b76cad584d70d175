package node

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/sigv4"
	"postern/record"
	"postern/ssm"
)

// Registration has the members of a machine's request to register.
type Registration struct {
	// Activation and Code name the activation of a machine that is no instance.
	Activation, Code string
	// Region is that of the endpoint which the machine called.
	Region string
	// PublicKey is base64 of a DER SubjectPublicKeyInfo; PublicKeyType is "Rsa".
	PublicKey     string
	PublicKeyType string
	Fingerprint   string
}

// Bounds of the texts that a machine registers, in bytes. A fingerprint is a UUID or an instance's id; the largest key
// that is taken is not half as long.
const (
	maxFingerprint = 256
	maxKeyText     = 4096
)

func (r Registration) check() error {
	const op = "node.Register"
	if r.Fingerprint == "" {
		return fault.New(fault.Missing, op, "Fingerprint is missing")
	}
	if len(r.Fingerprint) > maxFingerprint {
		return invalid(op, "Fingerprint may have %d characters", maxFingerprint)
	}
	return checkKey(r.PublicKey, r.PublicKeyType)
}

func checkKey(key, kind string) error {
	if key == "" {
		return fault.New(fault.Missing, "node.Register", "PublicKey is missing")
	}
	if kind != "Rsa" {
		return fault.New(fault.Invalid, "node.Register", "PublicKeyType %q is not Rsa", kind).WithCode("InvalidPublicKey")
	}
	if len(key) > maxKeyText {
		return fault.New(fault.Invalid, "node.Register", "PublicKey may have %d characters", maxKeyText).
			WithCode("InvalidPublicKey")
	}
	_, err := sigv4.ParsePublicKey(key)
	return err
}

// Register makes a managed node of a machine that knows an activation's code, and returns its id.
func (s *Service) Register(ctx context.Context, r Registration, now time.Time) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	id := newID()
	key := record.Key{Kind: ssm.KindActivation, ID: r.Activation}
	err := s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 || ssm.ScopeOf(found[0]).Region != r.Region {
			return nil, invalidActivation()
		}
		a, err := readActivation(found[0])
		if err != nil {
			return nil, err
		}
		if err := a.use(r.Code, now); err != nil {
			return nil, err
		}
		n := Node{
			ID: id, Scope: a.Scope, Name: a.DefaultName, Role: a.Role, Activation: a.ID, Registered: now.UTC(),
			Fingerprint: r.Fingerprint, PublicKey: r.PublicKey, KeyCreated: now.UTC(), Tags: a.Tags,
		}
		return []record.Change{{Record: a.record()}, {Record: n.record()}}, nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// newID draws a managed node's id: "mi-" and 17 hexadecimal digits, as the public API's pattern has it.
func newID() string {
	var b [9]byte
	rand.Read(b[:])
	return "mi-" + hex.EncodeToString(b[:])[:17]
}

// RegisterInstance notes an instance's key. An instance that lost its key registers a new one, so the last one counts;
// the caller has proved that it is the instance.
func (s *Service) RegisterInstance(
	ctx context.Context,
	scope scope.Scope,
	instance string,
	r Registration,
	now time.Time,
) error {
	if err := r.check(); err != nil {
		return err
	}
	if !IsInstance(instance) || r.Fingerprint != instance {
		return fault.New(fault.Invalid, "node.RegisterInstance", "the fingerprint is not the id of the instance that signed").
			WithCode("InvalidInstanceId")
	}
	key := record.Key{Kind: ssm.KindNode, ID: instance}
	return s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		n := Node{ID: instance, Scope: scope, Registered: now.UTC()}
		if len(found) > 0 {
			var err error
			if n, err = read(found[0]); err != nil {
				return nil, err
			}
			if n.Scope != scope {
				return nil, noNode(instance)
			}
		}
		n.Fingerprint, n.PublicKey, n.FormerKey, n.KeyCreated = r.Fingerprint, r.PublicKey, "", now.UTC()
		return []record.Change{{Record: n.record()}}, nil
	})
}

// Keys returns the scope of a node and the keys that it may sign with, the newest first. A node that is not there, or
// that has no key, is a fault of kind NotFound.
func (s *Service) Keys(ctx context.Context, id string) (scope.Scope, []*rsa.PublicKey, error) {
	n, err := s.Find(ctx, id)
	if err != nil {
		return scope.Scope{}, nil, err
	}
	var keys []*rsa.PublicKey
	for _, text := range []string{n.PublicKey, n.FormerKey} {
		if text == "" {
			continue
		}
		key, err := sigv4.ParsePublicKey(text)
		if err != nil {
			return scope.Scope{}, nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return scope.Scope{}, nil, noNode(id)
	}
	return n.Scope, keys, nil
}

// Proof is a request that a node signed with one of its keys.
type Proof struct {
	Node string
	Key  *rsa.PublicKey
}

// ChangeKey makes newKey the node's key. The one that it signed with stays good until newKey is first used, because
// the answer may be lost.
func (s *Service) ChangeKey(ctx context.Context, by Proof, newKey, kind string, now time.Time) error {
	if err := checkKey(newKey, kind); err != nil {
		return err
	}
	text, err := sigv4.FormatPublicKey(by.Key)
	if err != nil {
		return err
	}
	return s.change(ctx, by.Node, func(n *Node) error {
		if text != n.PublicKey && text != n.FormerKey {
			return fault.New(fault.Denied, "node.ChangeKey", "the key that signed is no longer the node's").
				WithCode("AccessDeniedException")
		}
		n.PublicKey, n.FormerKey, n.KeyCreated = newKey, text, now.UTC()
		return nil
	})
}

// Token answers a node's proof.
type Token struct {
	Credentials
	// UpdateKeyPair tells the node to change its key.
	UpdateKeyPair bool
}

// RoleToken issues credentials to a node for its proof, on the machine with this fingerprint.
//
// A wrong fingerprint is a fault with the code MachineFingerprintDoesNotMatch. Only that and a real denial make the
// public agent pause for half an hour; every other fault it tries again soon.
func (s *Service) RoleToken(ctx context.Context, by Proof, fingerprint string, now time.Time) (Token, error) {
	const op = "node.RoleToken"
	id := by.Node
	n, err := s.Find(ctx, id)
	if err != nil {
		return Token{}, err
	}
	if fingerprint != n.Fingerprint {
		return Token{}, fault.New(fault.Denied, op,
			"%s was registered by another machine; register this one by an activation of its own", id).
			WithCode("MachineFingerprintDoesNotMatch")
	}
	if err := s.keyUsed(ctx, n, by.Key); err != nil {
		return Token{}, err
	}
	role := n.Role
	if IsInstance(id) {
		if role, err = s.defaultRole(ctx, n.Scope); err != nil {
			return Token{}, err
		}
	}
	c, err := s.config.Roles.NodeSession(
		ctx,
		Session{Scope: n.Scope, Role: role, Node: id, Duration: s.config.SessionDuration},
	)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Conflict, op, "role %s gives %s no credentials: %w", role, id, err).WithCode("InvalidRole")
	}
	if err != nil {
		return Token{}, err
	}
	old := s.config.KeyMaxAge > 0 && now.Sub(n.KeyCreated) > s.config.KeyMaxAge
	return Token{Credentials: c, UpdateKeyPair: old && !IsInstance(id)}, nil
}

// keyUsed drops the former key when the new one is used for the first time.
func (s *Service) keyUsed(ctx context.Context, n Node, signed *rsa.PublicKey) error {
	if n.FormerKey == "" || signed == nil {
		return nil
	}
	text, err := sigv4.FormatPublicKey(signed)
	if err != nil || text != n.PublicKey {
		return err
	}
	return s.change(ctx, n.ID, func(n *Node) error {
		if n.PublicKey == text {
			n.FormerKey = ""
		}
		return nil
	})
}
