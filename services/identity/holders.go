package identity

import (
	"context"
	"slices"
	"strings"

	"postern/aws/iam"
	"postern/record"
)

// Document is a named policy document.
type Document struct {
	Name string
	Text string // JSON, as it was given
}

// Permissions are the policies of a user, role or group.
type Permissions struct {
	Inline   []Document // sorted by name
	Attached []string   // ARNs of managed policies, in the order in which they were attached
	Boundary string     // ARN of the managed policy that is the permissions boundary, or empty

	inline []*iam.Policy // Inline, compiled
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

// policyTerms returns the terms that users, roles or groups of an account are found by under their policies.
func policyTerms(account string, policies ...string) []record.Term {
	var terms []record.Term
	for _, arn := range policies {
		if arn != "" {
			terms = append(terms, record.Term{Value: account + " " + arn})
		}
	}
	return terms
}

// HolderKind is the sort of what policies belong to.
type HolderKind uint8

// The kinds of holders.
const (
	OfUser HolderKind = iota
	OfRole
	OfGroup
)

// String returns the kind as messages call it: "user", "role" or "group".
func (k HolderKind) String() string { return [...]string{"user", "role", "group"}[k] }

// Holder names what policies belong to: a user, a role or a group.
type Holder struct {
	Account string
	Kind    HolderKind
	Name    string
}

// holder finds a user's, role's or group's permissions.
func (st *state) holder(h Holder) (*Permissions, error) {
	switch h.Kind {
	case OfRole:
		r, err := st.role(h.Account, h.Name)
		if err != nil {
			return nil, err
		}
		return &r.Permissions, nil
	case OfGroup:
		g, err := st.group(h.Account, h.Name)
		if err != nil {
			return nil, err
		}
		return &g.Permissions, nil
	}
	u, err := st.user(h.Account, h.Name)
	if err != nil {
		return nil, err
	}
	return &u.Permissions, nil
}

// putPermissions plans a user, role or group with other permissions.
func (p *plan) putPermissions(h Holder, to Permissions) error {
	switch h.Kind {
	case OfRole:
		r, err := p.ownRole(h.Account, h.Name)
		if err != nil {
			return err
		}
		next := *r
		next.Permissions = to
		roles.Put(p.Plan, &next, false)
		return nil
	case OfGroup:
		g, err := p.group(h.Account, h.Name)
		if err != nil {
			return err
		}
		next := *g
		next.Permissions = to
		groups.Put(p.Plan, &next, false)
		return nil
	}
	u, err := p.user(h.Account, h.Name)
	if err != nil {
		return err
	}
	next := *u
	next.Permissions = to
	users.Put(p.Plan, &next, false)
	return nil
}

// changePermissions lets edit change a copy of a holder's permissions, and plans that.
func (s *Service) changePermissions(
	ctx context.Context, h Holder, edit func(st *state, p *Permissions) error,
) error {
	return s.change(ctx, h.Account, func(p *plan) error {
		was, err := p.holder(h)
		if err != nil {
			return err
		}
		next := Permissions{
			Inline: slices.Clone(was.Inline), Attached: slices.Clone(was.Attached), Boundary: was.Boundary,
		}
		if err := edit(p.state, &next); err != nil {
			return err
		}
		return p.putPermissions(h, next)
	})
}

// PermissionsOf returns what a user, role or group holds.
func (s *Service) PermissionsOf(h Holder) (Permissions, error) {
	p, err := s.state().holder(h)
	if err != nil {
		return Permissions{}, err
	}
	return *p, nil
}

// PutInline puts an inline policy, in the place of one of the same name.
func (s *Service) PutInline(ctx context.Context, h Holder, d Document) error {
	if err := checkName("policyName", d.Name, maxLongName); err != nil {
		return err
	}
	if _, err := parsePolicy(iam.Identity, d.Name, d.Text); err != nil {
		return err
	}
	return s.changePermissions(ctx, h, func(_ *state, p *Permissions) error {
		i, found := slices.BinarySearchFunc(p.Inline, d.Name, compareDocument)
		if found {
			p.Inline[i] = d
		} else {
			p.Inline = slices.Insert(p.Inline, i, d)
		}
		return s.quotas.checkInline(h, p)
	})
}

func compareDocument(d Document, name string) int { return strings.Compare(d.Name, name) }

// Inline returns an inline policy.
func (s *Service) Inline(h Holder, name string) (Document, error) {
	p, err := s.PermissionsOf(h)
	if err != nil {
		return Document{}, err
	}
	if i, found := slices.BinarySearchFunc(p.Inline, name, compareDocument); found {
		return p.Inline[i], nil
	}
	return Document{}, h.noInline(name)
}

func (h Holder) noInline(name string) error {
	return notFound("The %s policy with name %.128s cannot be found.", h.Kind, name)
}

// DeleteInline deletes an inline policy.
func (s *Service) DeleteInline(ctx context.Context, h Holder, name string) error {
	return s.changePermissions(ctx, h, func(_ *state, p *Permissions) error {
		i, found := slices.BinarySearchFunc(p.Inline, name, compareDocument)
		if !found {
			return h.noInline(name)
		}
		p.Inline = slices.Delete(p.Inline, i, i+1)
		return nil
	})
}

// Attach attaches a managed policy; one that is attached already is no error.
func (s *Service) Attach(ctx context.Context, h Holder, policy string) error {
	return s.changePermissions(ctx, h, func(st *state, p *Permissions) error {
		found, err := st.policyFor(h.Account, policy)
		if err != nil {
			return err
		}
		if err := found.mayAttach(); err != nil {
			return err
		}
		if slices.Contains(p.Attached, policy) {
			return nil
		}
		if err := s.quotas.checkAttached(h, p); err != nil {
			return err
		}
		p.Attached = append(p.Attached, policy)
		return nil
	})
}

// Detach detaches a managed policy.
func (s *Service) Detach(ctx context.Context, h Holder, policy string) error {
	return s.changePermissions(ctx, h, func(_ *state, p *Permissions) error {
		i := slices.Index(p.Attached, policy)
		if i < 0 {
			return notFound("Policy %.200s was not found.", policy)
		}
		p.Attached = slices.Delete(p.Attached, i, i+1)
		return nil
	})
}

// SetBoundary makes a managed policy the permissions boundary; the empty ARN takes the boundary away.
func (s *Service) SetBoundary(ctx context.Context, h Holder, policy string) error {
	return s.changePermissions(ctx, h, func(st *state, p *Permissions) error {
		if policy != "" {
			if _, err := st.policyFor(h.Account, policy); err != nil {
				return err
			}
		}
		p.Boundary = policy
		return nil
	})
}

// mustBeFree refuses to delete what still holds policies.
func (p *Permissions) mustBeFree() error {
	switch {
	case len(p.Attached) > 0:
		return inUse("Cannot delete entity, must detach all policies first.")
	case len(p.Inline) > 0:
		return inUse("Cannot delete entity, must delete policies first.")
	}
	return nil
}
