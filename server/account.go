package server

import (
	"cmp"
	"context"
	"os"
	"regexp"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/network"
)

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// checkAccount refuses what is no account's number, and a default VPC in a Region that is not known.
func (c Config) checkAccount() error {
	if c.Account != "" && !accountForm.MatchString(c.Account) {
		return fault.New(fault.Invalid, "server.Open", "--account %q: write it as 12 digits, such as 123456789012",
			c.Account)
	}
	if _, known := network.RegionByName(c.Region); c.DefaultVPC && !known {
		return fault.New(fault.Invalid, "server.Open",
			"--default-vpc: the Region %s has no Availability Zones; choose another with --region", c.Region)
	}
	return nil
}

// settleAccount finds out whose the data directory is. The account is chosen at the first start and does not change:
// ARNs in policies and in records have its number.
func (s *Server) settleAccount() error {
	kept, err := s.data.keep("account", func() ([]byte, error) {
		if _, err := os.Stat(s.data.file("root-key.json")); err == nil {
			return []byte(DefaultAccount + "\n"), nil // by a version that had no other
		}
		return []byte(cmp.Or(s.config.Account, DefaultAccount) + "\n"), nil
	})
	if err != nil {
		return err
	}
	account := strings.TrimSpace(string(kept))
	if !accountForm.MatchString(account) {
		return fault.New(fault.Invalid, "server.Open",
			"the data directory's file account holds %q, which is not 12 digits", account)
	}
	if s.config.Account != "" && s.config.Account != account {
		return fault.New(fault.Conflict, "server.Open",
			"the data directory %s is of account %s, and cannot become account %s's: leave --account out, or choose "+
				"another directory with --data",
			s.data.path, account, s.config.Account)
	}
	s.config.Account = account
	return nil
}

// ensureDefaultVPC makes the default VPC where it is asked for and not there, as every account has one on AWS.
func (s *Server) ensureDefaultVPC(ctx context.Context) error {
	scope := scope.Scope{Account: s.config.Account, Region: s.config.Region}
	if _, ok := s.network.State().DefaultVPC(scope); ok || !s.config.DefaultVPC {
		return nil
	}
	_, err := s.network.CreateDefaultVpc(ctx, scope)
	return err
}
