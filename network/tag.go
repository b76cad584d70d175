package network

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/scope"
)

// cleanTags checks tags that a caller gives and brings them into order. Of several with one key it is an error.
func (l *Limits) cleanTags(tags []Tag) ([]Tag, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	if len(tags) > l.TagsPerResource {
		return nil, overLimit("TagLimitExceeded", "The maximum number of tags per resource is %d", l.TagsPerResource)
	}
	out := slices.Clone(tags)
	slices.SortFunc(out, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	for i, t := range out {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if i > 0 && out[i-1].Key == t.Key {
			return nil, invalidValue("Duplicate tag key '%s' specified.", t.Key)
		}
	}
	return out, nil
}

func checkTag(t Tag) error {
	switch {
	case t.Key == "":
		return invalidValue("Tag key cannot be empty or null.")
	case utf8.RuneCountInString(t.Key) > 128:
		return invalidValue("Tag key exceeds the maximum length of 128 characters")
	case utf8.RuneCountInString(t.Value) > 256:
		return invalidValue("Tag value exceeds the maximum length of 256 characters")
	case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
		return invalidValue("Tag keys starting with 'aws:' are reserved for internal use")
	}
	return nil
}

// withTags returns tags with more put over them, in order; more is as CreateTags takes it.
func (l *Limits) withTags(tags, more []Tag) ([]Tag, error) {
	out := slices.Clone(tags)
	for i, t := range more {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(more[:i], func(u Tag) bool { return u.Key == t.Key }) {
			return nil, invalidValue("Duplicate tag key '%s' specified.", t.Key)
		}
		i, ok := slices.BinarySearchFunc(out, t.Key, func(t Tag, key string) int { return cmp.Compare(t.Key, key) })
		if ok {
			out[i] = t
			continue
		}
		out = slices.Insert(out, i, t)
	}
	if len(out) > l.TagsPerResource {
		return nil, overLimit("TagLimitExceeded", "The maximum number of tags per resource is %d", l.TagsPerResource)
	}
	return out, nil
}

// TagRemoval says which tags go: the one with Key, if Value is nil or its value; an empty list is all of them.
type TagRemoval struct {
	Key   string
	Value *string
}

func withoutTags(tags []Tag, gone []TagRemoval) []Tag {
	if len(gone) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool {
		return slices.ContainsFunc(gone, func(g TagRemoval) bool {
			return g.Key == t.Key && (g.Value == nil || *g.Value == t.Value)
		})
	})
}

// CreateTags puts tags on resources of the network, over those they have.
func (s *Service) CreateTags(ctx context.Context, c scope.Scope, ids []string, tags []Tag) error {
	return s.do(ctx, c, func(p *plan) error {
		return p.retag(ids, func(old []Tag) ([]Tag, error) { return p.limits.withTags(old, tags) })
	})
}

// DeleteTags takes tags from resources of the network. A tag that is not there is no error.
func (s *Service) DeleteTags(ctx context.Context, c scope.Scope, ids []string, gone []TagRemoval) error {
	return s.do(ctx, c, func(p *plan) error {
		return p.retag(ids, func(old []Tag) ([]Tag, error) { return withoutTags(old, gone), nil })
	})
}

