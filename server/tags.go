package server

import (
	"context"

	"postern/aws/scope"
)

// instanceTags are the EC2 tags of instances, by which commands find their targets.
func (s *Server) instanceTags(_ context.Context, scope scope.Scope, instances []string) (map[string]map[string]string, error) {
	tags := make(map[string]map[string]string, len(instances))
	for _, id := range instances {
		// A node whose instance has just gone has no tags.
		if i, err := s.compute.Instance(scope, id); err == nil {
			tags[id] = i.Tags
		}
	}
	return tags, nil
}
