package identity

import (
	"context"
	"regexp"
)

// aliasPattern is the form of an account's alias (IAM API Reference, CreateAccountAlias).
var aliasPattern = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)

// The lengths of an account's alias, in characters.
const (
	minAlias = 3
	maxAlias = 63
)

// checkAlias refuses what is no alias, and one that another account has.
func (st *state) checkAlias(account, alias string) error {
	if len(alias) < minAlias || len(alias) > maxAlias || !aliasPattern.MatchString(alias) {
		return invalid("The account alias %.70q is invalid. It has %d to %d small letters, digits and dashes, does not "+
			"begin or end with a dash, and has no two dashes in a row.", alias, minAlias, maxAlias)
	}
	for other := range accounts.All(st.tables) { // a plan conflicts with who gives it to another one meanwhile
		if other.Alias == alias && other.ID != account {
			return exists("The account alias %s already exists.", alias)
		}
	}
	return nil
}

// SetAlias gives an account an alias in the place of the one that it has. Faults are Invalid (its form), Exists
// (another account has it) and NotFound (no such account).
func (s *Service) SetAlias(ctx context.Context, account, alias string) error {
	return s.changeAlias(ctx, account, func(p *plan, a *Account) error {
		a.Alias = alias
		return p.checkAlias(account, alias)
	})
}

// DeleteAlias takes an account's alias away; another one than it has is a NotFound fault.
func (s *Service) DeleteAlias(ctx context.Context, account, alias string) error {
	return s.changeAlias(ctx, account, func(_ *plan, a *Account) error {
		if a.Alias != alias {
			return notFound("The account alias %.70s does not exist.", alias)
		}
		a.Alias = ""
		return nil
	})
}

func (s *Service) changeAlias(ctx context.Context, account string, edit func(*plan, *Account) error) error {
	return s.change(ctx, account, func(p *plan) error {
		a, err := p.account(account)
		if err != nil {
			return err
		}
		next := *a
		if err := edit(p, &next); err != nil {
			return err
		}
		accounts.Put(p.Plan, &next, false)
		return nil
	})
}

// Account returns an account.
func (s *Service) Account(id string) (Account, error) {
	a, err := s.state().account(id)
	if err != nil {
		return Account{}, err
	}
	return *a, nil
}
