package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// carolInOps makes the user carol without a policy in the group ops, and returns the administrator's and her client.
func carolInOps(t *testing.T) (admin, own *sdk.Client) {
	t.Helper()
	r, c := root(t)
	own = sdk.NewFromConfig(r.User(t, "carol", ""))
	must(c.CreateGroup(t.Context(), &sdk.CreateGroupInput{GroupName: s("ops"), Path: s("/teams/")}))
	must(c.AddUserToGroup(t.Context(), &sdk.AddUserToGroupInput{GroupName: s("ops"), UserName: s("carol")}))
	return c, own
}

func groupNames(all []types.Group) string {
	names := make([]string, len(all))
	for i, g := range all {
		names[i] = *g.GroupName
	}
	return strings.Join(names, " ")
}

func TestGroup(t *testing.T) {
	c, _ := carolInOps(t)
	ctx := t.Context()
	add := &sdk.AddUserToGroupInput{GroupName: s("ops"), UserName: s("carol")}
	must(c.AddUserToGroup(ctx, add)) // once more is no error
	got := must(c.GetGroup(ctx, &sdk.GetGroupInput{GroupName: s("ops")}))
	if g := got.Group; *g.Arn != "arn:aws:iam::000000000000:group/teams/ops" || *g.Path != "/teams/" ||
		!strings.HasPrefix(*g.GroupId, "AGPA") || len(got.Users) != 1 || *got.Users[0].UserName != "carol" {
		t.Errorf("%+v %+v", g, got.Users)
	}
	// Under another name it is the same group, with the same users; so is a user.
	must(c.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: s("ops"), NewGroupName: s("Ops2"), NewPath: s("/x/")}))
	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: s("carol"), NewUserName: s("Caroline")}))
	of := must(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: s("Caroline")})).Groups
	if len(of) != 1 || *of[0].GroupId != *got.Group.GroupId || *of[0].Arn != "arn:aws:iam::000000000000:group/x/Ops2" {
		t.Errorf("%+v", of)
	}
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s("all")}))
	for path, want := range map[string]string{"/": "Ops2 all", "/x/": "Ops2", "/teams/": ""} {
		if all := must(c.ListGroups(ctx, &sdk.ListGroupsInput{PathPrefix: &path})).Groups; groupNames(all) != want {
			t.Errorf("groups below %s: %s, want %s", path, groupNames(all), want)
		}
	}
	_, user := c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("Caroline")})
	keys := must(c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: s("Caroline")})).AccessKeyMetadata
	for _, k := range keys {
		must(c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: s("Caroline"), AccessKeyId: k.AccessKeyId}))
	}
	_, member := c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("Caroline")})
	_, group := c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: s("Ops2")})
	for _, err := range []error{user, member, group} {
		if code(err) != "DeleteConflict" {
			t.Errorf("in a group, or of users: %v", err)
		}
	}
	remove := &sdk.RemoveUserFromGroupInput{GroupName: s("Ops2"), UserName: s("Caroline")}
	must(c.RemoveUserFromGroup(ctx, remove))
	if _, err := c.RemoveUserFromGroup(ctx, remove); code(err) != "NoSuchEntity" {
		t.Errorf("who is not in it: %v", err)
	}
	must(c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: s("Ops2")}))
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("Caroline")}))
}

// TestGroupPoliciesJudgeSessions: a user's session may do what the user may, its groups' policies included.
func TestGroupPoliciesJudgeSessions(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	frank := r.User(t, "frank", "")
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("Open"), AssumeRolePolicyDocument: s(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",` +
			`"Principal":{"AWS":"arn:aws:iam::000000000000:root"}}}`)}))
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s("ops")}))
	must(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: s("ops"), UserName: s("frank")}))
	must(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{
		GroupName: s("ops"), PolicyArn: s("arn:aws:iam::aws:policy/AdministratorAccess"),
	}))
	token := must(sts.NewFromConfig(frank).GetSessionToken(ctx, nil)).Credentials
	session := sts.NewFromConfig(r.As(*token.AccessKeyId, *token.SecretAccessKey, *token.SessionToken))
	assume := &sts.AssumeRoleInput{RoleArn: s("arn:aws:iam::000000000000:role/Open"), RoleSessionName: s("frank")}
	must(session.AssumeRole(ctx, assume))
	must(c.RemoveUserFromGroup(ctx, &sdk.RemoveUserFromGroupInput{GroupName: s("ops"), UserName: s("frank")}))
	if _, err := session.AssumeRole(ctx, assume); code(err) != "AccessDenied" {
		t.Errorf("out of the group: %v", err)
	}
}

