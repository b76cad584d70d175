package vpc

import (
	"slices"
	"strings"
)

const slotsPerPage = 64

// slotTable holds the compiled VPCs by number, in pages, so that a changed copy shares all pages but one.
type slotTable []*[slotsPerPage]*Compiled

// at returns the VPC at the slot, or nil.
func (t slotTable) at(slot int32) *Compiled {
	if page := int(slot / slotsPerPage); page < len(t) {
		return t[page][slot%slotsPerPage]
	}
	return nil
}

// set puts a VPC, or nil, at the slot. The table must be the caller's own, its pages need not.
func (t *slotTable) set(slot int32, c *Compiled) {
	page := new([slotsPerPage]*Compiled)
	switch i := int(slot / slotsPerPage); {
	case i < len(*t):
		*page = *(*t)[i]
		(*t)[i] = page
	default:
		*t = append(*t, page)
	}
	page[slot%slotsPerPage] = c
}

// all yields every VPC.
func (t slotTable) all(yield func(*Compiled) bool) {
	for _, page := range t {
		for _, c := range page {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// sorted returns every VPC in the order of their ids.
func (t slotTable) sorted() []*Compiled {
	all := slices.Collect(t.all)
	slices.SortFunc(all, func(a, b *Compiled) int { return strings.Compare(a.VPC.ID, b.VPC.ID) })
	return all
}
