package network

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// ResolverRule says what the resolvers of its VPCs do with the names of a domain.
type ResolverRule struct {
	Meta
	Name string `json:",omitempty"`
	// Domain is in lower case and without its last dot; empty is every name.
	Domain string
	// Forward sends questions on, from the outbound Endpoint to the Targets. A rule that does not is one of type SYSTEM.
	Forward  bool             `json:",omitempty"`
	Endpoint string           `json:",omitempty"`
	Targets  []netip.AddrPort `json:",omitempty"`
	Modified time.Time
	// Associations are the VPCs whose resolvers follow the rule.
	Associations []ResolverAssociation `json:",omitempty"`
	// CreatorRequest is the caller's own id of the request that made it, Request a digest of that request.
	CreatorRequest, Request string
}

// ResolverAssociation is a rule's hold on one VPC.
type ResolverAssociation struct {
	// ID is "rslvr-rrassoc-…".
	ID, VPC string
	Name    string `json:",omitempty"`
}

// rulesUsing has Resolver rules by their scope and what they say: their endpoint, their VPCs, who asked for them.
var rulesUsing = &record.Index[ResolverRule]{Grouped: true, Terms: func(r *ResolverRule) []record.Term {
	c := r.scope().String()
	terms := []record.Term{{Value: c, Sort: "request/" + r.CreatorRequest}}
	if r.Endpoint != "" {
		terms = append(terms, record.Term{Value: c, Sort: r.Endpoint})
	}
	for _, a := range r.Associations {
		terms = append(terms, record.Term{Value: c, Sort: a.VPC})
	}
	return terms
}}

var resolverRuleKind = declare(&kind[ResolverRule]{
	Kind: record.Kind[ResolverRule]{
		Name:    "resolver-rule",
		Indexes: []*record.Index[ResolverRule]{rulesUsing},
		Views:   func(_ *record.Tables, r *ResolverRule) []string { return []string{r.ID} },
	},
	resourceType: resourceType{prefix: "rslvr-rr", service: "route53resolver", name: "resolver-rule"},
	refs: func(r *ResolverRule) []string {
		out := []string{r.Endpoint}
		for _, a := range r.Associations {
			out = append(out, a.VPC)
		}
		return out
	},
	limit: &limit{
		of: func(*Limits) int { return maxResolverRules }, code: "LimitExceededException",
		message: "The maximum number of Resolver rules has been reached: LIMIT",
	},
	shared: func(_ *State, r *ResolverRule, out *vpc.Shared) {
		out.ResolverRules = append(out.ResolverRules, r.value())
	},
})

func (*ResolverRule) kind() declared { return resolverRuleKind }

// CreateResolverRuleInput is a Resolver rule to be made.
type CreateResolverRuleInput struct {
	Name, Domain string
	// Forward needs an outbound Endpoint and Targets; a system rule has neither.
	Forward  bool
	Endpoint string
	Targets  []netip.AddrPort
	Tags     []Tag
	// CreatorRequest makes the request idempotent, for as long as the rule is there.
	CreatorRequest string `json:"-"`
}

// CreateResolverRule makes a rule, which holds for no VPC yet.
func (s *Service) CreateResolverRule(
	ctx context.Context, c scope.Scope, in CreateResolverRuleInput,
) (*ResolverRule, error) {
	var made *ResolverRule
	err := s.doResolver(ctx, c, func(p *plan) error {
		if err := creatorRequest(in.CreatorRequest); err != nil {
			return err
		}
		asked := record.Term{Value: c.String(), Sort: "request/" + in.CreatorRequest}
		if r, ok := rulesUsing.At(p.Tables, asked); ok {
			if r.Request != digest(in) {
				return refuse(fault.Exists, "ResourceExistsException", "Resolver rule with creator request ID '%s' already exists",
					in.CreatorRequest)
			}
			made = r
			return nil
		}
		var err error
		made, err = p.createResolverRule(in)
		return err
	})
	return made, err
}

func (p *plan) createResolverRule(in CreateResolverRuleInput) (*ResolverRule, error) {
	tags, err := resolverTags(p.limits, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkResolverName(in.Name); err != nil {
		return nil, err
	}
	domain, err := resolverDomain(in.Domain)
	if err != nil {
		return nil, err
	}
	if err := resolverRuleKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
	}
	r := &ResolverRule{
		Meta: p.meta("rslvr-rr", tags), Name: in.Name, Domain: domain, Forward: in.Forward,
		Endpoint: in.Endpoint, Targets: in.Targets,
		Modified: p.now, CreatorRequest: in.CreatorRequest, Request: digest(in),
	}
	if err := p.checkResolverRule(r); err != nil {
		return nil, err
	}
	p.put(r)
	return r, nil
}