// TestGroupPoliciesJudge: what a group's policies say of its users counts with the next request.
func TestGroupPoliciesJudge(t *testing.T) {
	c, carol := carolInOps(t)
	ctx := t.Context()
	try := func(when, want string) {
		t.Helper()
		if _, err := carol.ListUsers(ctx, nil); code(err) != want {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
	}
	list := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}`
	put := &sdk.PutGroupPolicyInput{GroupName: s("ops"), PolicyName: s("list"), PolicyDocument: s(list)}
	admin := s("arn:aws:iam::aws:policy/AdministratorAccess")
	try("no policy", "AccessDenied")
	must(c.PutGroupPolicy(ctx, put))
	try("inline policy of the group", "")
	if d := must(c.GetGroupPolicy(ctx, &sdk.GetGroupPolicyInput{GroupName: s("ops"), PolicyName: s("list")})); readable(
		t, d.PolicyDocument,
	) != list || *d.GroupName != "ops" {
		t.Errorf("%+v", d)
	}
	names := must(c.ListGroupPolicies(ctx, &sdk.ListGroupPoliciesInput{GroupName: s("ops")})).PolicyNames
	if !slices.Equal(names, []string{"list"}) {
		t.Errorf("%v", names)
	}
	must(c.RemoveUserFromGroup(ctx, &sdk.RemoveUserFromGroupInput{GroupName: s("ops"), UserName: s("carol")}))
	try("out of the group", "AccessDenied")
	must(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: s("ops"), UserName: s("carol")}))
	try("in it again", "")
	must(c.DeleteGroupPolicy(ctx, &sdk.DeleteGroupPolicyInput{GroupName: s("ops"), PolicyName: s("list")}))
	try("its policy gone", "AccessDenied")
	must(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: s("ops"), PolicyArn: admin}))
	try("a managed policy of the group", "")
	if a := must(
		c.ListAttachedGroupPolicies(ctx, &sdk.ListAttachedGroupPoliciesInput{GroupName: s("ops")}),
	).AttachedPolicies; len(a) != 1 || *a[0].PolicyArn != *admin {
		t.Errorf("%+v", a)
	}
	e := must(c.ListEntitiesForPolicy(ctx, &sdk.ListEntitiesForPolicyInput{PolicyArn: admin}))
	if len(e.PolicyGroups) != 1 || *e.PolicyGroups[0].GroupName != "ops" || len(e.PolicyUsers)+len(e.PolicyRoles) != 0 {
		t.Errorf("%+v", e)
	}
	if p := must(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: admin})).Policy; *p.AttachmentCount != 1 {
		t.Errorf("attached to %d", *p.AttachmentCount)
	}
	deny := strings.Replace(list, "Allow", "Deny", 1)
	must(c.PutUserPolicy(
		ctx, &sdk.PutUserPolicyInput{UserName: s("carol"), PolicyName: s("deny"), PolicyDocument: &deny},
	))
	try("denied by her own policy", "AccessDenied")
	must(c.DetachGroupPolicy(ctx, &sdk.DetachGroupPolicyInput{GroupName: s("ops"), PolicyArn: admin}))
}

func TestGroupRefusals(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	r.User(t, "dave", "")
	for i := range 11 {
		must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s(fmt.Sprintf("g%02d", i))}))
	}
	add := func(group, user string) error {
		_, err := c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: &group, UserName: &user})
		return err
	}
	for i := range 10 {
		if err := add(fmt.Sprintf("g%02d", i), "dave"); err != nil {
			t.Fatal(err)
		}
	}
	page := must(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: s("dave"), MaxItems: aws.Int32(9)}))
	if groupNames(page.Groups) != "g00 g01 g02 g03 g04 g05 g06 g07 g08" || !page.IsTruncated {
		t.Errorf("%s, truncated %v", groupNames(page.Groups), page.IsTruncated)
	}
	_, again := c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s("G00")})
	_, renamed := c.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: s("g01"), NewGroupName: s("G00")})
	_, path := c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s("g"), Path: s("x")})
	_, policy := c.GetGroupPolicy(ctx, &sdk.GetGroupPolicyInput{GroupName: s("g00"), PolicyName: s("none")})
	long := fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"iam:%s","Resource":"*"}}`, strings.Repeat("x", 5120))
	_, tooLong := c.PutGroupPolicy(
		ctx, &sdk.PutGroupPolicyInput{GroupName: s("g00"), PolicyName: s("long"), PolicyDocument: &long},
	)
	own := sdk.NewFromConfig(r.User(t, "eve", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"*"},
		{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:group/admins/*"}]}`))
	_, moved := own.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: s("g00"), NewPath: s("/admins/")})
	must(c.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: s("g10"), NewPath: s("/admins/")}))
	_, joined := own.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: s("g10"), UserName: s("eve")})
	for _, tt := range []struct {
		name string
		err  error
		code string
		says string
	}{
		{"eleventh group", add("g10", "dave"), "LimitExceeded", "GroupsPerUser: 10"},
		{"no such user", add("g00", "nobody"), "NoSuchEntity", "The user with name nobody cannot be found."},
		{"no such group", add("none", "dave"), "NoSuchEntity", "The group with name none cannot be found."},
		{"the same name", again, "EntityAlreadyExists", "Group with name G00 already exists."},
		{"another's name", renamed, "EntityAlreadyExists", "Group with name G00 already exists."},
		{"bad path", path, "ValidationError", "path"},
		{"no such policy", policy, "NoSuchEntity", "The group policy with name none cannot be found."},
		{"too long", tooLong, "LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group g00"},
		{"into a path that is denied", moved, "AccessDenied", "group/admins/g00"},
		{"a group that is denied", joined, "AccessDenied", "group/admins/g10"},
	} {
		if code(tt.err) != tt.code || !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s saying %q", tt.name, tt.err, tt.code, tt.says)
		}
	}
}
