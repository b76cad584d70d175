package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Filter selects nodes: those that have one of the values.
type Filter struct {
	Key    string
	Values []string
}

// Query asks for a page of nodes that pass all filters.
type Query struct {
	Filters []Filter
	// After is the id that the page before ended with.
	After string
	// Limit is the most nodes on a page; 0 means all.
	Limit int
}

// batch bounds the records that are read at once for a page.
const batch = 500

// fields returns the value of a node that a filter key, other than one of tags, compares.
var fields = map[string]func(View) string{
	"InstanceIds":   func(v View) string { return v.ID },
	"AgentVersion":  func(v View) string { return v.Information.AgentVersion },
	"PingStatus":    func(v View) string { return string(v.Status) },
	"PlatformTypes": func(v View) string { return v.Information.PlatformType },
	"ActivationIds": func(v View) string { return v.Activation },
	"IamRole":       func(v View) string { return v.Role },
	"ResourceType":  func(v View) string { return v.ResourceType() },
	"SourceIds":     func(v View) string { return v.ID },
	"SourceTypes":   func(v View) string { return v.SourceType() },
	// No node has an association: Postern has none.
	"AssociationStatus": func(View) string { return "" },
}

// aliases has the older names of the same fields.
var aliases = map[string]string{
	"InstanceId":   "InstanceIds",
	"PlatformType": "PlatformTypes",
	"ActivationId": "ActivationIds",
}

// SourceType returns the API's name for the type of resource that the node stands for.
func (n Node) SourceType() string {
	if IsInstance(n.ID) {
		return "AWS::EC2::Instance"
	}
	return "AWS::SSM::ManagedInstance"
}

// ResourceType returns "EC2Instance" or "ManagedInstance".
func (n Node) ResourceType() string {
	if IsInstance(n.ID) {
		return "EC2Instance"
	}
	return "ManagedInstance"
}

func (f Filter) check() error {
	key := f.Key
	if name, ok := aliases[key]; ok {
		key = name
	}
	if _, ok := fields[key]; !ok && key != "tag-key" && !strings.HasPrefix(key, "tag:") {
		return fault.New(fault.Invalid, "node.Query",
			"filter key %q is not valid; valid keys are InstanceIds, AgentVersion, PingStatus, PlatformType, "+
				"ActivationIds, IamRole, ResourceType, SourceIds, SourceTypes, AssociationStatus, tag-key and tag:KEY", f.Key).
			WithCode("InvalidFilterKey")
	}
	if len(f.Values) == 0 {
		return fault.New(fault.Invalid, "node.Query", "filter %s has no value", f.Key).
			WithCode("InvalidInstanceInformationFilterValue")
	}
	return nil
}

func (f Filter) passes(v View) bool {
	if f.Key == "tag-key" {
		return slices.ContainsFunc(f.Values, func(k string) bool { _, ok := v.AllTags[k]; return ok })
	}
	if name, ok := strings.CutPrefix(f.Key, "tag:"); ok {
		value, tagged := v.AllTags[name]
		return tagged && slices.Contains(f.Values, value)
	}
	key := f.Key
	if name, ok := aliases[key]; ok {
		key = name
	}
	return slices.Contains(f.Values, fields[key](v))
}

// List returns a page of a scope's nodes by id, and the id to go on after, empty when there are no more. Instances
// that have never pinged are not nodes yet.
func (s *Service) List(
	ctx context.Context,
	scope scope.Scope,
	q Query,
	now time.Time,
) (page []View, next string, err error) {
	for _, f := range q.Filters {
		if err := f.check(); err != nil {
			return nil, "", err
		}
	}
	size := batch
	if q.Limit > 0 && len(q.Filters) == 0 {
		size = q.Limit + 1
	}
	for after := q.After; ; {
		views, last, err := s.readBatch(ctx, scope, after, size, now)
		if err != nil {
			return nil, "", err
		}
		for _, v := range views {
			if slices.ContainsFunc(q.Filters, func(f Filter) bool { return !f.passes(v) }) {
				continue
			}
			if q.Limit > 0 && len(page) == q.Limit {
				return page, page[q.Limit-1].ID, nil
			}
			page = append(page, v)
		}
		if last == "" {
			return page, "", nil
		}
		after = last
	}
}

