package identity

import (
	"context"
	"time"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/iam"
	"postern/record"
)

// Guard is a service control policy: it limits everybody in one account, or in all of them. It stands where
// organizations have theirs.
type Guard struct {
	Account string // empty is every account
	Text    string // JSON
	Updated time.Time

	compiled *iam.Policy
}

// serverGuard is the key of the guard of every account.
const serverGuard = "*"

func (g *Guard) id() string {
	if g.Account == "" {
		return serverGuard
	}
	return g.Account
}

// name returns how the reasoning of the judge calls it.
func (g *Guard) name() string {
	if g.Account == "" {
		return "of every account"
	}
	return "of account " + g.Account
}

func (g *Guard) compile() (err error) {
	g.compiled, err = iam.Parse(iam.ServiceControl, g.name(), g.Text)
	return err
}

var guards = &record.Kind[Guard]{
	Name: "guard",
	Key:  (*Guard).id,
	Groups: func(g *Guard) []string {
		if g.Account == "" {
			return nil
		}
		return []string{g.Account}
	},
	Prepare: (*Guard).compile,
}

// maxGuard is how many characters a service control policy may have (AWS Organizations, "Quotas").
const maxGuard = 10240

// PutGuard puts a service control policy on an account, or on every account where account is empty, in the place of the
// one that is there. Faults are NotFound (no such account), Invalid (the policy) and Limit (its length).
func (s *Service) PutGuard(ctx context.Context, account, text string) error {
	if n := utf8.RuneCountInString(text); n > maxGuard {
		return limit("Cannot exceed quota for PolicySize: %d", maxGuard)
	}
	g := &Guard{Account: account, Text: text, Updated: s.stamp()}
	if _, err := parsePolicy(iam.ServiceControl, g.name(), text); err != nil {
		return err
	}
	return s.change(ctx, account, func(p *plan) error {
		if account != "" {
			if err := p.needAccount(account); err != nil {
				return err
			}
		}
		guards.Put(p.Plan, g, false)
		return nil
	})
}

// DeleteGuard takes the service control policy off an account, or the one of every account where account is empty.
func (s *Service) DeleteGuard(ctx context.Context, account string) error {
	return s.change(ctx, account, func(p *plan) error {
		g := &Guard{Account: account}
		if _, ok := guards.Get(p.Tables, g.id()); !ok {
			return fault.New(fault.NotFound, "identity.DeleteGuard", "There is no service control policy %s.", g.name()).
				WithCode("NoSuchEntity")
		}
		guards.Delete(p.Plan, g.id(), false)
		return nil
	})
}

// Guards returns the service control policies, that of every account first.
func (s *Service) Guards() []Guard {
	var all []Guard
	for g := range guards.All(s.state().tables) {
		all = append(all, *g)
	}
	return all
}

// controls returns the service control policies that limit an account, from the widest.
func (st *state) controls(account string) []*iam.Policy {
	var all []*iam.Policy
	for _, id := range []string{serverGuard, account} {
		if g, ok := guards.Get(st.tables, id); ok {
			all = append(all, g.compiled)
		}
	}
	return all
}
