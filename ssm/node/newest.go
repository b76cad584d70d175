package node

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// newest knows, for each scope and kind of agent, the newest version that any node has told of.
type newest struct {
	mu     sync.Mutex
	scopes map[scope.Scope]*agents
}

type agents struct {
	read     bool // the stored nodes were looked at
	versions map[string]string
}

// kindOfAgent tells Postern's own agent, whose versions begin with 0, from Amazon's.
func kindOfAgent(version string) string {
	if strings.HasPrefix(version, "0.") {
		return "postern-agent"
	}
	return "amazon-ssm-agent"
}

// note takes over the versions of nodes of a scope.
func (n *newest) note(scope scope.Scope, versions ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ofLocked(scope).note(versions)
}

func (a *agents) note(versions []string) {
	for _, v := range versions {
		if kind := kindOfAgent(v); v != "" && olderVersion(a.versions[kind], v) {
			a.versions[kind] = v
		}
	}
}

func (n *newest) ofLocked(in scope.Scope) *agents {
	if n.scopes == nil {
		n.scopes = map[scope.Scope]*agents{}
	}
	if n.scopes[in] == nil {
		n.scopes[in] = &agents{versions: map[string]string{}}
	}
	return n.scopes[in]
}

// known reports whether the scope's stored nodes were looked at, and the newest version of the agent's kind.
func (n *newest) known(scope scope.Scope, version string) (latest string, read bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.ofLocked(scope)
	return a.versions[kindOfAgent(version)], a.read
}

// Latest reports whether no node of the scope has told of a newer agent of the same kind. Postern has no list of the
// versions that Amazon released.
func (s *Service) Latest(ctx context.Context, scope scope.Scope, version string) (bool, error) {
	latest, read := s.newest.known(scope, version)
	if !read {
		if err := s.readVersions(ctx, scope); err != nil {
			return false, err
		}
		latest, _ = s.newest.known(scope, version)
	}
	return !olderVersion(version, latest), nil
}

// readVersions looks at the stored nodes of a scope, once: from then on pings tell.
func (s *Service) readVersions(ctx context.Context, scope scope.Scope) error {
	for after := ""; ; {
		records, err := s.config.Records.List(
			ctx,
			record.Listing{Kind: ssm.KindNode, Group: scope.String(), After: after, Limit: batch},
		)
		if err != nil {
			return err
		}
		versions := make([]string, len(records))
		for i, r := range records {
			n, err := read(r)
			if err != nil {
				return err
			}
			versions[i] = n.Information.AgentVersion
		}
		s.newest.note(scope, versions...)
		if len(records) < batch {
			break
		}
		after = records[len(records)-1].ID
	}
	s.newest.mu.Lock()
	defer s.newest.mu.Unlock()
	s.newest.ofLocked(scope).read = true
	return nil
}

// olderVersion compares versions of numbers with dots; what is no number counts as 0, and no version is older than any.
func olderVersion(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if p, q := part(x, i), part(y, i); p != q {
			return p < q
		}
	}
	return a == "" && b != ""
}

func part(version []string, i int) int {
	if i >= len(version) {
		return 0
	}
	n, _ := strconv.Atoi(version[i])
	return n
}
