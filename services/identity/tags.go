package identity

import "context"

// Tag is a key and a value on a user, role, instance profile or policy.
type Tag struct{ Key, Value string }

// TagsByKey returns tags by their keys.
func TagsByKey(tags []Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[t.Key] = t.Value
	}
	return out
}

// TagUser puts tags on a user.
func (s *Service) TagUser(ctx context.Context, account, name string, tags []Tag) error {
	return s.retagUser(ctx, account, name, func(have []Tag) ([]Tag, error) { return mergeTags(have, tags) })
}

// UntagUser takes tags off a user.
func (s *Service) UntagUser(ctx context.Context, account, name string, keys []string) error {
	return s.retagUser(ctx, account, name, func(have []Tag) ([]Tag, error) { return dropTags(have, keys), nil })
}

func (s *Service) retagUser(ctx context.Context, account, name string, retag func([]Tag) ([]Tag, error)) error {
	return s.change(ctx, account, func(p *plan) error {
		u, err := p.user(account, name)
		if err != nil {
			return err
		}
		next := *u
		if next.Tags, err = retag(u.Tags); err != nil {
			return err
		}
		users.Put(p.Plan, &next, false)
		return nil
	})
}

// TagRole puts tags on a role.
func (s *Service) TagRole(ctx context.Context, account, name string, tags []Tag) error {
	return s.retagRole(ctx, account, name, func(have []Tag) ([]Tag, error) { return mergeTags(have, tags) })
}

// UntagRole takes tags off a role.
func (s *Service) UntagRole(ctx context.Context, account, name string, keys []string) error {
	return s.retagRole(ctx, account, name, func(have []Tag) ([]Tag, error) { return dropTags(have, keys), nil })
}

func (s *Service) retagRole(ctx context.Context, account, name string, retag func([]Tag) ([]Tag, error)) error {
	return s.change(ctx, account, func(p *plan) error {
		r, err := p.role(account, name)
		if err != nil {
			return err
		}
		next := *r
		if next.Tags, err = retag(r.Tags); err != nil {
			return err
		}
		roles.Put(p.Plan, &next, false)
		return nil
	})
}

// TagInstanceProfile puts tags on an instance profile.
func (s *Service) TagInstanceProfile(ctx context.Context, account, name string, tags []Tag) error {
	return s.retagProfile(ctx, account, name, func(have []Tag) ([]Tag, error) { return mergeTags(have, tags) })
}

// UntagInstanceProfile takes tags off an instance profile.
func (s *Service) UntagInstanceProfile(ctx context.Context, account, name string, keys []string) error {
	return s.retagProfile(ctx, account, name, func(have []Tag) ([]Tag, error) { return dropTags(have, keys), nil })
}

func (s *Service) retagProfile(ctx context.Context, account, name string, retag func([]Tag) ([]Tag, error)) error {
	return s.change(ctx, account, func(p *plan) error {
		was, err := p.profile(account, name)
		if err != nil {
			return err
		}
		next := *was
		if next.Tags, err = retag(was.Tags); err != nil {
			return err
		}
		profiles.Put(p.Plan, &next, false)
		return nil
	})
}

// TagPolicy puts tags on a managed policy.
func (s *Service) TagPolicy(ctx context.Context, account, arn string, tags []Tag) error {
	_, err := s.changePolicy(ctx, account, arn, func(p *Policy) (err error) {
		p.Tags, err = mergeTags(p.Tags, tags)
		return err
	})
	return err
}

// UntagPolicy takes tags off a managed policy.
func (s *Service) UntagPolicy(ctx context.Context, account, arn string, keys []string) error {
	_, err := s.changePolicy(ctx, account, arn, func(p *Policy) error {
		p.Tags = dropTags(p.Tags, keys)
		return nil
	})
	return err
}