// readBatch reads a batch of nodes and returns the last id read, empty at the end.
func (s *Service) readBatch(
	ctx context.Context,
	scope scope.Scope,
	after string,
	size int,
	now time.Time,
) ([]View, string, error) {
	records, err := s.config.Records.List(
		ctx,
		record.Listing{Kind: ssm.KindNode, Group: scope.String(), After: after, Limit: size},
	)
	if err != nil {
		return nil, "", err
	}
	nodes := make([]Node, 0, len(records))
	for _, r := range records {
		n, err := read(r)
		if err != nil {
			return nil, "", err
		}
		if n.listed() {
			nodes = append(nodes, n)
		}
	}
	views, err := s.views(ctx, scope, nodes, now)
	if err != nil || len(records) < size {
		return views, "", err
	}
	return views, records[len(records)-1].ID, nil
}

// listed reports whether callers see a node: an instance is a node once it has pinged.
func (n Node) listed() bool { return !IsInstance(n.ID) || !n.LastPing.IsZero() }

func (s *Service) views(ctx context.Context, scope scope.Scope, nodes []Node, now time.Time) ([]View, error) {
	tags, err := s.allTags(ctx, scope, nodes)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(nodes))
	for i, n := range nodes {
		views[i] = View{Node: n, Status: n.Status(s.Presence(n.ID), now), AllTags: tags[n.ID]}
	}
	return views, nil
}

// View returns one node of a scope.
func (s *Service) View(ctx context.Context, scope scope.Scope, id string, now time.Time) (View, error) {
	n, err := s.Find(ctx, id)
	if err != nil {
		return View{}, err
	}
	if n.Scope != scope || !n.listed() {
		return View{}, noNode(id)
	}
	views, err := s.views(ctx, scope, []Node{n}, now)
	if err != nil {
		return View{}, err
	}
	return views[0], nil
}

// Named returns the nodes with the given ids, in their order and each once. An id that is no node of the scope's is a
// fault with the code InvalidInstanceId.
func (s *Service) Named(ctx context.Context, scope scope.Scope, ids []string) ([]Node, error) {
	keys := make([]record.Key, len(ids))
	for i, id := range ids {
		keys[i] = record.Key{Kind: ssm.KindNode, ID: id}
	}
	records, err := s.config.Records.Find(ctx, keys...)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Node, len(records))
	for _, r := range records {
		n, err := read(r)
		if err != nil {
			return nil, err
		}
		if n.Scope == scope && n.listed() {
			found[n.ID] = n
		}
	}
	var nodes []Node
	var unknown []string
	seen := map[string]bool{}
	for _, id := range ids {
		n, ok := found[id]
		switch {
		case seen[id]:
		case ok:
			nodes = append(nodes, n)
		default:
			unknown = append(unknown, id)
		}
		seen[id] = true
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.Invalid, "node.Named",
			"Instances [[%s]] not in a valid state for account %s. No managed nodes in %s have these ids.",
			strings.Join(unknown, ", "), scope.Account, scope.Region).
			WithCode("InvalidInstanceId")
	}
	return nodes, nil
}

// Targets returns the nodes, by id, that all targets select: "InstanceIds", "tag-key" or "tag:KEY" with values.
// Resource groups are not built.
func (s *Service) Targets(ctx context.Context, scope scope.Scope, targets []Filter, now time.Time) ([]Node, error) {
	for _, t := range targets {
		switch {
		case strings.HasPrefix(t.Key, "resource-groups:"):
			return nil, fault.New(
				fault.NotImplemented,
				"node.Targets",
				"targets by resource groups are not implemented; use tag:KEY or InstanceIds",
			)
		case t.Key != "InstanceIds" && t.Key != "tag-key" && !strings.HasPrefix(t.Key, "tag:"):
			return nil, fault.New(fault.Invalid, "node.Targets",
				"target key %q is not valid; valid keys are InstanceIds, tag-key and tag:KEY", t.Key).
				WithCode("InvalidTarget")
		case len(t.Values) == 0:
			return nil, fault.New(fault.Invalid, "node.Targets", "target %s has no value", t.Key).WithCode("InvalidTarget")
		}
	}
	views, _, err := s.List(ctx, scope, Query{Filters: targets}, now)
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, len(views))
	for i, v := range views {
		nodes[i] = v.Node
	}
	return nodes, nil
}