// checkResolverRule asks whether the rule's endpoint and targets are what one of its type has.
func (p *plan) checkResolverRule(r *ResolverRule) error {
	if !r.Forward {
		if r.Endpoint != "" || len(r.Targets) > 0 {
			return resolverRefuses("A rule of type SYSTEM has neither ResolverEndpointId nor TargetIps")
		}
		return nil
	}
	switch {
	case r.Endpoint == "":
		return resolverRefuses("A rule of type FORWARD needs a ResolverEndpointId")
	case len(r.Targets) == 0:
		return resolverRefuses("A rule of type FORWARD needs TargetIps")
	case len(r.Targets) > maxResolverTargets:
		return overLimit("LimitExceededException", "A rule has at most %d target IP addresses", maxResolverTargets)
	}
	e, err := p.ResolverEndpoint(p.scope, r.Endpoint)
	if err != nil {
		return err
	}
	if e.Direction != vpc.Outbound {
		return resolverRefuses("Resolver endpoint '%s' is not an outbound one, and a rule of type FORWARD needs one", e.ID)
	}
	for _, t := range r.Targets {
		a := t.Addr()
		if !a.Is4() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || t.Port() == 0 {
			return invalidResolver("The target %s is not the address and port of a DNS server", t)
		}
	}
	return nil
}

// resolverDomain reads the domain of a rule (RFC 1035, section 2.3.4).
func resolverDomain(text string) (string, error) {
	if text == "" {
		return "", invalidResolver("The request must contain the parameter DomainName")
	}
	domain := strings.ToLower(strings.TrimSuffix(text, "."))
	if domain == "" {
		return "", nil
	}
	ok := len(domain) <= 253
	for label := range strings.SplitSeq(domain, ".") {
		ok = ok && label != "" && len(label) <= 63 && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
	}
	if !ok {
		return "", invalidResolver("The domain name '%s' is not valid", text)
	}
	return domain, nil
}

// ResolverRule finds a rule.
func (s *State) ResolverRule(c scope.Scope, id string) (*ResolverRule, error) {
	if r, ok := resolverRuleKind.Get(s.Tables, id); ok && r.scope() == c {
		return r, nil
	}
	return nil, noResolver("Resolver rule", id)
}

// ResolverRules are the scope's rules.
func (s *State) ResolverRules(c scope.Scope) iter.Seq[*ResolverRule] {
	return resolverRuleKind.scoped(s, c)
}

// ResolverRuleChange says what ModifyResolverRule changes; what is nil or empty stays.
type ResolverRuleChange struct {
	Name     *string
	Endpoint string
	Targets  []netip.AddrPort
}

// ModifyResolverRule changes a rule.
func (s *Service) ModifyResolverRule(
	ctx context.Context, c scope.Scope, id string, change ResolverRuleChange,
) (*ResolverRule, error) {
	return s.changeResolverRule(ctx, c, id, func(p *plan, r *ResolverRule) error {
		r.Modified = p.now
		if change.Name != nil {
			r.Name = *change.Name
		}
		if change.Endpoint != "" {
			r.Endpoint = change.Endpoint
		}
		if len(change.Targets) > 0 {
			r.Targets = change.Targets
		}
		if err := checkResolverName(r.Name); err != nil {
			return err
		}
		return p.checkResolverRule(r)
	})
}

