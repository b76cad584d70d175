package iam

import (
	"context"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// getAccountSummary counts what the account has, and tells the quotas that are kept. Of quotas that nothing keeps it
// says nothing.
func (s *service) getAccountSummary(
	_ context.Context, c *api.Call, _ *sdk.GetAccountSummaryInput,
) (*sdk.GetAccountSummaryOutput, error) {
	rootKeys, err := s.identities.AccessKeys(c.Account, "")
	if err != nil {
		return nil, err
	}
	policies, versions := s.identities.ManagedPolicies(c.Account, "", identity.CustomerOwned), 0
	for _, p := range policies {
		versions += len(p.Versions)
	}
	quotas := s.identities.Quotas()
	out := map[string]int32{}
	for key, n := range map[types.SummaryKeyType]int{
		types.SummaryKeyTypeUsers:                             len(s.identities.Users(c.Account, "")),
		types.SummaryKeyTypeGroups:                            len(s.identities.Groups(c.Account, "")),
		types.SummaryKeyTypeRoles:                             len(s.identities.Roles(c.Account, "")),
		types.SummaryKeyTypeInstanceProfiles:                  len(s.identities.InstanceProfiles(c.Account, "", "")),
		types.SummaryKeyTypePolicies:                          len(policies),
		types.SummaryKeyTypePolicyVersionsInUse:               versions,
		types.SummaryKeyTypeAccountAccessKeysPresent:          min(len(rootKeys), 1),
		types.SummaryKeyTypeAccountMFAEnabled:                 0, // what follows is not built, so that there is none
		types.SummaryKeyTypeAccountPasswordPresent:            0,
		types.SummaryKeyTypeAccountSigningCertificatesPresent: 0,
		types.SummaryKeyTypeMFADevices:                        0,
		types.SummaryKeyTypeMFADevicesInUse:                   0,
		types.SummaryKeyTypeProviders:                         0,
		types.SummaryKeyTypeServerCertificates:                0,
		types.SummaryKeyTypeUserPolicySizeQuota:               quotas.UserInline,
		types.SummaryKeyTypeGroupPolicySizeQuota:              quotas.GroupInline,
		types.SummaryKeyTypeRolePolicySizeQuota:               quotas.RoleInline,
		types.SummaryKeyTypePolicySizeQuota:                   quotas.Managed,
		types.SummaryKeyTypeAssumeRolePolicySizeQuota:         quotas.Trust,
		types.SummaryKeyTypeAttachedPoliciesPerUserQuota:      quotas.Attached,
		types.SummaryKeyTypeAttachedPoliciesPerGroupQuota:     quotas.Attached,
		types.SummaryKeyTypeAttachedPoliciesPerRoleQuota:      quotas.Attached,
		types.SummaryKeyTypeGroupsPerUserQuota:                identity.MaxGroupsOfUser,
		types.SummaryKeyTypeAccessKeysPerUserQuota:            identity.MaxAccessKeys,
		types.SummaryKeyTypeVersionsPerPolicyQuota:            identity.MaxPolicyVersions,
	} {
		out[string(key)] = int32(n)
	}
	return &sdk.GetAccountSummaryOutput{SummaryMap: out}, nil
}

// getAccountPasswordPolicy finds none: users have no passwords, and UpdateAccountPasswordPolicy is not built.
func (*service) getAccountPasswordPolicy(
	_ context.Context, c *api.Call, _ *sdk.GetAccountPasswordPolicyInput,
) (*sdk.GetAccountPasswordPolicyOutput, error) {
	return nil, fault.New(
		fault.NotFound, "iam.PasswordPolicy", "The Password Policy with domain name %s cannot be found.", c.Account,
	)
}

func (s *service) createAccountAlias(
	ctx context.Context, c *api.Call, in *sdk.CreateAccountAliasInput,
) (*sdk.CreateAccountAliasOutput, error) {
	return nil, s.identities.SetAlias(ctx, c.Account, *in.AccountAlias)
}

func (s *service) deleteAccountAlias(
	ctx context.Context, c *api.Call, in *sdk.DeleteAccountAliasInput,
) (*sdk.DeleteAccountAliasOutput, error) {
	return nil, s.identities.DeleteAlias(ctx, c.Account, *in.AccountAlias)
}

// listAccountAliases lists the one that the account has at most.
func (s *service) listAccountAliases(
	_ context.Context, c *api.Call, in *sdk.ListAccountAliasesInput,
) (*sdk.ListAccountAliasesOutput, error) {
	a, err := s.identities.Account(c.Account)
	if err != nil {
		return nil, err
	}
	var all []string
	if a.Alias != "" {
		all = append(all, a.Alias)
	}
	aliases, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListAccountAliasesOutput{AccountAliases: aliases, Marker: next, IsTruncated: next != nil}, err
}
