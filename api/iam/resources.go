package iam

import (
	"cmp"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/tags"
	"postern/aws/arn"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// resourceTypes are IAM's. ARNs hold paths, which requests do not name and only the records know.
func (s *service) resourceTypes() map[string]api.ResourceType {
	return map[string]api.ResourceType{
		"role":             {ARN: s.roleARN},
		"user":             {ARN: s.userARN},
		"group":            {ARN: s.groupARN},
		"instance-profile": {ARN: s.profileARN},
		"policy":           {NoRegion: true},
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

// conditionKeys are the keys of policies that belong to IAM.
var conditionKeys = map[string]func(api.Question) string{
	"aws:ResourceTag/":        nil,
	"iam:PassedToService":     nil,
	"iam:PermissionsBoundary": nil,
	"iam:PolicyARN":           nil,
	"iam:ResourceTag/":        nil,
}

// member is a member of an operation's input: IAM calls the same thing by the same name in every input. It is the zero
// value where the input has none of that name and type.
func member[T any](in any, name string) (value T) {
	if f := reflect.ValueOf(in).Elem().FieldByName(name); f.IsValid() {
		value, _ = f.Interface().(T)
	}
	return value
}

func textMember(in any, name string) string { return aws.ToString(member[*string](in, name)) }

// keys are the condition keys of a request: its tags, the boundary and the policy that it sets, and what the user or
// role that it is about has (Service Authorization Reference, "Condition keys for AWS Identity and Access Management").
func (s *service) keys(c *api.Call, in any) map[string][]string {
	keys := tags.Conditions(map[string][]string{}, member[[]types.Tag](in, "Tags"))
	if names := member[[]string](in, "TagKeys"); names != nil {
		keys[tags.TagKeys] = names
	}
	var held []identity.Tag
	boundary := textMember(in, "PermissionsBoundary")
	if textMember(in, "GroupName") != "" {
		// A group has neither tags nor a boundary, and its members' are not its own.
	} else if u, err := s.identities.User(c.Account, textMember(in, "UserName")); err == nil {
		held, boundary = u.Tags, cmp.Or(boundary, u.Boundary)
	} else if r, err := s.identities.Role(c.Account, textMember(in, "RoleName")); err == nil {
		held, boundary = r.Tags, cmp.Or(boundary, r.Boundary)
	}
	for _, t := range held {
		keys["aws:ResourceTag/"+t.Key] = []string{t.Value}
		keys["iam:ResourceTag/"+t.Key] = []string{t.Value}
	}
	if boundary != "" {
		keys["iam:PermissionsBoundary"] = []string{boundary}
	}
	if policy := textMember(in, "PolicyArn"); policy != "" {
		keys["iam:PolicyARN"] = []string{policy}
	}
	return keys
}

// passedTo is the service that iam:PassRole is asked for when a role is put into an instance profile.
var passedTo = map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}
