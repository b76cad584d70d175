package network

import (
	"context"
	"iter"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// Peering is a peering connection between two VPCs. Its scope is the requester's.
type Peering struct {
	Meta
	Requester, Accepter string
	// Active follows from Status.
	Active bool
	// RequesterDNS lets the accepter resolve the requester's host names to private addresses, AccepterDNS the other way.
	RequesterDNS, AccepterDNS       bool
	AccepterAccount, AccepterRegion string
	Status                          PeeringStatus `json:",omitempty"`
	StatusText                      string
	// Expires is when a request ends that nobody has accepted.
	Expires time.Time `json:",omitzero"`
	// Ended is when it came to its end, EndedBy the account that did it; "" is nobody.
	Ended   time.Time `json:",omitzero"`
	EndedBy string    `json:",omitempty"`
	// Unseen is the account that does not see it any more.
	Unseen string `json:",omitempty"`
}

// peeringsDue has peering connections by when something has to be done about them.
var peeringsDue = &record.Index[Peering]{Terms: func(p *Peering) []record.Term {
	due, ok := p.due()
	if !ok {
		return nil
	}
	return []record.Term{{Sort: record.Instant(due)}}
}}

var peeringKind = declare(&kind[Peering]{
	Kind: record.Kind[Peering]{
		Name:    "vpc-peering",
		Indexes: []*record.Index[Peering]{peeringsDue},
		// The routes of both VPCs that lead to it are black holes or not.
		Views: func(_ *record.Tables, p *Peering) []string { return []string{p.ID, p.Requester, p.Accepter} },
	},
	resourceType: resourceType{
		prefix: "pcx", name: "vpc-peering-connection",
		notFound: "InvalidVpcPeeringConnectionID.NotFound", malformed: "InvalidVpcPeeringConnectionId.Malformed",
		missing: "The vpcPeeringConnection ID '%s' does not exist",
	},
	inside: func(p *Peering) []string {
		ids := []string{p.Requester, p.Accepter}
		if p.accepterScope() != p.scope() {
			ids = append(ids, p.accepterScope().String())
		}
		return ids
	},
	refs:      func(p *Peering) []string { return []string{p.Requester} },
	twoOwners: true,
	holds:     func(p *Peering) bool { return !p.Dead() },
	shared: func(_ *State, p *Peering, out *vpc.Shared) {
		if p.Dead() { // its VPCs may be gone
			out.Gone = append(out.Gone, p.ID)
			return
		}
		out.Peerings = append(out.Peerings, p.value())
	},
})

func (*Peering) kind() declared { return peeringKind }

func (p *Peering) value() vpc.Peering {
	return vpc.Peering{
		ID: p.ID, Requester: p.Requester, Accepter: p.Accepter, Active: p.Active,
		RequesterDNS: p.RequesterDNS, AccepterDNS: p.AccepterDNS,
	}
}

// Peering finds a peering connection by its requester's scope.
func (s *State) Peering(c scope.Scope, id string) (*Peering, error) {
	return peeringKind.lookup(s, c, id)
}

// Peerings are the peering connections that the scope's VPCs requested.
func (s *State) Peerings(c scope.Scope) iter.Seq[*Peering] {
	return where(peeringKind.scoped(s, c), func(p *Peering) bool { return p.scope() == c })
}

// PeeringStatus is where a peering connection stands, as the EC2 API spells it.
type PeeringStatus string

// The statuses. Failed, rejected, expired and deleted peerings carry nothing and hold nobody back; they are seen for a
// while.
const (
	PeeringPending  PeeringStatus = "pending-acceptance"
	PeeringActive   PeeringStatus = "active"
	PeeringFailed   PeeringStatus = "failed"
	PeeringRejected PeeringStatus = "rejected"
	PeeringExpired  PeeringStatus = "expired"
	PeeringDeleted  PeeringStatus = "deleted"
)

// peeringLife is how long a request waits to be accepted (VPC peering guide, "VPC peering connection lifecycle").
const peeringLife = 7 * 24 * time.Hour

// How long a peering connection is seen after its end: by the account that ended it, and where both sides are one
// account's or nobody could do anything, shortly; by the other side, and after nobody answered, longer (VPC peering
// guide, "VPC peering connection lifecycle").
const (
	endSeenShortly = 2 * time.Hour
	endSeenLonger  = 2 * 24 * time.Hour
)

const overlaps = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"

// Dead reports whether the peering connection has come to its end and can carry nothing any more.
func (p *Peering) Dead() bool {
	switch p.Status {
	case PeeringFailed, PeeringRejected, PeeringExpired, PeeringDeleted:
		return true
	}
	return false
}

// end brings the peering connection to its end. by is the account that did it, "" is nobody.
func (p *Peering) end(status PeeringStatus, text, by string, now time.Time) {
	p.Status, p.StatusText, p.Active = status, text, false
	p.Ended, p.EndedBy = now, by
}

// seenFor is how long after its end an account sees the peering connection.
func (p *Peering) seenFor(account string) time.Duration {
	switch {
	case p.Status == PeeringExpired:
		return endSeenLonger
	case p.Status == PeeringFailed, p.Account == p.AccepterAccount, p.EndedBy == account:
		return endSeenShortly
	}
	return endSeenLonger
}

// of reports whether the scope is one of the two sides and sees the peering connection still.
func (p *Peering) of(c scope.Scope) bool {
	return (p.scope() == c || p.accepterScope() == c) && (p.Unseen == "" || p.Unseen != c.Account)
}

// accepterScope returns the scope of the accepting side.
func (p *Peering) accepterScope() scope.Scope {
	return scope.Scope{Account: p.AccepterAccount, Region: p.AccepterRegion}
}

// CreatePeeringInput is a peering connection to be asked for.
type CreatePeeringInput struct {
	// Requester is a VPC of the caller, Accepter one of Peer.
	Requester, Accepter string
	// Peer is whose the other VPC is; what is empty is the caller's own.
	Peer scope.Scope
	Tags []Tag
}

// CreatePeering asks for a peering connection. It carries nothing until the other side accepts it. One between ranges
// that overlap fails at once: it is returned as failed.
func (s *Service) CreatePeering(ctx context.Context, c scope.Scope, in CreatePeeringInput) (*Peering, error) {
	var made *Peering
	err := s.do(ctx, c, func(p *plan) (err error) {
		made, err = p.createPeering(in)
		return err
	})
	return made, err
}

func (p *plan) createPeering(in CreatePeeringInput) (*Peering, error) {
	tags, err := p.limits.cleanTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if in.Peer.Account == "" {
		in.Peer.Account = p.scope.Account
	}
	if in.Peer.Region == "" {
		in.Peer.Region = p.scope.Region
	}
	requester, err := p.VPC(p.scope, in.Requester)
	if err != nil {
		return nil, err
	}
	accepter, err := p.VPC(in.Peer, in.Accepter)
	if err != nil {
		return nil, err
	}
	if requester.ID == accepter.ID {
		return nil, invalidParameter("The VPCs of a peering connection must be different: %s", requester.ID)
	}
	for other := range peeringKind.In(p.Tables, requester.ID) {
		if !other.Dead() && other.joins(requester.ID, accepter.ID) {
			return nil, refuse(fault.Exists, "VpcPeeringConnectionAlreadyExists", "A VPC peering connection between %s and "+
				"%s exists: %s",
				requester.ID, accepter.ID, other.ID)
		}
	}
	made := &Peering{
		Meta: p.meta("pcx", tags), Requester: requester.ID, Accepter: accepter.ID,
		AccepterAccount: in.Peer.Account, AccepterRegion: in.Peer.Region,
		Status: PeeringPending, StatusText: "Pending Acceptance by " + in.Peer.Account, Expires: p.now.Add(peeringLife),
	}
	if requester.overlaps(accepter) {
		made.end(PeeringFailed, overlaps, "", p.now)
	}
	p.put(made)
	return made, nil
}

func (p *Peering) joins(a, b string) bool {
	return p.Requester == a && p.Accepter == b || p.Requester == b && p.Accepter == a
}

func (v *VPC) overlaps(w *VPC) bool {
	for _, a := range v.Blocks {
		for _, b := range w.Blocks {
			if a.CIDR.Overlaps(b.CIDR) {
				return true
			}
		}
	}
	return false
}

// PeeringOf finds a peering connection that the scope requested or may accept.
func (s *State) PeeringOf(c scope.Scope, id string) (*Peering, error) {
	if p, ok := peeringKind.Get(s.Tables, id); ok && p.of(c) {
		return p, nil
	}
	return nil, peeringKind.unknown(id)
}

// PeeringsOf are the peering connections that the scope requested or may accept, in the order of their ids.
func (s *State) PeeringsOf(c scope.Scope) iter.Seq[*Peering] {
	return where(peeringKind.scoped(s, c), func(p *Peering) bool { return p.of(c) })
}

// AnyVPC finds a VPC of any scope, for what the two sides of a peering connection show of each other.
func (s *State) AnyVPC(id string) (*VPC, bool) { return vpcKind.Get(s.Tables, id) }

// AcceptPeering accepts a request, as the other side. It then carries what routes send to it.
func (s *Service) AcceptPeering(ctx context.Context, c scope.Scope, id string) (*Peering, error) {
	return s.answerPeering(ctx, c, id, peeringAnswer{
		"accept", "accepted", "provisioning",
	}, func(p *plan, changed *Peering) {
		changed.Status, changed.StatusText, changed.Active = PeeringActive, "Active", true
		requester, _ := vpcKind.Get(p.Tables, changed.Requester)
		accepter, _ := vpcKind.Get(p.Tables, changed.Accepter)
		if requester.overlaps(accepter) { // since the request was made
			changed.end(PeeringFailed, overlaps, "", p.now)
		}
	})
}

// RejectPeering rejects a request, as the other side.
func (s *Service) RejectPeering(ctx context.Context, c scope.Scope, id string) error {
	_, err := s.answerPeering(ctx, c, id, peeringAnswer{
		"reject", "accepted or rejected", "rejected",
	}, func(p *plan, changed *Peering) {
		changed.end(PeeringRejected, "Rejected by "+c.Account, c.Account, p.now)
	})
	return err
}

// peeringAnswer is how Amazon's errors speak of an answer to a request for peering, and what it would have become.
type peeringAnswer struct{ verb, done, next string }

func (s *Service) answerPeering(
	ctx context.Context, c scope.Scope, id string, a peeringAnswer, answer func(*plan, *Peering),
) (*Peering, error) {
	var made *Peering
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.PeeringOf(c, id)
		if err != nil {
			return err
		}
		if old.AccepterAccount != c.Account {
			return refuseOperation("User (%s) cannot %s peering %s. Account %s answers it, in %s.", c.Account, a.verb, id,
				old.AccepterAccount, old.AccepterRegion)
		}
		if old.AccepterRegion != c.Region {
			return refuseOperation("Incorrect region (%s) specified for this request. VPC peering connection %s must be %s "+
				"in region %s",
				c.Region, id, a.done, old.AccepterRegion)
		}
		if status := old.Status; status != PeeringPending || !old.Expires.After(p.now) {
			if status == PeeringPending {
				status = PeeringExpired
			}
			return transition(id, status, a.next)
		}
		changed := *old
		answer(p, &changed)
		made = &changed
		p.put(made)
		return nil
	})
	return made, err
}

