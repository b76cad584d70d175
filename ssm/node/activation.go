package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"postern/aws/consent"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Limits of activations, as Amazon has them.
const (
	MaxExpiry         = 30 * 24 * time.Hour
	DefaultExpiry     = 24 * time.Hour
	MaxRegistrations  = 1000
	MinRegistrations  = 1
	activationCodeLen = 20
)

// Activation lets machines register as managed nodes. Its fields' names stand in databases.
type Activation struct {
	ID          string
	Scope       scope.Scope
	Description string `json:",omitempty"`
	DefaultName string `json:",omitempty"`
	Role        string
	Limit       int
	Count       int
	Expires     time.Time
	Created     time.Time
	Tags        map[string]string `json:",omitempty"`
	// Place names the subnet that machines join by it; nil lets none in.
	Place *Place `json:",omitempty"`
	// CodeHash is SHA-256 of the code, which is shown once and not kept. It has 119 random bits, so that a plain hash
	// of it cannot be searched.
	CodeHash []byte
	// JoinKey authenticates the private network's join handshake and is derived from the code; see Config.JoinKey.
	JoinKey []byte
}

// Tags of an activation that say where its machines are put when it is made.
const (
	TagSubnet = "postern:subnet-id"
	TagGroups = "postern:security-group-ids" // separated by spaces or commas
)

// Place has the subnet of the private network that an activation lets machines into, and the groups of their
// interfaces.
type Place struct {
	Subnet string
	Groups []string
}

// Expired reports whether the activation's time is over.
func (a Activation) Expired(now time.Time) bool { return !now.Before(a.Expires) }

// NewActivation has the members of a request for an activation. Zero values take Amazon's defaults.
type NewActivation struct {
	Description string
	DefaultName string
	Role        string
	// Limit bounds the number of nodes that register: 1 to 1000, default 1.
	Limit int
	// Expires is at most 30 days from now; default 24 hours.
	Expires time.Time
	Tags    map[string]string
	// Place names the subnet that its machines may join; whoever makes the activation may make interfaces there.
	Place *Place
}

const codeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newCode draws an activation code: 20 letters and digits.
func newCode() string {
	code := make([]byte, 0, activationCodeLen)
	for len(code) < activationCodeLen {
		var b [32]byte
		rand.Read(b[:])
		for _, x := range b {
			// 248 is the largest multiple of 62 in a byte: no letter is likelier than another.
			if x < 248 && len(code) < activationCodeLen {
				code = append(code, codeLetters[x%62])
			}
		}
	}
	return string(code)
}

// CreateActivation makes an activation and returns it with its code, which nobody can learn again.
func (s *Service) CreateActivation(
	ctx context.Context,
	scope scope.Scope,
	n NewActivation,
	now time.Time,
) (Activation, string, error) {
	const op = "node.CreateActivation"
	if n.Limit == 0 {
		n.Limit = MinRegistrations
	}
	if n.Expires.IsZero() {
		n.Expires = now.Add(DefaultExpiry)
	}
	switch {
	case n.Role == "":
		return Activation{}, "", fault.New(fault.Missing, op, "IamRole is missing")
	case n.Limit < MinRegistrations || n.Limit > MaxRegistrations:
		return Activation{}, "", invalid(
			op,
			"RegistrationLimit is %d; it is a number from %d to %d",
			n.Limit,
			MinRegistrations,
			MaxRegistrations,
		)
	case !n.Expires.After(now):
		return Activation{}, "", invalid(op, "ExpirationDate %s has passed", n.Expires.UTC().Format(time.RFC3339))
	case n.Expires.After(now.Add(MaxExpiry)):
		return Activation{}, "", invalid(
			op,
			"ExpirationDate %s is more than 30 days away",
			n.Expires.UTC().Format(time.RFC3339),
		)
	case len(n.DefaultName) > 256 || len(n.Description) > 256:
		return Activation{}, "", invalid(op, "DefaultInstanceName and Description may have 256 characters")
	}
	if err := ssm.CheckTags(n.Tags); err != nil {
		return Activation{}, "", err
	}
	if err := s.config.Roles.CheckRole(ctx, scope, n.Role); err != nil {
		return Activation{}, "", err
	}
	a := Activation{
		ID: uuid.NewString(), Scope: scope, Description: n.Description, DefaultName: n.DefaultName, Role: n.Role,
		Limit: n.Limit, Expires: n.Expires.UTC(), Created: now.UTC(), Tags: n.Tags, Place: n.Place,
	}
	code := newCode()
	hash := sha256.Sum256([]byte(code))
	a.CodeHash = hash[:]
	if s.config.JoinKey != nil {
		key, err := s.config.JoinKey(a.ID, code)
		if err != nil {
			return Activation{}, "", fmt.Errorf("derive the join key: %w", err)
		}
		a.JoinKey = key
	}
	return a, code, s.put(ctx, a.record())
}