// CheckTaggable returns an error unless every id names a resource of the network in the scope.
func (s *State) CheckTaggable(c scope.Scope, ids []string) error {
	for _, id := range ids {
		if _, err := s.tagged(c, id); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) retag(ids []string, change func([]Tag) ([]Tag, error)) error {
	for _, id := range ids {
		t, err := p.tagged(p.scope, id)
		if err != nil {
			return err
		}
		tags, err := change(t.tags)
		if err != nil {
			return err
		}
		p.note(t.with(tags))
	}
	return nil
}

// taggable is a resource's tags, and how to make a copy of its record with others.
type taggable struct {
	tags []Tag
	with func([]Tag) record
}

func (s *State) tagged(c scope.Scope, id string) (taggable, error) {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "vpc":
		return tagsOf(s.VPC(c, id))
	case "subnet":
		return tagsOf(s.Subnet(c, id))
	case "rtb":
		return tagsOf(s.RouteTable(c, id))
	case "igw":
		return tagsOf(s.InternetGateway(c, id))
	case "acl":
		return tagsOf(s.NetworkACL(c, id))
	case "sg":
		return tagsOf(s.SecurityGroup(c, id))
	case "eni":
		return tagsOf(s.Interface(c, id))
	case "vpce":
		if strings.HasPrefix(id, "vpce-svc-") {
			return tagsOf(s.VpcEndpointService(c, id))
		}
		return tagsOf(s.VpcEndpoint(c, id))
	case "pl":
		return tagsOf(lookup(&s.lists, nounPrefixList, c, id))
	case "pcx":
		return tagsOf(s.Peering(c, id))
	case "dopt":
		return tagsOf(lookup(&s.dhcp, nounDhcp, c, id))
	case "eipalloc":
		return tagsOf(s.ElasticIP(c, id))
	case "nat":
		return tagsOf(s.NATGateway(c, id))
	case "fl":
		return tagsOf(s.FlowLog(c, id))
	case "sgr":
		return s.taggedRule(c, id)
	}
	return taggable{}, refuse(fault.Invalid, "InvalidID", "The ID '%s' is not valid", id)
}

func tagsOf[T any, P interface {
	*T
	resource
}](r P, err error) (taggable, error) {
	if err != nil {
		return taggable{}, err
	}
	return taggable{r.meta().Tags, func(tags []Tag) record {
		changed := P(new(T))
		*changed = *r
		changed.meta().Tags = tags
		return changed
	}}, nil
}

func (s *State) taggedRule(c scope.Scope, id string) (taggable, error) {
	g, rule, err := s.Rule(c, id)
	if err != nil {
		return taggable{}, err
	}
	return taggable{rule.Tags, func(tags []Tag) record {
		changed := *g
		changed.Rules = slices.Clone(g.Rules)
		for i := range changed.Rules {
			if changed.Rules[i].ID == id {
				changed.Rules[i].Tags = tags
			}
		}
		return &changed
	}}, nil
}

// Tagged is one resource with its tags.
type Tagged struct {
	ID, Type string
	Tags     []Tag
}

// Tagged are all resources of the scope that have tags.
func (s *State) Tagged(c scope.Scope) []Tagged {
	var out []Tagged
	collect(&out, c, "vpc", s.vpcs.rows)
	collect(&out, c, "subnet", s.subnets.rows)
	collect(&out, c, "route-table", s.tables.rows)
	collect(&out, c, "internet-gateway", s.gateways.rows)
	collect(&out, c, "network-acl", s.acls.rows)
	collect(&out, c, "security-group", s.groups.rows)
	collect(&out, c, "network-interface", s.interfaces.rows)
	collect(&out, c, "vpc-endpoint", s.endpoints.rows)
	collect(&out, c, "vpc-endpoint-service", s.services.rows)
	collect(&out, c, "prefix-list", s.lists.rows)
	collect(&out, c, "vpc-peering-connection", s.peerings.rows)
	collect(&out, c, "dhcp-options", s.dhcp.rows)
	collect(&out, c, "elastic-ip", s.elasticIPs.rows)
	collect(&out, c, "natgateway", s.natGateways.rows)
	collect(&out, c, "vpc-flow-log", s.flowLogs.rows)
	for g := range s.SecurityGroups(c) {
		for i := range g.Rules {
			if len(g.Rules[i].Tags) > 0 {
				out = append(out, Tagged{g.Rules[i].ID, "security-group-rule", g.Rules[i].Tags})
			}
		}
	}
	return out
}

func collect[T resource](out *[]Tagged, c scope.Scope, kind string, rows []T) {
	for _, r := range rows {
		if m := r.meta(); len(m.Tags) > 0 && m.scope() == c {
			*out = append(*out, Tagged{m.ID, kind, m.Tags})
		}
	}
}

// CheckTags returns an error unless tags with more put over them are what a resource may have. It is for resources that
// others keep.
func (s *Service) CheckTags(tags, more []Tag) error {
	_, err := s.limits.withTags(tags, more)
	return err
}

// Removes reports whether a DeleteTags with these removals takes the tag away.
func Removes(gone []TagRemoval, t Tag) bool { return len(withoutTags([]Tag{t}, gone)) == 0 }
