package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestManagedPrefixList makes a prefix list, changes it and deletes it.
func TestManagedPrefixList(t *testing.T) {
	l := newHarness(t)
	made := must(l.CreateManagedPrefixList(l.ctx, &sdk.CreateManagedPrefixListInput{
		PrefixListName: aws.String("office"), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(2),
		Entries:           []types.AddPrefixListEntry{{Cidr: aws.String("192.0.2.0/24"), Description: aws.String("one")}},
		TagSpecifications: nameTag("prefix-list", "office"),
	}))(t).PrefixList
	id := made.PrefixListId
	if *made.Version != 1 || *made.MaxEntries != 2 || made.State != "create-in-progress" || *made.OwnerId != account {
		t.Errorf("made %+v", made)
	}
	type in = *sdk.ModifyManagedPrefixListInput
	modify := func(change func(in)) error {
		x := sdk.ModifyManagedPrefixListInput{PrefixListId: id, CurrentVersion: aws.Int64(1)}
		change(&x)
		return second(l.ModifyManagedPrefixList(l.ctx, &x))
	}
	create := func(family string) error {
		return second(l.CreateManagedPrefixList(l.ctx, &sdk.CreateManagedPrefixListInput{
			PrefixListName: aws.String("x"), AddressFamily: &family, MaxEntries: aws.Int32(2),
		}))
	}
	wantCodes(t, []outcome{
		{"family", create("IPv5"), "InvalidParameterValue"},
		{"no family", create(""), "MissingParameter"},
		{"IPv6", create("IPv6"), "UnsupportedOperation"},
		{
			"range", modify(func(x in) { x.AddEntries = []types.AddPrefixListEntry{{Cidr: aws.String("x")}} }),
			"InvalidParameterValue",
		},
		{
			"range to remove", modify(func(x in) { x.RemoveEntries = []types.RemovePrefixListEntry{{Cidr: aws.String("x")}} }),
			"InvalidParameterValue",
		},
		{"another version", modify(func(x in) {
			x.CurrentVersion, x.AddEntries = aws.Int64(4), []types.AddPrefixListEntry{{Cidr: aws.String("10.0.0.0/8")}}
		}), "PrefixListVersionMismatch"},
		{"change", modify(func(x in) {
			x.AddEntries = []types.AddPrefixListEntry{{Cidr: aws.String("198.51.100.0/24")}}
			x.RemoveEntries = []types.RemovePrefixListEntry{{Cidr: aws.String("192.0.2.0/24")}}
		}), ""},
		{"name", modify(func(x in) { x.PrefixListName = aws.String("home") }), ""},
	})
	found := must(l.DescribeManagedPrefixLists(l.ctx, &sdk.DescribeManagedPrefixListsInput{
		Filters: []types.Filter{filter("prefix-list-name", "home")},
	}))(t).PrefixLists
	if len(found) != 1 || *found[0].Version != 2 || found[0].State != "modify-complete" ||
		*found[0].Tags[0].Value != "office" {
		t.Errorf("found %+v", found)
	}
	entries := must(l.GetManagedPrefixListEntries(l.ctx, &sdk.GetManagedPrefixListEntriesInput{
		PrefixListId: id,
	}))(t).Entries
	if len(entries) != 1 || *entries[0].Cidr != "198.51.100.0/24" {
		t.Errorf("entries %+v", entries)
	}
	must(l.DeleteManagedPrefixList(l.ctx, &sdk.DeleteManagedPrefixListInput{PrefixListId: id}))(t)
	_, err := l.DescribeManagedPrefixLists(l.ctx, &sdk.DescribeManagedPrefixListsInput{PrefixListIds: []string{*id}})
	wantCode(t, "after its end", err, "InvalidPrefixListID.NotFound")
}