func transition(id string, from PeeringStatus, to string) error {
	return refuse(fault.Conflict, "InvalidStateTransition",
		"Invalid state transition for %s, attempted to transition from %s to %s", id, from, to)
}

// PeeringDNS says which sides let the other resolve their host names to private addresses; nil leaves a side as it is.
type PeeringDNS struct{ Requester, Accepter *bool }

// ModifyPeering changes the options of an active peering connection. Each side changes its own.
func (s *Service) ModifyPeering(ctx context.Context, c scope.Scope, id string, dns PeeringDNS) (*Peering, error) {
	var made *Peering
	err := s.do(ctx, c, func(p *plan) error {
		old, err := p.PeeringOf(c, id)
		if err != nil {
			return err
		}
		if old.Status != PeeringActive {
			return refuse(fault.Conflict, "OperationNotPermitted",
				"Peering %s is not active. Peering options can be added only to active peerings.", id)
		}
		if dns.Requester != nil && old.scope() != c || dns.Accepter != nil && old.accepterScope() != c {
			return refuse(fault.Conflict, "OperationNotPermitted",
				"Each side of %s changes its own options, from its own account and region", id)
		}
		changed := *old
		if dns.Requester != nil {
			changed.RequesterDNS = *dns.Requester
		}
		if dns.Accepter != nil {
			changed.AccepterDNS = *dns.Accepter
		}
		made = &changed
		p.put(made)
		return nil
	})
	return made, err
}

