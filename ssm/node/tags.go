package node

import (
	"context"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm"
)

// Tag sets and removes tags of a node that is not an instance; an instance's are set through EC2.
func (s *Service) Tag(ctx context.Context, scope scope.Scope, id string, set map[string]string, remove []string) error {
	if IsInstance(id) {
		return fault.New(fault.Invalid, "node.Tag", "%s is an instance: its tags are set with ec2 create-tags", id).
			WithCode("InvalidResourceId")
	}
	err := s.change(ctx, id, func(n *Node) error {
		if n.Scope != scope {
			return noNode(id)
		}
		tags := map[string]string{}
		for k, v := range n.Tags {
			tags[k] = v
		}
		for k, v := range set {
			tags[k] = v
		}
		for _, k := range remove {
			delete(tags, k)
		}
		n.Tags = tags
		return ssm.CheckTags(tags)
	})
	if fault.Is(err, fault.NotFound) {
		return noResource(id)
	}
	return err
}

// Tags returns a node's own tags.
func (s *Service) Tags(ctx context.Context, scope scope.Scope, id string) (map[string]string, error) {
	n, err := s.Find(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (n.Scope != scope || IsInstance(id)) {
		return nil, noResource(id)
	}
	return n.Tags, err
}

// AllTags returns the tags of a node, whichever it is: an instance's, which need not be known here, are EC2's. One that
// is not there has none.
func (s *Service) AllTags(ctx context.Context, scope scope.Scope, id string) (map[string]string, error) {
	if IsInstance(id) {
		if s.config.InstanceTags == nil {
			return nil, nil
		}
		found, err := s.config.InstanceTags(ctx, scope, []string{id})
		return found[id], err
	}
	tags, err := s.Tags(ctx, scope, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return tags, err
}

func noResource(id string) error {
	return fault.New(fault.NotFound, "node.Tag", "no managed node %s", id).WithCode("InvalidResourceId")
}

// allTags returns the tags of nodes, those of instances from EC2.
func (s *Service) allTags(ctx context.Context, scope scope.Scope, nodes []Node) (map[string]map[string]string, error) {
	tags := make(map[string]map[string]string, len(nodes))
	var instances []string
	for _, n := range nodes {
		tags[n.ID] = n.Tags
		if IsInstance(n.ID) {
			instances = append(instances, n.ID)
		}
	}
	if len(instances) == 0 || s.config.InstanceTags == nil {
		return tags, nil
	}
	found, err := s.config.InstanceTags(ctx, scope, instances)
	if err != nil {
		return nil, err
	}
	for id, t := range found {
		tags[id] = t
	}
	return tags, nil
}
