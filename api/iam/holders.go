package iam

import (
	"context"
	"path"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// The operations on the policies of users, roles and groups differ in nothing but the member that names the holder, so
// that each handler is written once and looks members up by their names.

// A handlerOf handles an operation with these types of input and output.
type handlerOf[In, Out any] = func(context.Context, *api.Call, *In) (*Out, error)

// nameMembers are the members that name whose policies a request is about.
var nameMembers = map[identity.HolderKind]string{
	identity.OfUser: "UserName", identity.OfRole: "RoleName", identity.OfGroup: "GroupName",
}

func holderOf(c *api.Call, kind identity.HolderKind, in any) identity.Holder {
	return identity.Holder{Account: c.Account, Kind: kind, Name: textMember(in, nameMembers[kind])}
}

// answer makes an output of its members.
func answer[Out any](members map[string]any) *Out {
	out := new(Out)
	for name, value := range members {
		reflect.ValueOf(out).Elem().FieldByName(name).Set(reflect.ValueOf(value))
	}
	return out
}

func putInline[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		d := identity.Document{Name: textMember(in, "PolicyName"), Text: textMember(in, "PolicyDocument")}
		return nil, s.identities.PutInline(ctx, holderOf(c, kind, in), d)
	}
}

func getInline[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(_ context.Context, c *api.Call, in *In) (*Out, error) {
		h := holderOf(c, kind, in)
		d, err := s.identities.Inline(h, textMember(in, "PolicyName"))
		if err != nil {
			return nil, err
		}
		return answer[Out](map[string]any{
			nameMembers[kind]: aws.String(h.Name), "PolicyName": aws.String(d.Name), "PolicyDocument": document(d.Text),
		}), nil
	}
}

func listInline[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(_ context.Context, c *api.Call, in *In) (*Out, error) {
		p, err := s.identities.PermissionsOf(holderOf(c, kind, in))
		if err != nil {
			return nil, err
		}
		all := convert(p.Inline, func(d identity.Document) string { return d.Name })
		names, next, err := page.Of(c, in, pageSize, all, itself)
		return answer[Out](map[string]any{"PolicyNames": names, "Marker": next, "IsTruncated": next != nil}), err
	}
}

func deleteInline[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, s.identities.DeleteInline(ctx, holderOf(c, kind, in), textMember(in, "PolicyName"))
	}
}

func attach[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, s.identities.Attach(ctx, holderOf(c, kind, in), textMember(in, "PolicyArn"))
	}
}

func detach[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, s.identities.Detach(ctx, holderOf(c, kind, in), textMember(in, "PolicyArn"))
	}
}

func listAttached[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(_ context.Context, c *api.Call, in *In) (*Out, error) {
		p, err := s.identities.PermissionsOf(holderOf(c, kind, in))
		if err != nil {
			return nil, err
		}
		prefix := textMember(in, "PathPrefix")
		all := slices.DeleteFunc(slices.Clone(p.Attached), func(name string) bool { return !policyPathBelow(name, prefix) })
		items, next, err := page.Of(c, in, pageSize, all, itself)
		return answer[Out](map[string]any{
			"AttachedPolicies": convert(items, toAttached), "Marker": next, "IsTruncated": next != nil,
		}), err
	}
}

func putBoundary[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, s.identities.SetBoundary(ctx, holderOf(c, kind, in), textMember(in, "PermissionsBoundary"))
	}
}

func deleteBoundary[In, Out any](s *service, kind identity.HolderKind) handlerOf[In, Out] {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		return nil, s.identities.SetBoundary(ctx, holderOf(c, kind, in), "")
	}
}

// itself is the key of a list of names.
func itself(name string) string { return name }

func toAttached(name string) types.AttachedPolicy {
	return types.AttachedPolicy{PolicyArn: aws.String(name), PolicyName: aws.String(path.Base(name))}
}
