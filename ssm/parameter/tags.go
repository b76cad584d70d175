package parameter

import (
	"context"
	"maps"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm"
)

// Tag sets and removes tags of a parameter.
func (s *Service) Tag(
	ctx context.Context,
	scope scope.Scope,
	name string,
	set map[string]string,
	remove []string,
) error {
	name, err := whole(scope, name)
	if err != nil {
		return noResource(name)
	}
	err = s.change(ctx, scope, name, func(h *head) error {
		tags := map[string]string{}
		maps.Copy(tags, h.Tags)
		maps.Copy(tags, set)
		for _, k := range remove {
			delete(tags, k)
		}
		h.Tags = tags
		return ssm.CheckTags(tags)
	})
	if fault.Is(err, fault.NotFound) {
		return noResource(name)
	}
	return err
}

// Tags returns a parameter's tags.
func (s *Service) Tags(ctx context.Context, scope scope.Scope, name string) (map[string]string, error) {
	name, err := whole(scope, name)
	if err != nil {
		return nil, noResource(name)
	}
	h, err := s.find(ctx, scope, name)
	if fault.Is(err, fault.NotFound) {
		return nil, noResource(name)
	}
	if err != nil {
		return nil, err
	}
	return h.Tags, nil
}

func noResource(name string) error {
	return fault.New(fault.NotFound, "parameter.Tag", "no parameter %s", name).WithCode("InvalidResourceId")
}
