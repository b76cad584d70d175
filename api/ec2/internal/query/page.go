package query

import (
	"iter"
	"reflect"
	"slices"
	"strings"

	"postern/api/page"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/aws/wire"
	"postern/network"
)

// A page has at least minPage and at most maxPage resources where the model says nothing else of the operation; a
// request that does not say gets maxPage.
const (
	minPage = 5
	maxPage = 1000
)

// Listing says how one kind of resource is described.
type Listing[T any] struct {
	// ID returns the key that All is ordered by, and pages begin at.
	ID   func(T) string
	Tags func(T) []network.Tag
	All  func(*View) iter.Seq[T]
	Get  func(*View, string) (T, error)
	// Filters holds the filters of the EC2 API reference; tag filters are known by themselves.
	Filters map[string]Test[T]
	// Unbuilt are filters of the EC2 API reference on what is not known here; they are refused by their name.
	Unbuilt []string
	// IDsOrPages says that a request may not name both ids and a page size.
	IDsOrPages bool
}

// Describe returns the resources that a request asks for, and the token of the next page if there is one. in is the
// request, whose paging members it reads; where ids are given, all of them must be there.
func Describe[T any](v *View, in any, l Listing[T], ids []string, asked []types.Filter) ([]T, *string, error) {
	conditions, err := filters(l, asked)
	if err != nil {
		return nil, nil, err
	}
	if err := checkSize(in); err != nil {
		return nil, nil, err
	}
	p, err := page.Read(v.Call, in, maxPage)
	if err != nil {
		return nil, nil, err
	}
	rows := l.All(v)
	if len(ids) > 0 {
		if l.IDsOrPages && Member[*int32](in, "MaxResults") != nil {
			return nil, nil, Combination("The parameter maxResults cannot be used with a list of ids in the same request")
		}
		if rows, err = Named(v, l, ids); err != nil {
			return nil, nil, err
		}
	}
	var out []T
	for r := range rows {
		if l.ID(r) <= p.After || !holds(v, r, conditions) {
			continue
		}
		if len(out) == p.Size {
			return out, p.Token(l.ID(out[p.Size-1])), nil
		}
		out = append(out, r)
	}
	return out, nil, nil
}

// Named returns the resources with the ids, each once and in order.
func Named[T any](v *View, l Listing[T], ids []string) (iter.Seq[T], error) {
	rows, err := fault.All(ids, func(id string) (T, error) { return l.Get(v, id) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b T) int { return strings.Compare(l.ID(a), l.ID(b)) })
	rows = slices.CompactFunc(rows, func(a, b T) bool { return l.ID(a) == l.ID(b) })
	return slices.Values(rows), nil
}

// checkSize refuses page sizes that the API reference does not allow, where the model leaves them open.
func checkSize(in any) error {
	size := Member[*int32](in, "MaxResults")
	switch {
	case size == nil || wire.Bounded(reflect.TypeOf(in).Elem(), "MaxResults"):
		return nil
	case *size < minPage:
		return Invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *size, minPage)
	case *size > maxPage:
		return Invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value smaller than %d.", *size, maxPage)
	}
	return nil
}

// Member returns a member of a request by its name, or nothing if it has none of that name and type.
func Member[T any](in any, name string) (v T) {
	if f := reflect.ValueOf(in).Elem().FieldByName(name); f.IsValid() {
		v, _ = f.Interface().(T)
	}
	return v
}
