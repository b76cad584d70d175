package ssmtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"postern/aws/scope"
	"postern/ssm"
)

var (
	here  = scope.Scope{Account: "000000000000", Region: "us-east-1"}
	there = scope.Scope{Account: "000000000000", Region: "eu-west-1"}
)

// TestRecords is the conformance suite of ssm.Records. open returns an empty store; called again within the same test
// it returns the same store, opened anew where it can be.
func TestRecords(t *testing.T, open func(t *testing.T) ssm.Records) {
	t.Run("finds and lists what was put", func(t *testing.T) { findAndList(t, open) })
	t.Run("an error of change undoes everything", func(t *testing.T) { changeRefuses(t, open(t)) })
	t.Run("no update is lost among many", func(t *testing.T) { concurrent(t, open(t)) })
}

func put(kind ssm.Kind, id string, scope scope.Scope, body string) ssm.Change {
	return ssm.Change{Record: ssm.Record{Kind: kind, ID: id, Scope: scope, Body: []byte(body)}}
}

func apply(t *testing.T, s ssm.Records, changes ...ssm.Change) {
	t.Helper()
	err := s.Update(t.Context(), nil, func([]ssm.Record) ([]ssm.Change, error) { return changes, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func bodies(t *testing.T, records []ssm.Record, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, r := range records {
		out = append(out, r.ID+"="+string(r.Body)+"@"+r.Scope.String())
	}
	return out
}

func findAndList(t *testing.T, open func(t *testing.T) ssm.Records) {
	s := open(t)
	apply(t, s,
		put(ssm.KindNode, "mi-2", here, `{"n":2}`), put(ssm.KindNode, "mi-1", here, `{"n":1}`),
		put(ssm.KindNode, "mi-3", there, `{"n":3}`), put(ssm.KindActivation, "mi-1", here, `{}`),
		put(ssm.KindNode, "mi-4", here, `{}`),
	)
	apply(t, s,
		put(ssm.KindNode, "mi-1", here, `{"n":10}`),
		ssm.Change{Record: ssm.Record{Kind: ssm.KindNode, ID: "mi-4"}, Delete: true},
		ssm.Change{Record: ssm.Record{Kind: ssm.KindNode, ID: "mi-9"}, Delete: true},
	)
	s = open(t)
	one, two := `mi-1={"n":10}@`+here.String(), `mi-2={"n":2}@`+here.String()
	three := `mi-3={"n":3}@` + there.String()
	for _, tt := range []struct {
		scope scope.Scope
		after string
		limit int
		want  []string
	}{
		{here, "", 0, []string{one, two}},
		{there, "", 0, []string{three}},
		{scope.Scope{}, "", 0, []string{one, two, three}},
		{scope.Scope{Account: "1"}, "", 0, []string{}},
		{here, "mi-1", 0, []string{two}},
		{scope.Scope{}, "mi-1", 1, []string{two}},
		{here, "mi-10", 5, []string{two}},
		{here, "mi-2", 5, []string{}},
	} {
		records, err := s.List(t.Context(), ssm.KindNode, tt.scope, tt.after, tt.limit)
		if diff := gocmp.Diff(tt.want, bodies(t, records, err)); diff != "" {
			t.Errorf("list %v after %q, %d (-want +got):\n%s", tt.scope, tt.after, tt.limit, diff)
		}
	}
	found, err := s.Find(t.Context(), ssm.Key{Kind: ssm.KindNode, ID: "mi-3"}, ssm.Key{Kind: ssm.KindNode, ID: "mi-4"}, ssm.Key{Kind: ssm.KindNode, ID: "mi-1"})
	slices.SortFunc(found, func(a, b ssm.Record) int { return cmp.Compare(a.ID, b.ID) })
	if diff := gocmp.Diff([]string{one, three}, bodies(t, found, err)); diff != "" {
		t.Errorf("find (-want +got):\n%s", diff)
	}
}

func changeRefuses(t *testing.T, s ssm.Records) {
	apply(t, s, put(ssm.KindNode, "mi-1", here, `1`))
	refused := errors.New("no")
	err := s.Update(t.Context(), []ssm.Key{{Kind: ssm.KindNode, ID: "mi-1"}, {Kind: ssm.KindNode, ID: "mi-2"}},
		func(found []ssm.Record) ([]ssm.Change, error) {
			if len(found) != 1 || string(found[0].Body) != `1` {
				t.Errorf("change was given %v", found)
			}
			return []ssm.Change{put(ssm.KindNode, "mi-1", here, `2`)}, refused
		})
	if !errors.Is(err, refused) {
		t.Errorf("Update = %v, want change's own error", err)
	}
	records, err := s.List(t.Context(), ssm.KindNode, here, "", 0)
	if got := bodies(t, records, err); !slices.Equal(got, []string{`mi-1=1@` + here.String()}) {
		t.Errorf("after a refused change: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(ctx, nil, func([]ssm.Record) ([]ssm.Change, error) { return nil, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func concurrent(t *testing.T, s ssm.Records) {
	apply(t, s, put(ssm.KindSetting, "n", here, `0`))
	key := ssm.Key{Kind: ssm.KindSetting, ID: "n"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				err := s.Update(t.Context(), []ssm.Key{key}, func(found []ssm.Record) ([]ssm.Change, error) {
					n, err := strconv.Atoi(string(found[0].Body))
					return []ssm.Change{put(ssm.KindSetting, "n", here, strconv.Itoa(n+1))}, err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	found, err := s.Find(t.Context(), key)
	if got := bodies(t, found, err); !slices.Equal(got, []string{"n=200@" + here.String()}) {
		t.Errorf("after 200 updates: %v", got)
	}
}
