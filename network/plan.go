package network

import (
	"net/netip"
	"time"

	"postern/aws/consent"
	"postern/aws/scope"
	"postern/record"
)

// plan is one verb at work on a private copy of the state. A verb that returns an error leaves nothing of its plan.
type plan struct {
	State
	changes *record.Plan
	scope   scope.Scope
	now     time.Time
	limits  *Limits
	// hostTarget says which addresses of the server's host may be targets of endpoint services; nil means none.
	hostTarget func(netip.AddrPort) bool
	// draw is Config.Draw.
	draw func(int) int
}

// put plans a new or changed record.
func (p *plan) put(r keyed) { r.kind().put(p.changes, r, false) }

// note plans a change that the judge need not hear of at once.
func (p *plan) note(r keyed) { r.kind().put(p.changes, r, true) }

// remove plans that a record goes.
func (p *plan) remove(r keyed) { r.kind().remove(p.changes, r, false) }

// forget plans that a record goes of which the judge does not know.
func (p *plan) forget(r keyed) { r.kind().remove(p.changes, r, true) }

// touched returns what the plan's changes do to the state that it began with: the records that they write, and what
// these begin and cease to name.
func (p *plan) touched() []consent.Touch {
	var out []consent.Touch
	for _, e := range p.changes.Edits() {
		out = append(out, kindNamed(e.Record().Kind).touched(p.scope, e)...)
	}
	return out
}

// meta begins a new record.
func (p *plan) meta(prefix string, tags []Tag) Meta {
	return Meta{ID: newID(prefix), Account: p.scope.Account, Region: p.scope.Region, Created: p.now, Tags: tags}
}
