// Package page cuts lists into pages. A page's token holds the key of its last row, so that no row that stays in the
// list is missed or repeated while others come and go; it belongs to one operation, caller's account and set of
// filters, and any other is refused.
package page

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"postern/api"
	"postern/aws/fault"
)

// The members by which requests ask for a page. They do not change which rows there are.
var (
	sizeMembers  = []string{"MaxResults", "MaxItems", "MaxBuckets", "Limit"}
	tokenMembers = []string{"NextToken", "ContinuationToken", "Marker"}
)

// Page describes what a request asks for: so many rows after a key.
type Page struct {
	// Size is the most rows that the page holds.
	Size int
	// After is the key of the last row of the page before; empty for the first page.
	After string

	binding [sha256.Size]byte
	code    string
}

// Read reads a request's paging members, whatever the service calls them. Size is the request's, or most where it does
// not say. A token that no answer to the same question held is refused with the service's TokenCode.
func Read(c *api.Call, in any, most int) (Page, error) {
	v := reflect.ValueOf(in).Elem()
	p := Page{Size: most, binding: bind(c, v)}
	if c.Service != nil {
		p.code = c.Service.TokenCode
	}
	for _, name := range sizeMembers {
		if n, ok := member[*int32](v, name); ok && n != nil {
			p.Size = int(*n)
		}
	}
	for _, name := range tokenMembers {
		text, ok := member[*string](v, name)
		if !ok || text == nil || *text == "" {
			continue
		}
		if p.After, ok = p.open(*text); !ok {
			return p, p.refuse(name)
		}
	}
	return p, nil
}

func member[T any](v reflect.Value, name string) (value T, ok bool) {
	if f := v.FieldByName(name); f.IsValid() {
		value, ok = f.Interface().(T)
	}
	return value, ok
}

func (p *Page) refuse(member string) error {
	f := fault.New(fault.Invalid, "page.Read", "%s is not one that a previous answer to this request held", member)
	if p.code != "" {
		return f.WithCode(p.code)
	}
	return f
}

// bind digests the question that a token belongs to: operation, account, region and all members but those of paging.
func bind(c *api.Call, in reflect.Value) [sha256.Size]byte {
	asked := reflect.New(in.Type()).Elem()
	asked.Set(in)
	for _, name := range slices.Concat(sizeMembers, tokenMembers, []string{"DryRun"}) {
		if f := asked.FieldByName(name); f.IsValid() {
			f.SetZero()
		}
	}
	text, err := json.Marshal(asked.Interface()) // maps are written in the order of their keys
	if err != nil {
		panic(fmt.Sprintf("page: %s: %v", in.Type(), err)) // an input holds what came over the wire
	}
	h := sha256.New()
	for _, part := range []string{in.Type().String(), c.Account, c.Region, string(text)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// sealSize is how many bytes of the seal stand before the key. The seal finds tokens that were changed or belong to
// another request. It is no secret: who forges one skips rows of a list that is open to him.
const sealSize = 12

var encoding = base64.RawURLEncoding.Strict()

func (p *Page) seal(key string) []byte {
	sum := sha256.Sum256(append(p.binding[:], key...))
	return sum[:sealSize]
}

// Token makes the token of the page that begins after a row with this key.
func (p *Page) Token(key string) *string {
	text := encoding.EncodeToString(append(p.seal(key), key...))
	return &text
}

func (p *Page) open(token string) (key string, ok bool) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) <= sealSize {
		return "", false
	}
	key = string(b[sealSize:])
	return key, subtle.ConstantTimeCompare(b[:sealSize], p.seal(key)) == 1
}

// Place reads a key that TokenAt wrote into place, a pointer; on the first page it leaves place as it is.
func (p *Page) Place(place any) error {
	if p.After == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(p.After), place); err != nil {
		return fmt.Errorf("read a sealed place: %w", err)
	}
	return nil
}

// TokenAt makes the token of the page that begins after a place, for lists that are not kept in memory and are read
// from a place on.
func (p *Page) TokenAt(place any) *string {
	key, err := json.Marshal(place)
	if err != nil {
		panic(fmt.Sprintf("page: %T: %v", place, err)) // a place is made of texts, numbers and times
	}
	return p.Token(string(key))
}

// Cut returns the page's rows in the order of their keys, and the next page's token if there is a next one. A key tells
// rows apart and never changes. The list itself is left as it is.
func Cut[T any](p Page, all []T, key func(T) string) (rows []T, next *string) {
	type keyed struct {
		key string
		row T
	}
	var rest []keyed
	for _, row := range all {
		if k := key(row); k > p.After || p.After == "" {
			rest = append(rest, keyed{k, row})
		}
	}
	slices.SortStableFunc(rest, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	if len(rest) > p.Size {
		rest = rest[:p.Size]
		if p.Size > 0 {
			next = p.Token(rest[p.Size-1].key)
		}
	}
	rows = make([]T, len(rest))
	for i := range rest {
		rows[i] = rest[i].row
	}
	return rows, next
}

// Of reads a request's page and cuts it out of a list.
func Of[T any](c *api.Call, in any, most int, all []T, key func(T) string) (rows []T, next *string, err error) {
	p, err := Read(c, in, most)
	if err != nil {
		return nil, nil, err
	}
	rows, next = Cut(p, all, key)
	return rows, next, nil
}

// Ascending is a key of numbers from 0, and Descending one whose order is from the largest to the smallest.
func Ascending(n int64) string { return fmt.Sprintf("%016x", uint64(n)) }

// Descending is the key of lists that begin with the newest.
func Descending(n int64) string { return fmt.Sprintf("%016x", ^uint64(n)) }
