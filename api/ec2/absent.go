package ec2

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// absence is a kind of resource that Postern has none of and cannot make, with what a Describe call on it takes.
type absence struct {
	ids []absentID
	// filters holds the names of the EC2 API reference, between spaces; tag filters are known by themselves.
	filters string
	// takes are further members that can leave nothing out of an empty list.
	takes []string
}

// absentID is a member that names resources: a list, or one.
type absentID struct {
	member string
	// code is the error for a resource that is not there, text its words, with %s for the id.
	code, text string
}

// nothing is a resource of a kind that Postern has none of.
type nothing struct{}

// absent makes the row of a Describe call that truthfully finds nothing: programs ask it in passing, and an answer that
// the call is not implemented would end them. The request is judged like any other, and an id is not found.
func absent[In, Out any](s *service, a absence) api.Operation {
	input := reflect.TypeFor[In]()
	takes := slices.Clone(a.takes)
	for _, id := range a.ids {
		takes = append(takes, id.member)
	}
	for _, member := range []string{"Filters", "Filter", "MaxResults", "NextToken"} {
		if _, ok := input.FieldByName(member); ok {
			takes = append(takes, member)
		}
	}
	handle := func(_ context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, a.check(s.view(c), in)
	}
	return api.Op(strings.TrimSuffix(input.Name(), "Input"), api.Everything, handle, api.Takes(takes...), api.ByName)
}

// check judges a request: its filters, its page, and the ids, none of which is there.
func (a absence) check(v *query.View, in any) error {
	list := query.Listing[nothing]{
		ID:      func(nothing) string { return "" },
		Tags:    func(nothing) []network.Tag { return nil },
		All:     func(*query.View) iter.Seq[nothing] { return slices.Values([]nothing{}) },
		Filters: map[string]query.Test[nothing]{},
	}
	for name := range strings.FieldsSeq(a.filters) {
		list.Filters[name] = query.None[nothing]
	}
	asked := slices.Concat(query.Member[[]types.Filter](in, "Filters"), query.Member[[]types.Filter](in, "Filter"))
	if _, _, err := query.Describe(v, in, list, nil, asked); err != nil {
		return err
	}
	for _, id := range a.ids {
		named := query.Member[[]string](in, id.member)
		if one := query.Member[*string](in, id.member); aws.ToString(one) != "" {
			named = []string{*one}
		}
		if len(named) > 0 {
			return fault.New(fault.NotFound, "ec2", id.text, named[0]).WithCode(id.code)
		}
	}
	return nil
}
