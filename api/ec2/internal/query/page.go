package query

import (
	"encoding/base64"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// A page has at least minPage and at most maxPage resources; a request that does not say gets maxPage.
const (
	MinPage = 5
	maxPage = 1000
)

// Listing says how one kind of resource is described.
type Listing[T any] struct {
	ID   func(T) string // what all is ordered by
	Tags func(T) []network.Tag
	All  func(*View) iter.Seq[T]
	Get  func(*View, string) (T, error)
	// filters are those of the EC2 API reference; tag filters are known by themselves.
	Filters map[string]Test[T]
	// unbuilt are filters of the EC2 API reference on what is not known here; they are refused by their name.
	Unbuilt []string
	// idsOrPages says that a request may not name both ids and a page size.
	IDsOrPages bool
}

// Query is what the Describe calls have in common.
type Query struct {
	IDs     []string
	Filters []types.Filter
	Max     *int32
	Token   *string
}

// Describe gives the resources that a query asks for, and the token of the next page if there is one.
func Describe[T any](v *View, l Listing[T], q Query) ([]T, *string, error) {
	conditions, err := filters(l, q.Filters)
	if err != nil {
		return nil, nil, err
	}
	size, after, err := q.page()
	if err != nil {
		return nil, nil, err
	}
	rows := l.All(v)
	if len(q.IDs) > 0 {
		if l.IDsOrPages && q.Max != nil {
			return nil, nil, fault.New(fault.Invalid, "ec2.describe", "The parameter maxResults cannot be used with a list of ids in the same request").
				WithCode("InvalidParameterCombination")
		}
		if rows, err = Named(v, l, q.IDs); err != nil {
			return nil, nil, err
		}
	}
	var out []T
	for r := range rows {
		if l.ID(r) <= after || !holds(v, r, conditions) {
			continue
		}
		if len(out) == size {
			return out, token(l.ID(out[size-1])), nil
		}
		out = append(out, r)
	}
	return out, nil, nil
}

// Named are the resources with the ids, each once and in order.
func Named[T any](v *View, l Listing[T], ids []string) (iter.Seq[T], error) {
	rows, err := fault.All(ids, func(id string) (T, error) { return l.Get(v, id) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b T) int { return strings.Compare(l.ID(a), l.ID(b)) })
	rows = slices.CompactFunc(rows, func(a, b T) bool { return l.ID(a) == l.ID(b) })
	return slices.Values(rows), nil
}

// page is the page's size and the id that it comes after.
func (q *Query) page() (size int, after string, err error) {
	size = maxPage
	if q.Max != nil {
		size = int(*q.Max)
		if size < MinPage {
			return 0, "", Invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", size, MinPage)
		}
		if size > maxPage {
			return 0, "", Invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value smaller than %d.", size, maxPage)
		}
	}
	after, err = readToken(q.Token)
	return size, after, err
}

const tokenMark = "postern:"

var tokenCode = base64.RawURLEncoding.Strict()

func token(last string) *string {
	return aws.String(tokenCode.EncodeToString([]byte(tokenMark + last)))
}

func readToken(t *string) (string, error) {
	if t == nil {
		return "", nil
	}
	text, err := tokenCode.DecodeString(*t)
	last, ok := strings.CutPrefix(string(text), tokenMark)
	if err != nil || !ok {
		return "", fault.New(fault.Invalid, "ec2.page", "The token '%s' is invalid", *t).WithCode("InvalidNextToken")
	}
	return last, nil
}

// Of makes the query of a Describe call that takes ids, filters and pages.
func Of(ids []string, filters []types.Filter, size *int32, token *string) Query {
	return Query{IDs: ids, Filters: filters, Max: size, Token: token}
}
