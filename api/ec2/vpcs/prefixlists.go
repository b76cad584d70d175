package vpcs

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/arn"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

var prefixListListing = query.Listing[*network.PrefixList]{
	ID:   func(l *network.PrefixList) string { return l.ID },
	Tags: func(l *network.PrefixList) []network.Tag { return l.Tags },
	All: func(v *query.View) iter.Seq[*network.PrefixList] {
		return slices.Values(
			slices.SortedFunc(v.PrefixLists(v.Scope), func(a, b *network.PrefixList) int { return cmp.Compare(a.ID, b.ID) }),
		)
	},
	Get: func(v *query.View, id string) (*network.PrefixList, error) { return v.PrefixList(v.Scope, id) },
	Filters: map[string]query.Test[*network.PrefixList]{
		"owner-id":         query.Text(func(l *network.PrefixList) string { return l.Account }),
		"prefix-list-id":   query.Text(func(l *network.PrefixList) string { return l.ID }),
		"prefix-list-name": query.Text(func(l *network.PrefixList) string { return l.Name }),
	},
}

// describePrefixLists lists Amazon's own prefix lists only, as the older call does.
func (s *service) describePrefixLists(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribePrefixListsInput,
) (*sdk.DescribePrefixListsOutput, error) {
	list := prefixListListing
	list.All = func(v *query.View) iter.Seq[*network.PrefixList] {
		return func(yield func(*network.PrefixList) bool) {
			for l := range prefixListListing.All(v) {
				if l.Account == network.AmazonAccount && !yield(l) {
					return
				}
			}
		}
	}
	found, next, err := query.Describe(s.view(c), in, list, in.PrefixListIds, in.Filters)
	return &sdk.DescribePrefixListsOutput{
		NextToken: next,
		PrefixLists: query.Convert(found, func(l *network.PrefixList) types.PrefixList {
			return types.PrefixList{
				PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name),
				Cidrs: query.Convert(l.Entries, func(e network.PrefixListEntry) string { return e.CIDR.String() }),
			}
		}),
	}, err
}

func (s *service) describeManagedPrefixLists(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeManagedPrefixListsInput,
) (*sdk.DescribeManagedPrefixListsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, prefixListListing, in.PrefixListIds, in.Filters)
	return &sdk.DescribeManagedPrefixListsOutput{NextToken: next, PrefixLists: query.Convert(found, toPrefixList)}, err
}

func toPrefixList(l *network.PrefixList) types.ManagedPrefixList {
	owner := l.Account
	if owner == network.AmazonAccount {
		owner = "aws"
	}
	out := types.ManagedPrefixList{
		PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String(l.Account),
		AddressFamily: aws.String("IPv4"), State: types.PrefixListStateCreateComplete, Tags: tags.To[types.Tag](l.Tags),
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

var entryListing = query.Listing[network.PrefixListEntry]{
	ID: func(e network.PrefixListEntry) string { return e.CIDR.String() },
}

func (s *service) getManagedPrefixListEntries(
	_ context.Context,
	c *api.Call,
	in *sdk.GetManagedPrefixListEntriesInput,
) (*sdk.GetManagedPrefixListEntriesOutput, error) {
	v := s.view(c)
	l, err := v.PrefixList(v.Scope, aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	if in.TargetVersion != nil && *in.TargetVersion != l.Version {
		return nil, query.Unbuilt(c, "targetVersion other than the newest one")
	}
	list := entryListing
	list.All = func(*query.View) iter.Seq[network.PrefixListEntry] {
		return slices.Values(slices.SortedFunc(slices.Values(l.Entries), func(a, b network.PrefixListEntry) int {
			return cmp.Compare(list.ID(a), list.ID(b))
		}))
	}
	found, next, err := query.Describe(v, in, list, nil, nil)
	return &sdk.GetManagedPrefixListEntriesOutput{
		NextToken: next,
		Entries: query.Convert(found, func(e network.PrefixListEntry) types.PrefixListEntry {
			return types.PrefixListEntry{Cidr: query.String(e.CIDR), Description: query.Optional(e.Description)}
		}),
	}, err
}
