package identity

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/iam"
)

// state is everything that is stored, in memory. Records are not changed once they are in it: writers put new ones.
type state struct {
	version     uint64
	accounts    map[string]*Account
	users       map[string]*User
	roles       map[string]*Role
	profiles    map[string]*InstanceProfile
	policies    map[string]*Policy
	keys        map[string]*AccessKey
	revocations map[string]*revocation
	sealer      Sealer
	partition   string
}

func newState(sealer Sealer, partition string) *state {
	st := &state{
		accounts: map[string]*Account{}, users: map[string]*User{}, roles: map[string]*Role{},
		profiles: map[string]*InstanceProfile{}, policies: map[string]*Policy{}, keys: map[string]*AccessKey{},
		revocations: map[string]*revocation{}, sealer: sealer, partition: partition,
	}
	for _, m := range iam.ManagedPolicies() {
		p := amazonPolicy(m, partition)
		st.policies[p.id()] = p
	}
	return st
}

// amazonOwner is the account in the ARNs of Amazon's managed policies.
const amazonOwner = "aws"

func amazonPolicy(m iam.ManagedPolicy, partition string) *Policy {
	made := time.Date(2019, 3, 15, 17, 22, 12, 0, time.UTC)
	p := &Policy{
		Partition: partition, Account: amazonOwner, Path: m.Path, Name: m.Name, ID: "ANPA" + strings.ToUpper(m.Name), Created: made, Updated: made,
		Description: m.Description, Default: m.Version, Versions: []PolicyVersion{{ID: m.Version, Text: m.Document, Created: made}},
	}
	compiled, err := iam.Parse(iam.Identity, p.ARN(), m.Document)
	if err != nil {
		panic(fmt.Sprintf("managed policy %s: %v", m.Name, err)) // it is part of the program
	}
	p.compiled = compiled
	return p
}

// put makes the change that stores an entity.
func put(e entity) Change {
	body, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("encode %s %s: %v", e.kind(), e.id(), err)) // entities hold plain values only
	}
	return Change{Record: Record{Kind: e.kind(), ID: e.id(), Body: body}}
}

func remove(e entity) Change {
	return Change{Record: Record{Kind: e.kind(), ID: e.id()}, Delete: true}
}

// apply brings a change into memory, and compiles what it holds.
func (st *state) apply(c Change) error {
	var err error
	switch c.Kind {
	case KindAccount:
		err = applyTo(st.accounts, c, func(*Account) error { return nil })
	case KindUser:
		err = applyTo(st.users, c, func(u *User) error { return u.compile() })
	case KindRole:
		err = applyTo(st.roles, c, (*Role).compileAll)
	case KindProfile:
		err = applyTo(st.profiles, c, func(*InstanceProfile) error { return nil })
	case KindPolicy:
		err = applyTo(st.policies, c, (*Policy).compile)
	case KindAccessKey:
		err = applyTo(st.keys, c, st.unseal)
	case KindRevocation:
		err = applyTo(st.revocations, c, func(*revocation) error { return nil })
	default:
		err = fmt.Errorf("unknown kind")
	}
	if err != nil {
		return fmt.Errorf("read %s %s: %w", c.Kind, c.ID, err)
	}
	return nil
}

func applyTo[E any](table map[string]*E, c Change, compile func(*E) error) error {
	if c.Delete {
		delete(table, c.ID)
		return nil
	}
	e := new(E)
	if err := json.Unmarshal(c.Body, e); err != nil {
		return err
	}
	if err := compile(e); err != nil {
		return err
	}
	table[c.ID] = e
	return nil
}

func (p *Permissions) compile() error {
	p.inline = make([]*iam.Policy, len(p.Inline))
	for i, d := range p.Inline {
		var err error
		if p.inline[i], err = iam.Parse(iam.Identity, d.Name, d.Text); err != nil {
			return err
		}
	}
	return nil
}

func (r *Role) compileAll() (err error) {
	if r.trust, err = iam.Parse(iam.Trust, r.ARN(), r.Trust); err != nil {
		return err
	}
	return r.compile()
}

func (p *Policy) compile() (err error) {
	v, ok := p.Version(p.Default)
	if !ok {
		return fmt.Errorf("has no version %s", p.Default)
	}
	p.compiled, err = iam.Parse(iam.Identity, p.ARN(), v.Text)
	return err
}

func sealPurpose(keyID string) string { return "access-key " + keyID }

func (st *state) unseal(k *AccessKey) error {
	secret, err := st.sealer.Open(k.Sealed, sealPurpose(k.ID))
	k.secret = string(secret)
	return err
}

// policyByARN finds a managed policy, a customer's or Amazon's.
func (st *state) policyByARN(name string) (*Policy, error) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || a.Type() != "policy" {
		return nil, invalid("ARN %.200s is not valid.", name)
	}
	p, ok := st.policies[key(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])]
	if !ok || p.ARN() != name {
		return nil, notFound("Policy %s does not exist or is not attachable.", name)
	}
	return p, nil
}

// roleByARN finds a role by its full ARN.
func (st *state) roleByARN(name string) (*Role, bool) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || a.Type() != "role" {
		return nil, false
	}
	r, ok := st.roles[key(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])]
	return r, ok && r.ARN() == name
}

// identityPolicies are the policies that a user's or role's Permissions stand for.
func (st *state) identityPolicies(p *Permissions) (all []*iam.Policy, boundary *iam.Policy) {
	all = append(all, p.inline...)
	for _, name := range p.Attached {
		if policy, err := st.policyByARN(name); err == nil {
			all = append(all, policy.compiled)
		}
	}
	if p.Boundary != "" {
		boundary = nothing // a boundary that is gone allows nothing
		if policy, err := st.policyByARN(p.Boundary); err == nil {
			boundary = policy.asBoundary()
		}
	}
	return all, boundary
}

// nothing is a boundary that allows nothing.
var nothing = &iam.Policy{Kind: iam.Boundary}

// asBoundary is the policy under the kind that messages call it by.
func (p *Policy) asBoundary() *iam.Policy {
	b := *p.compiled
	b.Kind = iam.Boundary
	return &b
}
