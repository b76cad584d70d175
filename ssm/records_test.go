package ssm_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"postern/aws/consent"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

var here = scope.Scope{Account: "000000000000", Region: "us-east-1"}

func TestScopeOf(t *testing.T) {
	r := ssm.NewRecord(record.Key{Kind: ssm.KindNode, ID: "mi-1"}, here, []byte("{}"))
	if got := ssm.ScopeOf(r); got != here || r.ID != "mi-1" || string(r.Body) != "{}" {
		t.Errorf("%+v is of %v, want %v", r, got, here)
	}
	if got := ssm.ScopeOf(record.Record{}); got != (scope.Scope{}) {
		t.Errorf("a record without groups is of %v", got)
	}
}

// giver refuses everything and notes what it was asked about.
type giver struct{ asked []string }

var errRefused = errors.New("refused")

func (g *giver) Lacking(touched []consent.Touch) []consent.Touch { return touched }

func (g *giver) Ask(_ context.Context, lacking []consent.Touch) error {
	for _, t := range lacking {
		g.asked = append(g.asked, t.Resource)
	}
	return errRefused
}

// A change of a record that policies can name needs consent, and names the resource; the others are made.
func TestConsented(t *testing.T) {
	const ids, named = "000000000000/us-east-1/", "arn:aws:ssm:us-east-1:000000000000:"
	for _, tt := range []struct{ kind, id, resource string }{
		{ssm.KindNode, "mi-1", named + "managed-instance/mi-1"},
		{ssm.KindNode, "i-1", "arn:aws:ec2:us-east-1:000000000000:instance/i-1"},
		{ssm.KindDocument, ids + "Doc", named + "document/Doc"},
		{ssm.KindSetting, ids + "ssm/x", named + "servicesetting/ssm/x"},
		{ssm.KindParameter, ids + "app/db", named + "parameter/app/db"},
		{ssm.KindParameterVersion, ids + "app/db:007", named + "parameter/app/db"},
		{ssm.KindParameterCount, "000000000000/us-east-1", ""},
		{ssm.KindActivation, "id", ""},
	} {
		g, memory := new(giver), new(record.Memory)
		r := ssm.NewRecord(record.Key{Kind: tt.kind, ID: tt.id}, here, []byte("{}"))
		err := ssm.Consented(memory).Update(consent.With(t.Context(), g), nil,
			func([]record.Record) ([]record.Change, error) { return []record.Change{{Record: r}}, nil })
		var want []string
		if tt.resource != "" {
			want = []string{tt.resource}
		}
		if !slices.Equal(g.asked, want) || errors.Is(err, errRefused) != (tt.resource != "") {
			t.Errorf("%s %s: asked about %v, %v; want %v", tt.kind, tt.id, g.asked, err, want)
		}
		if made := memory.Len() == 1; made == (tt.resource != "") {
			t.Errorf("%s %s: made is %t", tt.kind, tt.id, made)
		}
	}
	err := ssm.Consented(new(record.Memory)).Update(consent.With(t.Context(), new(giver)), nil,
		func([]record.Record) ([]record.Change, error) { return nil, context.Canceled })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an error of the change: %v", err)
	}
}
