package network

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
)

// tokenLife is how long a client token is remembered.
const tokenLife = 24 * time.Hour

// plan is one verb at work: a private copy of the state, and the changes that make it of the state it began with.
// A verb that returns an error leaves nothing of its plan.
type plan struct {
	State
	scope  scope.Scope
	now    time.Time
	limits *Limits
	// hostTarget says which addresses of the server's host may be targets of endpoint services; nil means none.
	hostTarget func(netip.AddrPort) bool
	// draw is Config.Draw.
	draw    func(int) int
	changes []record
	deleted []bool
	// judged says that the judge has to see a new snapshot.
	judged bool
}

func newPlan(s *State, scope scope.Scope, now time.Time, limits *Limits) *plan {
	p := &plan{State: *s, scope: scope, now: now, limits: limits}
	p.disown()
	return p
}

// disown makes every table copy its rows before the next change.
func (s *State) disown() {
	s.vpcs.owned, s.subnets.owned, s.tables.owned, s.gateways.owned = false, false, false, false
	s.acls.owned, s.groups.owned, s.interfaces.owned, s.endpoints.owned = false, false, false, false
	s.dhcp.owned = false
	s.services.owned, s.notifications.owned = false, false
	s.lists.owned, s.peerings.owned, s.tokens.owned, s.addresses.owned = false, false, false, false
	s.resolvers.owned, s.resolverRules.owned = false, false
	s.elasticIPs.owned, s.natGateways.owned, s.flowLogs.owned = false, false, false
}

// put plans a new or changed record.
func (p *plan) put(r record) {
	p.judged = true
	p.note(r)
}

// note plans a change that the judge need not hear of at once.
func (p *plan) note(r record) {
	p.State.put(r)
	p.changes = append(p.changes, r)
	p.deleted = append(p.deleted, false)
}

// remove plans that a record goes.
func (p *plan) remove(r record) {
	p.judged = true
	p.forget(r)
}

// forget plans that a record goes of which the judge does not know.
func (p *plan) forget(r record) {
	p.State.remove(r)
	p.changes = append(p.changes, r)
	p.deleted = append(p.deleted, true)
}

// encode gives the changes their stored form. Of several changes to one record only the last is written.
func (p *plan) encode() ([]Change, error) {
	last := make(map[recordKey]int, len(p.changes))
	for i, r := range p.changes {
		last[recordKey{r.kind(), r.key()}] = i
	}
	out := make([]Change, 0, len(last))
	for i, r := range p.changes {
		if last[recordKey{r.kind(), r.key()}] != i {
			continue
		}
		c := Change{Record: Record{Kind: r.kind(), ID: r.key()}, Delete: p.deleted[i]}
		if !c.Delete {
			body, err := json.Marshal(r)
			if err != nil {
				return nil, fmt.Errorf("encode %s %s: %w", c.Kind, c.ID, err)
			}
			c.Body = body
		}
		out = append(out, c)
	}
	return out, nil
}

// meta begins a new record.
func (p *plan) meta(prefix string, tags []Tag) Meta {
	return Meta{ID: newID(prefix), Account: p.scope.Account, Region: p.scope.Region, Created: p.now, Tags: tags}
}

// recall returns the id of what an earlier request with the client token made, "" if there was none. The same token
// with another request is refused.
func (p *plan) recall(verb, token string, request any) (string, error) {
	if token == "" {
		return "", nil
	}
	if len(token) > 64 {
		return "", invalidValue("Value (%s) for parameter clientToken is invalid. It has more than 64 characters.", token)
	}
	t, ok := p.tokens.get(p.tokenID(verb, token))
	if !ok || t.Expires.Before(p.now) {
		return "", nil
	}
	if t.Request != digest(request) {
		return "", refuse(fault.Conflict, "IdempotentParameterMismatch",
			"The client token '%s' was used before with other parameters", token)
	}
	return t.Result, nil
}

// remember keeps the result of a request with a client token, and drops tokens that have expired.
func (p *plan) remember(verb, token string, request any, result string) {
	if token == "" {
		return
	}
	for _, t := range p.expired(p.now) {
		p.forget(t)
	}
	p.note(&Token{ID: p.tokenID(verb, token), Request: digest(request), Result: result, Expires: p.now.Add(tokenLife)})
}

// asked is a request that may carry a client token.
type asked struct {
	verb, token string
	request     any
}

// once makes what was asked for, or finds what the same request with the same client token has made.
func once[R interface{ key() string }](p *plan, a asked, all *table[R], create func() (R, error)) (R, error) {
	id, err := p.recall(a.verb, a.token, a.request)
	if err != nil {
		var none R
		return none, err
	}
	if r, ok := all.get(id); ok {
		return r, nil
	}
	r, err := create()
	if err == nil {
		p.remember(a.verb, a.token, a.request, r.key())
	}
	return r, err
}

func (p *plan) tokenID(verb, token string) string {
	return p.scope.Account + "/" + p.scope.Region + "/" + verb + "/" + token
}

func digest(request any) string {
	text, err := json.Marshal(request)
	if err != nil {
		panic(fmt.Sprintf("network: request %T is not JSON: %v", request, err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

type recordKey struct {
	kind Kind
	id   string
}
