package network

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
)

// Everybody is the allowed principal that stands for every account.
const Everybody = "*"

// AllowedPrincipal may make endpoints to a service of somebody else's.
type AllowedPrincipal struct {
	// ID is "vpce-svc-perm-…".
	ID string
	// Principal is Everybody, or the ARN of an account (":root"), a user or a role.
	Principal string
}

// Type is the sort of principal, as the EC2 API spells it.
func (a *AllowedPrincipal) Type() string {
	name, _ := arn.Parse(a.Principal)
	switch kind, _, _ := strings.Cut(name.Resource, "/"); kind {
	case "user":
		return "User"
	case "role":
		return "Role"
	case "root":
		return "Account"
	}
	return "All"
}

// principalForm is an account's root, a user or a role.
var principalForm = regexp.MustCompile(`^arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:(root|(user|role)/[\w+=,.@/-]+)$`)

// allows reports whether a caller of the account, who has the names, may make endpoints to the service.
func (v *VpcEndpointService) allows(account string, names []string) bool {
	if v.Account == account {
		return true
	}
	return slices.ContainsFunc(v.Principals, func(a AllowedPrincipal) bool {
		return a.Principal == Everybody || a.Principal == accountPrincipal(v.Region, account) ||
			slices.Contains(names, a.Principal)
	})
}

func accountPrincipal(region, account string) string {
	return arn.Global(arn.Partition(region), "iam", account, "root").String()
}

// ModifyServicePrincipals says who may make endpoints to a service of one's own, and who no longer may. Endpoints that
// are there stay. It returns those that are new.
func (s *Service) ModifyServicePrincipals(
	ctx context.Context, c scope.Scope, id string, add, remove []string,
) ([]AllowedPrincipal, error) {
	var added []AllowedPrincipal
	err := s.do(ctx, c, func(p *plan) error {
		added = nil
		old, err := p.VpcEndpointService(c, id)
		if err != nil {
			return err
		}
		for _, name := range slices.Concat(add, remove) {
			if name != Everybody && !principalForm.MatchString(name) {
				return refuse(fault.Invalid, "InvalidPrincipal", "Invalid Principal: '%s'", name)
			}
		}
		v := *old
		v.Principals = slices.DeleteFunc(slices.Clone(old.Principals), func(a AllowedPrincipal) bool {
			return slices.Contains(remove, a.Principal)
		})
		for _, name := range add {
			if slices.ContainsFunc(v.Principals, func(a AllowedPrincipal) bool { return a.Principal == name }) {
				continue
			}
			a := AllowedPrincipal{ID: newID("vpce-svc-perm"), Principal: name}
			v.Principals, added = append(v.Principals, a), append(added, a)
		}
		if len(v.Principals) > p.limits.PrincipalsPerService {
			return overLimit("PrincipalLimitExceeded", "The maximum number of allowed principals of an endpoint service is %d",
				p.limits.PrincipalsPerService)
		}
		if slices.Equal(v.Principals, old.Principals) {
			return nil
		}
		p.note(&v)
		return nil
	})
	return added, err
}
