package ec2

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var prefixListListing = listing[*network.PrefixList]{
	id:   func(l *network.PrefixList) string { return l.ID },
	tags: func(l *network.PrefixList) []network.Tag { return l.Tags },
	all: func(v *view) iter.Seq[*network.PrefixList] {
		return slices.Values(slices.SortedFunc(v.PrefixLists(v.scope), func(a, b *network.PrefixList) int { return cmp.Compare(a.ID, b.ID) }))
	},
	get: func(v *view, id string) (*network.PrefixList, error) { return v.PrefixList(v.scope, id) },
	filters: map[string]test[*network.PrefixList]{
		"owner-id":         text(func(l *network.PrefixList) string { return l.Account }),
		"prefix-list-id":   text(func(l *network.PrefixList) string { return l.ID }),
		"prefix-list-name": text(func(l *network.PrefixList) string { return l.Name }),
	},
}

// describePrefixLists lists Amazon's own prefix lists only, as the older call does.
func (s *service) describePrefixLists(_ context.Context, c *api.Call, in *sdk.DescribePrefixListsInput) (*sdk.DescribePrefixListsOutput, error) {
	list := prefixListListing
	list.all = func(v *view) iter.Seq[*network.PrefixList] {
		return func(yield func(*network.PrefixList) bool) {
			for l := range prefixListListing.all(v) {
				if l.Account == network.AmazonAccount && !yield(l) {
					return
				}
			}
		}
	}
	found, next, err := describe(s.view(c), list, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribePrefixListsOutput{NextToken: next, PrefixLists: convert(found, func(l *network.PrefixList) types.PrefixList {
		return types.PrefixList{
			PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name),
			Cidrs: convert(l.Entries, func(e network.PrefixListEntry) string { return e.CIDR.String() }),
		}
	})}, err
}

func (s *service) describeManagedPrefixLists(_ context.Context, c *api.Call, in *sdk.DescribeManagedPrefixListsInput) (*sdk.DescribeManagedPrefixListsOutput, error) {
	found, next, err := describe(s.view(c), prefixListListing, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken})
	return &sdk.DescribeManagedPrefixListsOutput{NextToken: next, PrefixLists: convert(found, toPrefixList)}, err
}

func toPrefixList(l *network.PrefixList) types.ManagedPrefixList {
	owner := l.Account
	if owner == network.AmazonAccount {
		owner = "aws"
	}
	out := types.ManagedPrefixList{
		PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String(l.Account),
		AddressFamily: aws.String("IPv4"), State: types.PrefixListStateCreateComplete, Tags: toTags(l.Tags),
		PrefixListArn: aws.String(arn.New("ec2", l.Region, owner, "prefix-list/"+l.ID).String()),
	}
	if l.Modified {
		out.State = types.PrefixListStateModifyComplete
	}
	if l.Account != network.AmazonAccount {
		out.MaxEntries, out.Version = aws.Int32(int32(l.MaxEntries)), aws.Int64(l.Version)
	}
	return out
}

var entryListing = listing[network.PrefixListEntry]{
	id: func(e network.PrefixListEntry) string { return e.CIDR.String() },
}

func (s *service) getManagedPrefixListEntries(_ context.Context, c *api.Call, in *sdk.GetManagedPrefixListEntriesInput) (*sdk.GetManagedPrefixListEntriesOutput, error) {
	v := s.view(c)
	l, err := v.PrefixList(v.scope, aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	if in.TargetVersion != nil && *in.TargetVersion != l.Version {
		return nil, unbuilt(c, "targetVersion other than the newest one")
	}
	list := entryListing
	list.all = func(*view) iter.Seq[network.PrefixListEntry] {
		return slices.Values(slices.SortedFunc(slices.Values(l.Entries), func(a, b network.PrefixListEntry) int {
			return cmp.Compare(list.id(a), list.id(b))
		}))
	}
	found, next, err := describe(v, list, query{max: in.MaxResults, token: in.NextToken})
	return &sdk.GetManagedPrefixListEntriesOutput{NextToken: next, Entries: convert(found, func(e network.PrefixListEntry) types.PrefixListEntry {
		return types.PrefixListEntry{Cidr: str(e.CIDR), Description: optional(e.Description)}
	})}, err
}