func (s *Service) changeResolverRule(
	ctx context.Context, c scope.Scope, id string, change func(*plan, *ResolverRule) error,
) (*ResolverRule, error) {
	var r ResolverRule
	err := s.doResolver(ctx, c, func(p *plan) error {
		old, err := p.ResolverRule(c, id)
		if err != nil {
			return err
		}
		r = *old
		r.Associations = slices.Clone(old.Associations)
		if err := change(p, &r); err != nil {
			return err
		}
		p.put(&r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// DeleteResolverRule deletes a rule that holds for no VPC.
func (s *Service) DeleteResolverRule(ctx context.Context, c scope.Scope, id string) (*ResolverRule, error) {
	var gone *ResolverRule
	err := s.doResolver(ctx, c, func(p *plan) error {
		r, err := p.ResolverRule(c, id)
		if err != nil {
			return err
		}
		if len(r.Associations) > 0 {
			return refuse(fault.InUse, "ResourceInUseException",
				"Please disassociate this resolver rule from VPC %s first before deleting", r.Associations[0].VPC)
		}
		gone = r
		p.remove(r)
		return nil
	})
	return gone, err
}

// AssociateResolverRule has a VPC's resolver follow a rule. Of the rules for one domain it follows one.
func (s *Service) AssociateResolverRule(
	ctx context.Context, c scope.Scope, id, vpcID, name string,
) (ResolverAssociation, error) {
	made := ResolverAssociation{VPC: vpcID, Name: name}
	_, err := s.changeResolverRule(ctx, c, id, func(p *plan, r *ResolverRule) error {
		if err := checkResolverName(name); err != nil {
			return err
		}
		if _, err := p.VPC(c, vpcID); err != nil {
			return refuse(fault.NotFound, "ResourceNotFoundException", "The vpc ID '%s' does not exist", vpcID)
		}
		for other := range rulesUsing.FindTerm(p.Tables, record.Term{Value: c.String(), Sort: vpcID}) {
			if other.Domain != r.Domain {
				continue
			}
			if other.ID == id {
				return refuse(fault.Exists, "ResourceExistsException", "Resolver rule '%s' is associated with VPC '%s' already", id,
					vpcID)
			}
			return resolverRefuses("Cannot associate rules with same domain name with same VPC. Conflict with resolver rule "+
				"'%s'", other.ID)
		}
		made.ID = newID("rslvr-rrassoc")
		r.Associations = append(r.Associations, made)
		return nil
	})
	return made, err
}

func (r *ResolverRule) association(vpcID string) int {
	return slices.IndexFunc(r.Associations, func(a ResolverAssociation) bool { return a.VPC == vpcID })
}

// DisassociateResolverRule ends a rule's hold on a VPC.
func (s *Service) DisassociateResolverRule(
	ctx context.Context, c scope.Scope, id, vpcID string,
) (ResolverAssociation, error) {
	var gone ResolverAssociation
	_, err := s.changeResolverRule(ctx, c, id, func(_ *plan, r *ResolverRule) error {
		i := r.association(vpcID)
		if i < 0 {
			return refuse(fault.NotFound, "ResourceNotFoundException",
				"Resolver Rule Association between Resolver Rule '%s' and VPC '%s' does not exist", id, vpcID)
		}
		gone = r.Associations[i]
		r.Associations = slices.Delete(r.Associations, i, i+1)
		return nil
	})
	return gone, err
}

// leaveRules ends the hold of rules on a VPC that goes.
func (p *plan) leaveRules(v *VPC) {
	for old := range rulesUsing.FindTerm(p.Tables, record.Term{Value: v.scope().String(), Sort: v.ID}) {
		i := old.association(v.ID)
		r := *old
		r.Associations = slices.Delete(slices.Clone(old.Associations), i, i+1)
		p.put(&r)
	}
}

// ResolverTags are the tags of a Resolver endpoint or rule.
func (s *State) ResolverTags(c scope.Scope, id string) ([]Tag, error) {
	if r, err := s.ResolverRule(c, id); err == nil {
		return r.Tags, nil
	}
	e, err := s.ResolverEndpoint(c, id)
	if err != nil {
		return nil, noResolver("The resource", id)
	}
	return e.Tags, nil
}

// TagResolver puts tags on a Resolver endpoint or rule, over those it has, and takes others away.
func (s *Service) TagResolver(ctx context.Context, c scope.Scope, id string, more []Tag, gone []string) error {
	return s.doResolver(ctx, c, func(p *plan) error {
		old, err := p.ResolverTags(c, id)
		if err != nil {
			return err
		}
		if _, err := resolverTags(p.limits, more); err != nil {
			return err
		}
		tags, err := p.limits.withTags(old, more)
		if err != nil {
			return err
		}
		tags = slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(gone, t.Key) })
		if r, err := p.ResolverRule(c, id); err == nil {
			changed := *r
			changed.Tags = tags
			p.note(&changed)
			return nil
		}
		e, err := p.ResolverEndpoint(c, id)
		if err != nil {
			return err
		}
		changed := *e
		changed.Tags = tags
		p.note(&changed)
		return nil
	})
}

func (r *ResolverRule) value() vpc.ResolverRule {
	out := vpc.ResolverRule{ID: r.ID, Domain: r.Domain, Forward: r.Forward, Endpoint: r.Endpoint, Targets: r.Targets}
	for _, a := range r.Associations {
		out.VPCs = append(out.VPCs, a.VPC)
	}
	return out
}
