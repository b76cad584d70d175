package iam

import (
	"context"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// members are those of an operation's input, by their names: IAM calls the same thing by the same name in every input.
type members struct{ in reflect.Value }

// text is a member of type *string; empty where the input has none.
func (m members) text(name string) string {
	p, _ := m.value(name).(*string)
	return aws.ToString(p)
}

func (m members) value(name string) any {
	f := m.in.FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return f.Interface()
}

// A subject is what an operation is about: the resource that policies name.
type subject func(s *service, c *api.Call, m members) string

// row makes an operation's row of the table. Resource and condition keys follow from the members of its input.
func row[In, Out any](s *service, name string, about subject, handle func(context.Context, *api.Call, *In) (*Out, error)) api.Operation {
	return rowAbout(s, name, []subject{about}, handle)
}

// rowAbout is row for an operation that is about several resources.
func rowAbout[In, Out any](s *service, name string, about []subject, handle func(context.Context, *api.Call, *In) (*Out, error)) api.Operation {
	of := func(in *In) members { return members{reflect.ValueOf(in).Elem()} }
	return api.Op(name, api.Lookup(func(c *api.Call, in *In) []string {
		var out []string
		for _, each := range about {
			out = append(out, each(s, c, of(in)))
		}
		return out
	}), handle,
		api.Keys(func(c *api.Call, in *In) map[string][]string { return s.keys(c, of(in)) }))
}

func named(c *api.Call, resource string) string {
	return arn.Global(c.Partition, "iam", c.Account, resource).String()
}

// newOne is a resource that is still to be made: its path is in the request.
func newOne(kind, name string) subject {
	return func(_ *service, c *api.Call, m members) string {
		path := m.text("Path")
		if path == "" {
			path = "/"
		}
		return named(c, kind+path+m.text(name))
	}
}

// every is all resources of a kind.
func every(kind string) subject {
	return func(_ *service, c *api.Call, _ members) string { return named(c, kind+"/*") }
}

// theRole is the role that the request names. Its ARN holds the path, which only the role itself knows.
func theRole(s *service, c *api.Call, m members) string {
	if r, err := s.identities.Role(c.Account, m.text("RoleName")); err == nil {
		return r.ARN()
	}
	return named(c, "role/"+m.text("RoleName"))
}

// theUser is the user that the request names; without name it is the caller.
func theUser(s *service, c *api.Call, m members) string {
	name := m.text("UserName")
	if name == "" {
		return c.Caller.Principal
	}
	if u, err := s.identities.User(c.Account, name); err == nil {
		return u.ARN()
	}
	return named(c, "user/"+name)
}

// theChangedUser is the user that UpdateUser makes of the one that the request names: another path or name is another ARN.
func theChangedUser(s *service, c *api.Call, m members) string {
	u, err := s.identities.User(c.Account, m.text("UserName"))
	if err != nil {
		return theUser(s, c, m)
	}
	u.Path, u.Name = or(m.text("NewPath"), u.Path), or(m.text("NewUserName"), u.Name)
	return u.ARN()
}

// theProfile is the instance profile that the request names.
func theProfile(s *service, c *api.Call, m members) string {
	if p, err := s.identities.InstanceProfile(c.Account, m.text("InstanceProfileName")); err == nil {
		return p.ARN()
	}
	return named(c, "instance-profile/"+m.text("InstanceProfileName"))
}

// thePolicy is the managed policy that the request names by its ARN.
func thePolicy(_ *service, _ *api.Call, m members) string { return m.text("PolicyArn") }

// keys are the condition keys of a request: its tags, the boundary and the policy that it sets, and what the user or role
// that it is about has (Service Authorization Reference, "Condition keys for AWS Identity and Access Management").
func (s *service) keys(c *api.Call, m members) map[string][]string {
	keys := map[string][]string{}
	if tags, ok := m.value("Tags").([]types.Tag); ok {
		for _, t := range tags {
			keys["aws:RequestTag/"+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
			keys["aws:TagKeys"] = append(keys["aws:TagKeys"], aws.ToString(t.Key))
		}
	}
	if names, ok := m.value("TagKeys").([]string); ok {
		keys["aws:TagKeys"] = names
	}
	var tags []identity.Tag
	boundary := m.text("PermissionsBoundary")
	if u, err := s.identities.User(c.Account, m.text("UserName")); err == nil {
		tags, boundary = u.Tags, or(boundary, u.Boundary)
	} else if r, err := s.identities.Role(c.Account, m.text("RoleName")); err == nil {
		tags, boundary = r.Tags, or(boundary, r.Boundary)
	}
	for _, t := range tags {
		keys["aws:ResourceTag/"+t.Key] = []string{t.Value}
		keys["iam:ResourceTag/"+t.Key] = []string{t.Value}
	}
	if boundary != "" {
		keys["iam:PermissionsBoundary"] = []string{boundary}
	}
	if policy := m.text("PolicyArn"); policy != "" {
		keys["iam:PolicyARN"] = []string{policy}
	}
	return keys
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// passedTo is the service that iam:PassRole is asked for when a role is put into an instance profile.
var passedTo = map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}
