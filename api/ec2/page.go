package ec2

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
	minPage = 5
	maxPage = 1000
)

// listing says how one kind of resource is described.
type listing[T any] struct {
	id   func(T) string // what all is ordered by
	tags func(T) []network.Tag
	all  func(*view) iter.Seq[T]
	get  func(*view, string) (T, error)
	// filters are those of the EC2 API reference; tag filters are known by themselves.
	filters map[string]test[T]
	// unbuilt are filters of the EC2 API reference on what is not known here; they are refused by their name.
	unbuilt []string
	// idsOrPages says that a request may not name both ids and a page size.
	idsOrPages bool
}

// query is what the Describe calls have in common.
type query struct {
	ids     []string
	filters []types.Filter
	max     *int32
	token   *string
}

// describe gives the resources that a query asks for, and the token of the next page if there is one.
func describe[T any](v *view, l listing[T], q query) ([]T, *string, error) {
	conditions, err := filters(l, q.filters)
	if err != nil {
		return nil, nil, err
	}
	size, after, err := q.page()
	if err != nil {
		return nil, nil, err
	}
	rows := l.all(v)
	if len(q.ids) > 0 {
		if l.idsOrPages && q.max != nil {
			return nil, nil, fault.New(fault.Invalid, "ec2.describe", "The parameter maxResults cannot be used with a list of ids in the same request").
				WithCode("InvalidParameterCombination")
		}
		if rows, err = named(v, l, q.ids); err != nil {
			return nil, nil, err
		}
	}
	var out []T
	for r := range rows {
		if l.id(r) <= after || !holds(v, r, conditions) {
			continue
		}
		if len(out) == size {
			return out, token(l.id(out[size-1])), nil
		}
		out = append(out, r)
	}
	return out, nil, nil
}

// named are the resources with the ids, each once and in order.
func named[T any](v *view, l listing[T], ids []string) (iter.Seq[T], error) {
	rows, err := fault.All(ids, func(id string) (T, error) { return l.get(v, id) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b T) int { return strings.Compare(l.id(a), l.id(b)) })
	rows = slices.CompactFunc(rows, func(a, b T) bool { return l.id(a) == l.id(b) })
	return slices.Values(rows), nil
}

// page is the page's size and the id that it comes after.
func (q *query) page() (size int, after string, err error) {
	size = maxPage
	if q.max != nil {
		size = int(*q.max)
		if size < minPage {
			return 0, "", invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", size, minPage)
		}
		if size > maxPage {
			return 0, "", invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value smaller than %d.", size, maxPage)
		}
	}
	after, err = readToken(q.token)
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
