package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"
)

// TestPagesOfAListThatChanges makes and deletes users between the pages of ListUsers: who is there all the time is seen
// once, and nobody twice.
func TestPagesOfAListThatChanges(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		path := s(fmt.Sprintf("/round%d/", round))
		there := map[string]bool{} // since before the first page
		held := map[string]bool{}
		name := rapid.Map(rapid.StringMatching(`[a-e]{1,2}`), func(n string) string { return fmt.Sprintf("%s-%d", n, round) })
		add := func(n string) {
			if !held[n] {
				must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s(n), Path: path}))
				held[n] = true
			}
		}
		for _, n := range rapid.SliceOfN(name, 1, 6).Draw(r, "users") {
			add(n)
			there[n] = true
		}
		in := &sdk.ListUsersInput{PathPrefix: path, MaxItems: aws.Int32(int32(rapid.IntRange(1, 3).Draw(r, "size")))}
		var seen []string
		for {
			out := must(c.ListUsers(ctx, in))
			for _, u := range out.Users {
				seen = append(seen, *u.UserName)
			}
			if out.IsTruncated != (out.Marker != nil) || len(out.Users) > int(*in.MaxItems) {
				r.Fatalf("%d users, truncated %v, marker %v", len(out.Users), out.IsTruncated, out.Marker)
			}
			if in.Marker = out.Marker; in.Marker == nil {
				break
			}
			for _, n := range rapid.SliceOfN(name, 0, 2).Draw(r, "new") {
				add(n)
			}
			for _, n := range rapid.SliceOfN(name, 0, 2).Draw(r, "gone") {
				if held[n] {
					must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s(n)}))
				}
				delete(held, n)
				delete(there, n)
			}
		}
		for n := range there {
			if !slices.Contains(seen, n) {
				r.Fatalf("%s was there all the time, and is not among %v", n, seen)
			}
		}
		if slices.Sort(seen); len(slices.Compact(slices.Clone(seen))) != len(seen) {
			r.Fatalf("seen twice: %v", seen)
		}
	})
}

// list asks an operation for a page.
type list func(size *int32, marker *string) (rows int, next *string, truncated bool, err error)

// listsOfTwo are lists that hold two rows each.
func listsOfTwo(t *testing.T, c *sdk.Client) map[string]list {
	ctx, u := t.Context(), s("u")
	tags := []types.Tag{{Key: s("a"), Value: s("1")}, {Key: s("b"), Value: s("2")}}
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u, Tags: tags}))
	policy := must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: s("p"), PolicyDocument: s(read)})).Policy.Arn
	must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: policy, PolicyDocument: s(read)}))
	for _, name := range []string{"one", "two"} {
		must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: u}))
		must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: u, PolicyName: s(name), PolicyDocument: s(read)}))
	}
	return map[string]list{
		"ListUserTags": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.Tags), out.Marker, out.IsTruncated, nil
		},
		"ListAccessKeys": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.AccessKeyMetadata), out.Marker, out.IsTruncated, nil
		},
		"ListPolicyVersions": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListPolicyVersions(
				ctx, &sdk.ListPolicyVersionsInput{PolicyArn: policy, MaxItems: size, Marker: marker},
			)
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.Versions), out.Marker, out.IsTruncated, nil
		},
		"ListUserPolicies": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListUserPolicies(ctx, &sdk.ListUserPoliciesInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.PolicyNames), out.Marker, out.IsTruncated, nil
		},
	}
}

// emptyLists are lists of what users do not have.
func emptyLists(t *testing.T, c *sdk.Client) map[string]list {
	ctx, u := t.Context(), s("u")
	return map[string]list{
		"ListSSHPublicKeys": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListSSHPublicKeys(ctx, &sdk.ListSSHPublicKeysInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.SSHPublicKeys), out.Marker, out.IsTruncated, nil
		},
		"ListSigningCertificates": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListSigningCertificates(
				ctx, &sdk.ListSigningCertificatesInput{UserName: u, MaxItems: size, Marker: marker},
			)
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.Certificates), out.Marker, out.IsTruncated, nil
		},
		"ListMFADevices": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListMFADevices(ctx, &sdk.ListMFADevicesInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.MFADevices), out.Marker, out.IsTruncated, nil
		},
		"ListVirtualMFADevices": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListVirtualMFADevices(ctx, &sdk.ListVirtualMFADevicesInput{MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.VirtualMFADevices), out.Marker, out.IsTruncated, nil
		},
		"ListGroupsForUser": func(size *int32, marker *string) (int, *string, bool, error) {
			out, err := c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: u, MaxItems: size, Marker: marker})
			if err != nil {
				return 0, nil, false, err
			}
			return len(out.Groups), out.Marker, out.IsTruncated, nil
		},
	}
}

// TestMarkersOfAllLists asks lists for pages of one: what they hold comes one by one, and a marker that no answer held
// is refused.
func TestMarkersOfAllLists(t *testing.T) {
	_, c := root(t)
	for want, lists := range map[int]map[string]list{2: listsOfTwo(t, c), 0: emptyLists(t, c)} {
		for name, list := range lists {
			n, pages := 0, 0
			for marker := (*string)(nil); ; pages++ {
				rows, next, truncated, err := list(aws.Int32(1), marker)
				if err != nil || rows > 1 || truncated != (next != nil) {
					t.Errorf("%s: %d rows, truncated %v, marker %v, %v", name, rows, truncated, next, err)
				}
				n += rows
				if marker = next; marker == nil {
					break
				}
			}
			if n != want || pages != max(want-1, 0) {
				t.Errorf("%s: %d rows on %d pages, want %d", name, n, pages+1, want)
			}
			if _, _, _, err := list(aws.Int32(1), s("AAAA")); code(err) != "ValidationError" {
				t.Errorf("%s with a marker of its own making: %v", name, err)
			}
		}
	}
}

// TestAPageHasAHundredRows: where the request says nothing.
func TestAPageHasAHundredRows(t *testing.T) {
	_, c := root(t)
	for i := range 101 {
		must(c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: s(fmt.Sprintf("u%03d", i))}))
	}
	out := must(c.ListUsers(t.Context(), nil))
	if len(out.Users) != 100 || !out.IsTruncated || out.Marker == nil {
		t.Errorf("%d users, truncated %v", len(out.Users), out.IsTruncated)
	}
}
