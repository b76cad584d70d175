package consent_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"postern/aws/consent"
)

// giver agrees to what it has been asked about, and refuses some.
type giver struct {
	agreed  map[string]bool
	refused string
	asked   []string
}

var errRefused = errors.New("refused")

func (g *giver) Lacking(touched []consent.Touch) (lacking []consent.Touch) {
	for _, t := range touched {
		if t.Made {
			g.agreed[t.Resource] = true
		}
		if !g.agreed[t.Resource] {
			lacking = append(lacking, t)
		}
	}
	return lacking
}

func (g *giver) Ask(_ context.Context, lacking []consent.Touch) error {
	for _, t := range lacking {
		g.asked = append(g.asked, t.Resource)
		if t.Resource == g.refused {
			return errRefused
		}
		g.agreed[t.Resource] = true
	}
	return nil
}

func touch(resources ...string) func() []consent.Touch {
	return func() (all []consent.Touch) {
		for _, r := range resources {
			all = append(all, consent.Touch{Resource: r})
		}
		return all
	}
}

// TestNobodysRequest: a change that is nobody's request needs no consent, and is not even asked what it touches.
func TestNobodysRequest(t *testing.T) {
	ctx := t.Context()
	if g := consent.Of(ctx); g != nil {
		t.Errorf("%v has to agree", g)
	}
	err := consent.Check(ctx, func() []consent.Touch {
		t.Error("it was asked what it touches")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	consent.Making(ctx, "a")
}

func TestCheck(t *testing.T) {
	g := &giver{agreed: map[string]bool{"a": true}}
	ctx := consent.With(t.Context(), g)
	if err := consent.Check(ctx, touch("a")); err != nil {
		t.Errorf("what was agreed to: %v", err)
	}
	var lacking *consent.LackingError
	err := consent.Check(ctx, touch("a", "b", "c"))
	if !errors.As(err, &lacking) || !slices.Equal(lacking.Touched, touch("b", "c")()) || err.Error() == "" {
		t.Errorf("%v lacks %+v", err, lacking)
	}
	consent.Making(ctx, "b")
	consent.Making(ctx, "c")
	if err := consent.Check(ctx, touch("a", "b", "c")); err != nil {
		t.Errorf("what the request makes: %v", err)
	}
	if len(g.asked) > 0 {
		t.Errorf("Check asked about %v", g.asked)
	}
}

// TestRetry: what a change lacks is asked about, once each, until it is made; a refusal and the change's own errors end
// it at once.
func TestRetry(t *testing.T) {
	g := &giver{agreed: map[string]bool{}, refused: "no"}
	ctx := consent.With(t.Context(), g)
	made := 0
	change := func(resources ...string) func() error {
		return func() error {
			made++
			for _, r := range resources { // one after the other, as a change that finds out what it touches
				if err := consent.Check(ctx, touch(r)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := consent.Retry(
		ctx, change("a", "b", "a"),
	); err != nil || made != 3 || !slices.Equal(g.asked, []string{"a", "b"}) {
		t.Errorf("made %d times, asked about %v: %v", made, g.asked, err)
	}
	made = 0
	if err := consent.Retry(ctx, change("a", "b")); err != nil || made != 1 || len(g.asked) != 2 {
		t.Errorf("made %d times, asked about %v: %v", made, g.asked, err)
	}
	made = 0
	if err := consent.Retry(ctx, change("no", "c")); !errors.Is(err, errRefused) || made != 1 || g.agreed["c"] {
		t.Errorf("made %d times: %v", made, err)
	}
	mine := errors.New("mine")
	if err := consent.Retry(ctx, func() error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
}

// TestRetryEnds: a change that touches something else each time is given up.
func TestRetryEnds(t *testing.T) {
	g := &giver{agreed: map[string]bool{}}
	ctx := consent.With(t.Context(), g)
	made := 0
	err := consent.Retry(ctx, func() error {
		made++
		return consent.Check(ctx, touch(string(rune('a'+made))))
	})
	var lacking *consent.LackingError
	if !errors.As(err, &lacking) || made != 100 {
		t.Errorf("made %d times: %v", made, err)
	}
}
