package identity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/iam"
	"postern/record"
)

// kinds are the records that this package keeps.
var kinds = record.NewSet(
	accounts, users, groups, memberships, roles, profiles, policies, accessKeys, revocations, guards, keyUses,
	organizations, roleDeletions,
)

// state holds what is stored, as it was at one version, and Amazon's policies beside it. Records are shared and must
// not be changed.
type state struct {
	tables    *record.Tables
	partition string
	amazon    map[string]*Policy
	// generation counts the changes since the start; a cached credential is good for one generation.
	generation uint64
}

func (s *Service) stateOf(t *record.Tables) *state {
	return &state{tables: t, partition: s.partition, amazon: s.amazon}
}

// key returns the key of a name: names differ by more than letter case, and are unique within an account whatever their
// path.
func key(account, name string) string { return account + "/" + strings.ToLower(name) }

// listed returns copies of an account's records, in the order of their names.
func listed[T any](k *record.Kind[T], st *state, account string, name func(*T) string) []T {
	found := slices.Collect(k.In(st.tables, account))
	slices.SortFunc(found, func(a, b *T) int { return strings.Compare(name(a), name(b)) })
	all := make([]T, len(found))
	for i, r := range found {
		all[i] = *r
	}
	return all
}

// below keeps what stands below a path; the empty path is everything.
func below[T any](all []T, path string, of func(*T) string) []T {
	kept := all[:0]
	for i := range all {
		if strings.HasPrefix(of(&all[i]), path) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// amazonOwner is the account in the ARNs of Amazon's managed policies.
const amazonOwner = "aws"

// amazonPolicies returns Amazon's managed policies by their ids.
func amazonPolicies(partition string) map[string]*Policy {
	all := map[string]*Policy{}
	made := time.Date(2019, 3, 15, 17, 22, 12, 0, time.UTC)
	for _, m := range iam.ManagedPolicies() {
		p := &Policy{
			Partition: partition, Account: amazonOwner, Path: m.Path, Name: m.Name, ID: "ANPA" + strings.ToUpper(m.Name),
			Created: made, Updated: made, Description: m.Description, Default: m.Version,
			Versions: []PolicyVersion{{ID: m.Version, Text: m.Document, Created: made}},
		}
		if err := p.compile(); err != nil {
			panic(fmt.Sprintf("managed policy %s: %v", m.Name, err)) // it is part of the program
		}
		all[p.id()] = p
	}
	return all
}

// policyByARN finds a managed policy, a customer's or Amazon's.
func (st *state) policyByARN(name string) (*Policy, error) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || a.Type() != "policy" {
		return nil, invalid("ARN %.200s is not valid.", name)
	}
	id := key(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])
	p, ok := st.amazon[id]
	if !ok {
		p, ok = policies.Get(st.tables, id)
	}
	if !ok || p.ARN() != name {
		return nil, noPolicy(name)
	}
	return p, nil
}

// roleByARN finds a role by its full ARN.
func (st *state) roleByARN(name string) (*Role, bool) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || a.Type() != "role" {
		return nil, false
	}
	r, ok := roles.Get(st.tables, key(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]))
	return r, ok && r.ARN() == name
}

// identityPolicies returns the policies that Permissions stand for.
func (st *state) identityPolicies(p *Permissions) (all []*iam.Policy, boundary *iam.Policy) {
	all = append(all, p.inline...)
	for _, name := range p.Attached {
		if policy, err := st.policyByARN(name); err == nil {
			all = append(all, policy.compiled)
		}
	}
	if p.Boundary != "" {
		boundary = nothing // a boundary that is gone allows nothing
		if policy, err := st.policyByARN(p.Boundary); err == nil {
			boundary = policy.asBoundary()
		}
	}
	return all, boundary
}

// nothing is a boundary that allows nothing.
var nothing = &iam.Policy{Kind: iam.Boundary}

// asBoundary returns the policy under the kind that messages call it by.
func (p *Policy) asBoundary() *iam.Policy {
	b := *p.compiled
	b.Kind = iam.Boundary
	return &b
}
