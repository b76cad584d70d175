package iam

import (
	"cmp"
	"context"
	"path"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	sdk "postern/aws/service/iam"
	"postern/services/identity"
)

// resourceTypes are IAM's. ARNs hold paths, which requests do not name and only the records know.
func (s *service) resourceTypes() map[string]api.ResourceType {
	return map[string]api.ResourceType{
		"role":             {ARN: s.roleARN, Tags: s.roleTags},
		"user":             {ARN: s.userARN, Tags: s.userTags},
		"group":            {ARN: s.groupARN},
		"instance-profile": {ARN: s.profileARN, Tags: s.profileTags},
		"policy":           {NoRegion: true, Tags: s.policyTags},
		"mfa":              {NoRegion: true},
	}
}

func named(c *api.Call, resource string) string {
	return arn.Global(c.Partition, "iam", c.Account, resource).String()
}

func (s *service) roleARN(c *api.Call, name string) string {
	if r, err := s.identities.Role(c.Account, name); err == nil {
		return r.ARN()
	}
	return named(c, "role/"+cmp.Or(name, "*"))
}

// userARN names a user; without a name it is the caller.
func (s *service) userARN(c *api.Call, name string) string {
	if name == "" {
		return c.Caller.Principal
	}
	if u, err := s.identities.User(c.Account, name); err == nil {
		return u.ARN()
	}
	return named(c, "user/"+name)
}

func (s *service) groupARN(c *api.Call, name string) string {
	if g, err := s.identities.Group(c.Account, name); err == nil {
		return g.ARN()
	}
	return named(c, "group/"+cmp.Or(name, "*"))
}

func (s *service) profileARN(c *api.Call, name string) string {
	if p, err := s.identities.InstanceProfile(c.Account, name); err == nil {
		return p.ARN()
	}
	return named(c, "instance-profile/"+cmp.Or(name, "*"))
}

// The tags of a role, user, instance profile or policy of any account, by its ARN.

func (s *service) roleTags(_ context.Context, r api.Resource) (map[string]string, error) {
	role, err := s.identities.Role(r.Account, path.Base(r.ID))
	if err != nil || role.ARN() != r.ARN {
		return nil, nil
	}
	return identity.TagsByKey(role.Tags), nil
}

func (s *service) userTags(_ context.Context, r api.Resource) (map[string]string, error) {
	user, err := s.identities.User(r.Account, path.Base(r.ID))
	if err != nil || user.ARN() != r.ARN {
		return nil, nil
	}
	return identity.TagsByKey(user.Tags), nil
}

func (s *service) profileTags(_ context.Context, r api.Resource) (map[string]string, error) {
	profile, err := s.identities.InstanceProfile(r.Account, path.Base(r.ID))
	if err != nil || profile.ARN() != r.ARN {
		return nil, nil
	}
	return identity.TagsByKey(profile.Tags), nil
}

func (s *service) policyTags(_ context.Context, r api.Resource) (map[string]string, error) {
	policy, err := s.identities.Policy(r.Account, r.ARN)
	if err != nil {
		return nil, nil
	}
	return identity.TagsByKey(policy.Tags), nil
}

// The ARN of what a request makes holds the path that the request names.

func newRole(c *api.Call, in *sdk.CreateRoleInput) []string {
	return made(c, "role", in.Path, in.RoleName)
}

func newUser(c *api.Call, in *sdk.CreateUserInput) []string {
	return made(c, "user", in.Path, in.UserName)
}

func newGroup(c *api.Call, in *sdk.CreateGroupInput) []string {
	return made(c, "group", in.Path, in.GroupName)
}

func newProfile(c *api.Call, in *sdk.CreateInstanceProfileInput) []string {
	return made(c, "instance-profile", in.Path, in.InstanceProfileName)
}

func newPolicy(c *api.Call, in *sdk.CreatePolicyInput) []string {
	return made(c, "policy", in.Path, in.PolicyName)
}

func made(c *api.Call, kind string, path, name *string) []string {
	return []string{named(c, kind+cmp.Or(aws.ToString(path), "/")+aws.ToString(name))}
}

// changedUser is the user that UpdateUser makes of the one that the request names: another path or name is another ARN.
func (s *service) changedUser(c *api.Call, in *sdk.UpdateUserInput) []string {
	u, err := s.identities.User(c.Account, aws.ToString(in.UserName))
	if err != nil {
		return []string{s.userARN(c, aws.ToString(in.UserName))}
	}
	u.Path, u.Name = cmp.Or(aws.ToString(in.NewPath), u.Path), cmp.Or(aws.ToString(in.NewUserName), u.Name)
	return []string{u.ARN()}
}

// changedGroup is the group that UpdateGroup makes of the one that the request names.
func (s *service) changedGroup(c *api.Call, in *sdk.UpdateGroupInput) []string {
	g, err := s.identities.Group(c.Account, aws.ToString(in.GroupName))
	if err != nil {
		return []string{s.groupARN(c, aws.ToString(in.GroupName))}
	}
	g.Path, g.Name = cmp.Or(aws.ToString(in.NewPath), g.Path), cmp.Or(aws.ToString(in.NewGroupName), g.Name)
	return []string{g.ARN()}
}

// conditionKeys are the keys of policies that belong to IAM and that keys gives, absentKeys those that no request has.
var (
	conditionKeys = map[string]func(api.Question) string{"iam:PermissionsBoundary": nil, "iam:PolicyARN": nil}
	absentKeys    = map[string]string{"iam:RoleTemplateARN": "there are no role templates"}
)

// member is a member of an operation's input: IAM calls the same thing by the same name in every input. It is the zero
// value where the input has none of that name and type.
func member[T any](in any, name string) (value T) {
	if f := reflect.ValueOf(in).Elem().FieldByName(name); f.IsValid() {
		value, _ = f.Interface().(T)
	}
	return value
}

func textMember(in any, name string) string { return aws.ToString(member[*string](in, name)) }

// keys are the condition keys of a request: the policy that it is about, and the boundary that it sets, or that the
// user or role that it is about has (Service Authorization Reference, "Condition keys for AWS Identity and Access
// Management").
func (s *service) keys(c *api.Call, in any) map[string][]string {
	keys := map[string][]string{}
	boundary := textMember(in, "PermissionsBoundary")
	if textMember(in, "GroupName") != "" {
		// A group has no boundary, and its members' are not its own.
	} else if u, err := s.identities.User(c.Account, textMember(in, "UserName")); err == nil {
		boundary = cmp.Or(boundary, u.Boundary)
	} else if r, err := s.identities.Role(c.Account, textMember(in, "RoleName")); err == nil {
		boundary = cmp.Or(boundary, r.Boundary)
	}
	if boundary != "" {
		keys["iam:PermissionsBoundary"] = []string{boundary}
	}
	if policy := textMember(in, "PolicyArn"); policy != "" {
		keys["iam:PolicyARN"] = []string{policy}
	}
	return keys
}
