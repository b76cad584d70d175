package identity

import "context"

// TagUser puts tags on a user.
func (s *Service) TagUser(ctx context.Context, account, name string, tags []Tag) error {
	return s.retagUser(ctx, account, name, func(have []Tag) ([]Tag, error) { return mergeTags(have, tags) })
}

// UntagUser takes tags off a user.
func (s *Service) UntagUser(ctx context.Context, account, name string, keys []string) error {
	return s.retagUser(ctx, account, name, func(have []Tag) ([]Tag, error) { return dropTags(have, keys), nil })
}

func (s *Service) retagUser(ctx context.Context, account, name string, retag func([]Tag) ([]Tag, error)) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		u, err := st.user(account, name)
		if err != nil {
			return nil, err
		}
		next := *u
		if next.Tags, err = retag(u.Tags); err != nil {
			return nil, err
		}
		return []Change{put(&next)}, nil
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
	return s.change(ctx, func(st *state) ([]Change, error) {
		r, err := st.role(account, name)
		if err != nil {
			return nil, err
		}
		next := *r
		if next.Tags, err = retag(r.Tags); err != nil {
			return nil, err
		}
		return []Change{put(&next)}, nil
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
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.profile(account, name)
		if err != nil {
			return nil, err
		}
		next := *p
		if next.Tags, err = retag(p.Tags); err != nil {
			return nil, err
		}
		return []Change{put(&next)}, nil
	})
}

// TagPolicy puts tags on a managed policy.
func (s *Service) TagPolicy(ctx context.Context, account, arn string, tags []Tag) error {
	_, err := s.changePolicy(ctx, account, arn, func(_ *state, p *Policy) (err error) {
		p.Tags, err = mergeTags(p.Tags, tags)
		return err
	})
	return err
}

// UntagPolicy takes tags off a managed policy.
func (s *Service) UntagPolicy(ctx context.Context, account, arn string, keys []string) error {
	_, err := s.changePolicy(ctx, account, arn, func(_ *state, p *Policy) error {
		p.Tags = dropTags(p.Tags, keys)
		return nil
	})
	return err
}
