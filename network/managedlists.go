package network

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// CreatePrefixListInput is a managed prefix list to be made.
type CreatePrefixListInput struct {
	// Name has at most 255 characters and does not begin with "com.amazonaws".
	Name string
	// MaxEntries is how many entries it may ever have, from 1.
	MaxEntries int
	Entries    []PrefixListEntry
	Tags       []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreatePrefixList makes a managed prefix list, of IPv4 ranges, at version 1.
func (s *Service) CreatePrefixList(ctx context.Context, c scope.Scope, in CreatePrefixListInput) (*PrefixList, error) {
	var made *PrefixList
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{
			"CreateManagedPrefixList", in.Token, in,
		}, prefixListKind, func() (*PrefixList, error) { return p.createList(in) })
		return err
	})
	return made, err
}

func (p *plan) createList(in CreatePrefixListInput) (*PrefixList, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := p.checkListSize(in.MaxEntries); err != nil {
		return nil, err
	}
	l := &PrefixList{Meta: p.meta("pl", tags), MaxEntries: in.MaxEntries, Version: 1}
	if err := l.rename(in.Name); err != nil {
		return nil, err
	}
	if err := l.change(in.Entries, nil); err != nil {
		return nil, err
	}
	p.put(l)
	return l, nil
}

func (p *plan) checkListSize(n int) error {
	if n < 1 || n > p.limits.EntriesPerList {
		return invalidValue("Value (%d) for parameter maxEntries is invalid. It must be between 1 and %d", n,
			p.limits.EntriesPerList)
	}
	return nil
}

func (l *PrefixList) rename(name string) error {
	switch {
	case name == "":
		return missing("prefixListName")
	case len(name) > 255 || strings.HasPrefix(name, "com.amazonaws"):
		return invalidValue("Value (%s) for parameter prefixListName is invalid. It has at most 255 characters and does "+
			"not begin with com.amazonaws.", name)
	}
	l.Name = name
	return nil
}

// change takes entries from the list, a copy, and then adds others. One that is there gets its new description.
func (l *PrefixList) change(add []PrefixListEntry, remove []netip.Prefix) error {
	for _, gone := range remove {
		i := l.find(gone)
		if i < 0 {
			return invalidValue("The entry %s is not in the prefix list %s", gone, l.ID)
		}
		l.Entries = slices.Delete(l.Entries, i, i+1)
	}
	for i, e := range add {
		e.CIDR = e.CIDR.Masked()
		switch {
		case !e.CIDR.Addr().Is4():
			return invalidValue("The entry %s is no IPv4 range", add[i].CIDR)
		case len(e.Description) > 255:
			return invalidValue("The description of %s has more than 255 characters", e.CIDR)
		case slices.ContainsFunc(add[:i], func(o PrefixListEntry) bool { return o.CIDR.Masked() == e.CIDR }):
			return invalidValue("The entry %s is given twice", e.CIDR)
		}
		if at := l.find(e.CIDR); at >= 0 {
			l.Entries[at] = e
			continue
		}
		l.Entries = append(l.Entries, e)
	}
	if len(l.Entries) > l.MaxEntries {
		return overLimit("PrefixListMaxEntriesExceeded", "The prefix list %s has at most %d entries, not %d", l.ID,
			l.MaxEntries, len(l.Entries))
	}
	return nil
}

func (l *PrefixList) find(cidr netip.Prefix) int {
	return slices.IndexFunc(l.Entries, func(e PrefixListEntry) bool { return e.CIDR == cidr.Masked() })
}

// PrefixListChange says what ModifyPrefixList changes; what is empty or nil stays.
type PrefixListChange struct {
	Add        []PrefixListEntry
	Remove     []netip.Prefix
	Name       *string
	MaxEntries *int
	// Version is the one that the caller has seen; needed to change entries.
	Version *int64
}

// ModifyPrefixList changes a prefix list: all that is asked for or nothing. Rules and routes that name it follow at
// once. A change of entries makes a new version.
func (s *Service) ModifyPrefixList(
	ctx context.Context, c scope.Scope, id string, change PrefixListChange,
) (*PrefixList, error) {
	var made *PrefixList
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.ownList(id)
		if err != nil {
			return err
		}
		l := *old
		l.Entries, l.Modified = slices.Clone(old.Entries), true
		made = &l
		if change.Name != nil {
			if err := l.rename(*change.Name); err != nil {
				return err
			}
		}
		entries := len(change.Add)+len(change.Remove) > 0
		switch {
		case change.MaxEntries != nil && entries:
			return invalidValue("The size and the entries of %s cannot be changed in one request", id)
		case change.MaxEntries != nil:
			if err := p.checkListSize(*change.MaxEntries); err != nil {
				return err
			}
			l.MaxEntries = *change.MaxEntries
		case entries && change.Version == nil:
			return missing("currentVersion")
		case entries && *change.Version != old.Version:
			return refuse(fault.Conflict, "PrefixListVersionMismatch", "The prefix list %s has version %d, not %d", id,
				old.Version, *change.Version)
		case entries:
			l.Version++
		}
		if err := l.change(change.Add, change.Remove); err != nil {
			return err
		}
		p.put(made)
		return nil
	})
	return made, err
}

// ownList finds a prefix list that the caller may change: Amazon's own may not be.
func (p *plan) ownList(id string) (*PrefixList, error) {
	l, err := p.PrefixList(p.scope, id)
	if err == nil && l.Account == AmazonAccount {
		return nil, refuse(fault.Conflict, "OperationNotPermitted",
			"The prefix list %s is kept by Amazon and cannot be changed", id)
	}
	return l, err
}

// DeletePrefixList deletes a prefix list that no rule and no route names.
func (s *Service) DeletePrefixList(ctx context.Context, c scope.Scope, id string) (*PrefixList, error) {
	var gone *PrefixList
	err := s.do(ctx, c, func(p *plan) error {
		l, err := p.ownList(id)
		if err != nil {
			return err
		}
		if user := p.userOf(id); user != "" {
			return inUse("The prefix list '%s' has dependencies and cannot be deleted. %s depends on it.", id, user)
		}
		gone = l
		p.remove(l)
		return nil
	})
	return gone, err
}

// userOf names a security group or route table that refers to a prefix list of the plan's scope, or "".
func (p *plan) userOf(list string) string {
	as := record.Term{Value: p.scope.String(), Sort: list}
	if g, ok := groupsNaming.At(p.Tables, as); ok {
		return g.ID
	}
	if t, ok := tablesByList.At(p.Tables, as); ok {
		return t.ID
	}
	return ""
}