func invalid(op, format string, args ...any) error {
	return fault.New(fault.Invalid, op, format, args...).WithCode("ValidationException")
}

func (a Activation) record() record.Record {
	body, err := json.Marshal(a)
	if err != nil {
		panic("node: " + err.Error()) // only strings, times, numbers and maps of strings
	}
	return ssm.NewRecord(record.Key{Kind: ssm.KindActivation, ID: a.ID}, a.Scope, body)
}

func readActivation(r record.Record) (Activation, error) {
	var a Activation
	if err := json.Unmarshal(r.Body, &a); err != nil {
		return a, fmt.Errorf("read activation %s: %w", r.ID, err)
	}
	return a, nil
}

// Activation finds an activation of any scope by its id. One that is not there is a fault of kind NotFound.
func (s *Service) Activation(ctx context.Context, id string) (Activation, error) {
	found, err := s.config.Records.Find(ctx, record.Key{Kind: ssm.KindActivation, ID: id})
	if err != nil {
		return Activation{}, err
	}
	if len(found) == 0 {
		return Activation{}, noActivation(id)
	}
	return readActivation(found[0])
}

func noActivation(id string) error {
	return fault.New(fault.NotFound, "node.Activation", "no activation %s", id).WithCode("InvalidActivationId")
}

// Activations lists a scope's activations by id.
func (s *Service) Activations(ctx context.Context, scope scope.Scope) ([]Activation, error) {
	records, err := s.config.Records.List(ctx, record.Listing{Kind: ssm.KindActivation, Group: scope.String()})
	if err != nil {
		return nil, err
	}
	all := make([]Activation, 0, len(records))
	for _, r := range records {
		a, err := readActivation(r)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// DeleteActivation deletes an activation. Nodes that registered by it stay; machines that only joined go.
func (s *Service) DeleteActivation(ctx context.Context, scope scope.Scope, id string) error {
	key := record.Key{Kind: ssm.KindActivation, ID: id}
	err := s.config.Records.Update(ctx, []record.Key{key}, func(found []record.Record) ([]record.Change, error) {
		if len(found) == 0 || ssm.ScopeOf(found[0]) != scope {
			return nil, noActivation(id)
		}
		return []record.Change{{Record: found[0], Delete: true}}, nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	for _, f := range ended {
		err = errors.Join(err, f(consequence(ctx), id))
	}
	return err
}

// consequence returns a context for what follows from a change that was consented to: nobody is asked again.
func consequence(ctx context.Context) context.Context {
	return consent.With(context.WithoutCancel(ctx), nil)
}

// use counts one registration, if the code is right and the activation still good.
func (a *Activation) use(code string, now time.Time) error {
	const op = "node.Register"
	hash := sha256.Sum256([]byte(code))
	switch {
	case subtle.ConstantTimeCompare(hash[:], a.CodeHash) != 1:
		return invalidActivation()
	case a.Expired(now):
		return fault.New(fault.Invalid, op, "activation %s expired at %s", a.ID, a.Expires.Format(time.RFC3339)).
			WithCode("ActivationExpired")
	case a.Count >= a.Limit:
		return fault.New(fault.Limit, op, "activation %s has been used %d times, which is its limit", a.ID, a.Limit).
			WithCode("RegistrationLimitExceeded")
	}
	a.Count++
	return nil
}

// invalidActivation is one answer for a wrong id and a wrong code: it must not tell which ids there are.
func invalidActivation() error {
	return fault.New(fault.Invalid, "node.Register", "the activation id or code is wrong").WithCode("InvalidActivation")
}
