package identity

import (
	"context"
	"slices"
	"strings"

	"postern/aws/iam"
)

// Holder names what policies belong to: a user or a role.
type Holder struct {
	Account string
	Role    bool // else a user
	Name    string
}

// holder finds a user's or role's permissions, and how to store it with others in their place.
func (st *state) holder(h Holder) (*Permissions, func(Permissions) Change, error) {
	if h.Role {
		r, err := st.role(h.Account, h.Name)
		if err != nil {
			return nil, nil, err
		}
		return &r.Permissions, func(p Permissions) Change {
			next := *r
			next.Permissions = p
			return put(&next)
		}, nil
	}
	u, err := st.user(h.Account, h.Name)
	if err != nil {
		return nil, nil, err
	}
	return &u.Permissions, func(p Permissions) Change {
		next := *u
		next.Permissions = p
		return put(&next)
	}, nil
}

// changePermissions plans on a copy that may be changed at will.
func (s *Service) changePermissions(ctx context.Context, h Holder, plan func(st *state, p *Permissions) error) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, store, err := st.holder(h)
		if err != nil {
			return nil, err
		}
		next := Permissions{Inline: slices.Clone(p.Inline), Attached: slices.Clone(p.Attached), Boundary: p.Boundary}
		if err := plan(st, &next); err != nil {
			return nil, err
		}
		return []Change{store(next)}, nil
	})
}

// PermissionsOf returns what a user or role holds.
func (s *Service) PermissionsOf(h Holder) (p Permissions, err error) {
	s.view(func(st *state) {
		var found *Permissions
		if found, _, err = st.holder(h); err == nil {
			p = *found
		}
	})
	return p, err
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
	if h.Role {
		return notFound("The role policy with name %.128s cannot be found.", name)
	}
	return notFound("The user policy with name %.128s cannot be found.", name)
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
		found, err := st.policyByARN(policy)
		if err != nil {
			return err
		}
		if found.Account != amazonOwner && found.Account != h.Account {
			return notFound("Policy %s does not exist or is not attachable.", policy)
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
			if _, err := st.policyByARN(policy); err != nil {
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
