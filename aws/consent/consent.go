// Package consent carries a question in a context: may these resources be touched? A request is authorised before it
// is handled, by what it says; what it touches is known for certain only where its changes are committed. There the
// question is put for whatever was not asked about before, so that nothing is changed that nobody was asked about.
package consent

import "context"

// Touch is one resource that a change writes, or that it ties to another resource or unties.
type Touch struct {
	// Resource is its ARN.
	Resource string
	// Made says that the change makes the resource.
	Made bool
}

// Giver agrees to changes. Its methods may be called at once from several goroutines.
type Giver interface {
	// Lacking returns those that were not agreed to yet. It waits for nobody, so it may be called under a lock.
	Lacking(touched []Touch) []Touch
	// Ask asks about them. Its error says why not.
	Ask(ctx context.Context, lacking []Touch) error
}

type key struct{}

// With returns a context in which changes need the consent of g.
func With(ctx context.Context, g Giver) context.Context { return context.WithValue(ctx, key{}, g) }

// Of returns who has to agree, nil for a change that is nobody's request.
func Of(ctx context.Context) Giver {
	g, _ := ctx.Value(key{}).(Giver)
	return g
}

// Making says that the request is about to make a resource, for changes that name it before it is there.
func Making(ctx context.Context, resource string) {
	if g := Of(ctx); g != nil {
		g.Lacking([]Touch{{Resource: resource, Made: true}})
	}
}

// LackingError stops a change, under whose lock nobody can be asked, until Retry has asked.
type LackingError struct{ Touched []Touch }

// Error implements error.
func (e *LackingError) Error() string { return "a change touches resources that were not asked about" }

// Check returns a *LackingError when the context's Giver has not agreed to all that is touched; touched is called only
// where there is a Giver.
func Check(ctx context.Context, touched func() []Touch) error {
	g := Of(ctx)
	if g == nil {
		return nil
	}
	if lacking := g.Lacking(touched()); len(lacking) > 0 {
		return &LackingError{lacking}
	}
	return nil
}

// tries bounds how often a change may turn out to touch something else than the time before.
const tries = 100

// Retry makes a change that calls Check, without a lock, and asks for what it lacks until it is made or refused.
func Retry(ctx context.Context, change func() error) error {
	var err error
	for range tries {
		err = change()
		lacking, ok := err.(*LackingError) //nolint:errorlint // Check's error, as it is
		if !ok {
			return err
		}
		if err := Of(ctx).Ask(ctx, lacking.Touched); err != nil {
			return err
		}
	}
	return err
}
