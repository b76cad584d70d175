package parameter

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// Get finds one parameter by its name or ARN, with the version that a number or a label after a colon selects, else the
// latest.
func (s *Service) Get(ctx context.Context, scope scope.Scope, text string) (Parameter, error) {
	r, err := ParseReference(scope, text)
	if err != nil {
		return Parameter{}, err
	}
	if isPublic(r.Name) {
		return s.getPublic(scope, r)
	}
	h, err := s.find(ctx, scope, r.Name)
	if err != nil {
		return Parameter{}, err
	}
	return s.selected(ctx, h, r.Selector)
}

func (s *Service) find(ctx context.Context, scope scope.Scope, name string) (*head, error) {
	found, err := s.config.Records.Find(ctx, headKey(scope, name))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, notFound(name)
	}
	return readHead(found[0])
}

// selected returns the version of a parameter that a selector names.
func (s *Service) selected(ctx context.Context, h *head, selector string) (Parameter, error) {
	if selector == "" {
		return h.view(h.Latest, ""), nil
	}
	number, labelled := h.Labels[selector]
	if n, err := strconv.ParseInt(selector, 10, 64); err == nil && !labelled {
		number = n
	}
	if !h.has(number) {
		return Parameter{}, noVersion(h.Name, selector)
	}
	v, err := s.version(ctx, h, number)
	return h.view(v, ":"+selector), err
}

func (s *Service) version(ctx context.Context, h *head, number int64) (Version, error) {
	if number == h.Latest.Number {
		return h.Latest, nil
	}
	found, err := s.config.Records.Find(ctx, h.versionKey(number))
	if err != nil {
		return Version{}, err
	}
	if len(found) == 0 { // it went while this looked
		return Version{}, noVersion(h.Name, strconv.FormatInt(number, 10))
	}
	return readVersion(found[0])
}

// GetAll finds several, in the order of their names, and returns beside them the references that name none.
func (s *Service) GetAll(
	ctx context.Context,
	scope scope.Scope,
	texts []string,
) (all []Parameter, missing []string, err error) {
	for _, text := range texts {
		p, err := s.Get(ctx, scope, text)
		switch {
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid):
			missing = append(missing, text)
		case err != nil:
			return nil, nil, err
		default:
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Parameter) int { return strings.Compare(a.Name+a.Selector, b.Name+b.Selector) })
	all = slices.CompactFunc(all, func(a, b Parameter) bool { return a.Name == b.Name && a.Selector == b.Selector })
	return all, missing, nil
}

// History returns a parameter's versions with numbers greater than after, the oldest first, at most limit of them, and
// whether there are more.
func (s *Service) History(
	ctx context.Context,
	scope scope.Scope,
	text string,
	after int64,
	limit int,
) (page []Parameter, more bool, err error) {
	r, err := ParseReference(scope, text)
	if err != nil {
		return nil, false, err
	}
	h, err := s.find(ctx, scope, r.Name)
	if err != nil {
		return nil, false, err
	}
	from := max(after+1, h.Oldest)
	to := min(from+int64(limit)-1, h.Latest.Number)
	var keys []record.Key
	for number := from; number <= to; number++ {
		keys = append(keys, h.versionKey(number))
	}
	found, err := s.config.Records.Find(ctx, keys...)
	if err != nil {
		return nil, false, err
	}
	for _, r := range found {
		v, err := readVersion(r)
		if err != nil {
			return nil, false, err
		}
		page = append(page, h.view(v, ""))
	}
	slices.SortFunc(page, func(a, b Parameter) int { return int(a.Number - b.Number) })
	if to == h.Latest.Number && from <= to {
		page = append(page, h.view(h.Latest, ""))
	}
	return page, to < h.Latest.Number, nil
}