// DeletePeering ends a peering connection, from either side. Routes to it become black holes, and rules that name
// groups of the other VPC stale. What has ended already is not deleted.
func (s *Service) DeletePeering(ctx context.Context, c scope.Scope, id string) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.PeeringOf(c, id)
		if err != nil {
			return err
		}
		if old.Dead() {
			return transition(id, old.Status, "deleting")
		}
		changed := *old
		changed.end(PeeringDeleted, "Deleted by "+c.Account, c.Account, p.now)
		p.put(&changed)
		return nil
	})
}

// due returns when the next thing has to be done about the peering connection: to end a request that nobody has
// accepted, or to let one side or both see it no more.
func (p *Peering) due() (at time.Time, ok bool) {
	if p.Status == PeeringPending {
		return p.Expires, true
	}
	if !p.Dead() {
		return time.Time{}, false
	}
	sides := []string{p.Account, p.AccepterAccount}
	if p.Unseen != "" && p.Account != p.AccepterAccount {
		sides = slices.DeleteFunc(sides, func(account string) bool { return account == p.Unseen })
	}
	for i, account := range sides {
		if end := p.Ended.Add(p.seenFor(account)); i == 0 || end.Before(at) {
			at = end
		}
	}
	return at, true
}

// expirePeerings ends the requests that nobody has accepted in time, and drops the peering connections that ended long
// enough ago, for one side before the other where the two are not one.
func (p *plan) expirePeerings() {
	for old := range peeringsDue.Until(p.Tables, "", record.Instant(p.now.Add(1))) {
		if old.Status == PeeringPending {
			changed := *old
			changed.end(PeeringExpired, "Expired", "", p.now)
			p.put(&changed)
			continue
		}
		age := p.now.Sub(old.Ended)
		requester, accepter := age >= old.seenFor(old.Account), age >= old.seenFor(old.AccepterAccount)
		switch {
		case requester && accepter:
			p.forget(old)
		case requester && old.Unseen == "":
			p.unsee(old, old.Account)
		case accepter && old.Unseen == "":
			p.unsee(old, old.AccepterAccount)
		}
	}
}

func (p *plan) unsee(old *Peering, account string) {
	changed := *old
	changed.Unseen = account
	p.note(&changed)
}

// peeredRange refuses a new range of a VPC that one with an active peering connection to it has.
func (p *plan) peeredRange(v *VPC) error {
	for pcx := range peeringKind.In(p.Tables, v.ID) {
		other := pcx.Requester
		if other == v.ID {
			other = pcx.Accepter
		} else if pcx.Accepter != v.ID {
			continue
		}
		if w, ok := vpcKind.Get(p.Tables, other); ok && pcx.Active && v.overlaps(w) {
			return refuse(fault.Conflict, "CidrConflict", "The CIDR conflicts with one of %s, which %s joins to %s", other,
				pcx.ID, v.ID)
		}
	}
	return nil
}
