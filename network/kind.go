package network

import (
	"iter"
	"strconv"
	"strings"
	"sync"

	"postern/aws/consent"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// kind declares one kind of record, in the file of its noun. Whatever has to know of all kinds walks kinds: a new kind
// is made by its declaration alone.
type kind[T any] struct {
	record.Kind[T]
	resourceType
	// inside returns the ids of what the record belongs to for as long as it is there, beside its scope: its VPC, its
	// subnet. They are groups of the record.
	inside func(*T) []string
	// refs returns the ids of what the record ties together beside itself, as far as policies are asked about them: to
	// write a record touches those that it begins or ceases to name. What follows from another of them is left out (the
	// VPC of an interface: its subnet says it), and so is what AWS asks nobody about: the peers of a group's rules, the
	// targets and prefix lists of routes, the accepter of a request for peering.
	refs func(*T) []string
	// limit bounds how many there may be; nil is no bound.
	limit *limit
	// twoOwners says that each of two accounts names the record by its own.
	twoOwners bool

	// holds reports whether the record keeps its VPC from being deleted.
	holds func(*T) bool
	// attached returns the records of a VPC where inside does not say it; see holds.
	attached func(*State, *VPC) iter.Seq[*T]
	// goes says that the records of a VPC are deleted with it.
	goes bool

	// content adds what the judge sees of a record to that of its VPC, which is the last of inside that is one.
	content func(*State, *T, *vpc.Content)
	// shared adds what the judge sees of a record that stands in no VPC.
	shared func(*State, *T, *vpc.Shared)
}

// resourceType says how Amazon names one type of resource, and how it speaks of it when an id is wrong. The codes are
// those of the EC2 API reference, "Error codes"; their spelling (ID, Id) follows no rule.
type resourceType struct {
	prefix string
	// second is another prefix that ids may have.
	second string
	// service and name are those of ARNs; without a service it is EC2's, whose name is that of tags too. Without a name
	// there are neither.
	service, name       string
	notFound, malformed string
	// missing has one %s, the id.
	missing string
}

// limit bounds how many records of a kind a group of them may have.
type limit struct {
	of func(*Limits) int
	// code and message are those of the error. In the message LIMIT is the limit and OF the group.
	code, message string
}

// declared is a kind of any type.
type declared interface {
	record.Declared
	typ() *resourceType

	put(p *record.Plan, r keyed, quiet bool)
	remove(p *record.Plan, r keyed, quiet bool)
	touched(c scope.Scope, e record.Edit) []consent.Touch
	taggable(s *State, c scope.Scope, id string) (taggable, error)
	tagged(s *State, c scope.Scope) iter.Seq[Tagged]
	holder(s *State, v *VPC) string
	leave(p *plan, v *VPC)
	fill(s *State, vpcID string, c *vpc.Content)
	share(s *State, id string, out *vpc.Shared)
	shareAll(s *State, out *vpc.Shared)
}

// keyed is any record.
type keyed interface {
	key() string
	kind() declared
}

// resource is a record that has an id of Amazon's form and belongs to a scope.
type resource interface {
	keyed
	meta() *Meta
}

// kinds are all kinds that are declared, in the order of their files.
var kinds []declared

// declare adds a kind to kinds. Its key and its groups follow from what it declares.
func declare[T any, P interface {
	*T
	keyed
}](k *kind[T]) *kind[T] {
	k.Key = func(r *T) string { return P(r).key() }
	k.Groups = func(r *T) []string {
		groups := make([]string, 0, 4)
		if m, ok := any(P(r)).(resource); ok {
			groups = append(groups, m.meta().scope().String())
		}
		if k.inside == nil {
			return groups
		}
		for _, id := range k.inside(r) {
			if id != "" {
				groups = append(groups, id)
			}
		}
		return groups
	}
	kinds = append(kinds, k)
	return k
}

// recordSet is the set of the kinds.
var recordSet = sync.OnceValue(func() *record.Set {
	all := make([]record.Declared, len(kinds))
	for i, k := range kinds {
		all[i] = k
	}
	return record.NewSet(all...)
})

// kindNamed returns the kind with a name.
func kindNamed(name string) declared {
	return named()[name]
}

var named = sync.OnceValue(func() map[string]declared {
	all := map[string]declared{}
	for _, k := range kinds {
		all[k.String()] = k
	}
	return all
})

// typed are the kinds and the parts of records that have types of their own, by the prefix of their ids.
var typed = sync.OnceValue(func() map[string]tagHolder {
	all := map[string]tagHolder{}
	for _, k := range kinds {
		all[k.typ().prefix] = k
		all[k.typ().second] = k
	}
	for _, part := range parts {
		all[part.typ().prefix] = part
	}
	delete(all, "")
	return all
})

// typeOf returns what has ids of such a form, nil where nothing has. What follows the prefix need not be well formed.
func typeOf(id string) tagHolder {
	for prefix := id; prefix != ""; {
		dash := strings.LastIndexByte(prefix, '-')
		if t := typed()[prefix]; t != nil {
			return t
		}
		prefix = prefix[:max(dash, 0)]
	}
	return nil
}

// kindOf returns the kind of records with ids of such a form, nil where there is none.
func kindOf(id string) declared {
	k, _ := typeOf(id).(declared)
	return k
}

func (t *resourceType) typ() *resourceType { return t }

func (k *kind[T]) put(p *record.Plan, r keyed, quiet bool) { k.Put(p, any(r).(*T), quiet) }

func (k *kind[T]) remove(p *record.Plan, r keyed, quiet bool) { k.Delete(p, r.key(), quiet) }

// metaOf returns what the record has of every resource; nil for one that is none.
func (k *kind[T]) metaOf(r *T) *Meta {
	if m, ok := any(r).(resource); ok {
		return m.meta()
	}
	return nil
}

// lookup finds a resource of the scope; every other scope's resources do not exist for it.
func (k *kind[T]) lookup(s *State, c scope.Scope, id string) (*T, error) {
	if r, ok := k.Get(s.Tables, id); ok && k.metaOf(r).scope() == c {
		return r, nil
	}
	return nil, k.unknown(id)
}

// scoped returns the resources of the scope in the order of their ids.
func (k *kind[T]) scoped(s *State, c scope.Scope) iter.Seq[*T] { return k.In(s.Tables, c.String()) }

// room returns an error where a group of records is at its limit.
func (k *kind[T]) room(p *plan, group string, more int) error {
	limit := k.limit.of(p.limits)
	if k.Fits(p.Tables, group, more, limit) {
		return nil
	}
	return k.limit.exceeded(limit, group)
}

func (l *limit) exceeded(limit int, of string) error {
	return overLimit(l.code, "%s", strings.NewReplacer("LIMIT", strconv.Itoa(limit), "OF", of).Replace(l.message))
}

// holder names a record that keeps the VPC from being deleted, or is "".
func (k *kind[T]) holder(s *State, v *VPC) string {
	if k.holds == nil {
		return ""
	}
	all := k.In(s.Tables, v.ID)
	if k.attached != nil {
		all = k.attached(s, v)
	}
	for r := range all {
		if k.holds(r) {
			return k.Key(r)
		}
	}
	return ""
}

// leave deletes what goes with a VPC.
func (k *kind[T]) leave(p *plan, v *VPC) {
	if !k.goes {
		return
	}
	for r := range k.In(p.Tables, v.ID) {
		k.Delete(p.changes, k.Key(r), false)
	}
}

// fill adds what the judge sees of the kind in a VPC.
func (k *kind[T]) fill(s *State, vpcID string, c *vpc.Content) {
	if k.content == nil {
		return
	}
	for r := range k.In(s.Tables, vpcID) {
		k.content(s, r, c)
	}
}

// share adds what the judge sees of a record that stands in no VPC, or that it is gone.
func (k *kind[T]) share(s *State, id string, out *vpc.Shared) {
	if k.shared == nil {
		return
	}
	if r, ok := k.Get(s.Tables, id); ok {
		k.shared(s, r, out)
		return
	}
	out.Gone = append(out.Gone, id)
}

// shareAll adds what the judge sees of the kind where it stands in no VPC.
func (k *kind[T]) shareAll(s *State, out *vpc.Shared) {
	if k.shared == nil {
		return
	}
	for r := range k.All(s.Tables) {
		k.shared(s, r, out)
	}
}

// touched returns the record that an edit writes, and what it begins and ceases to name. What a deleted record named is
// not touched: to delete a subnet changes nothing of its VPC.
func (k *kind[T]) touched(c scope.Scope, e record.Edit) (out []consent.Touch) {
	old, _ := e.Old().(*T)
	next, _ := e.New().(*T)
	some := next
	if some == nil {
		some = old
	}
	if some == nil {
		return nil
	}
	if m := k.metaOf(some); m != nil && !k.twoOwners {
		c = m.scope()
	}
	if name := resourceARN(c, k.Key(some)); name != "" {
		out = append(out, consent.Touch{Resource: name, Made: old == nil})
	}
	if next == nil || k.refs == nil {
		return out
	}
	var was []string
	if old != nil {
		was = k.refs(old)
	}
	for _, id := range difference(was, k.refs(next)) {
		if name := resourceARN(c, id); name != "" {
			out = append(out, consent.Touch{Resource: name})
		}
	}
	return out
}
