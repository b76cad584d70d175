package vpcs

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

func (s *service) createManagedPrefixList(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateManagedPrefixListInput,
) (*sdk.CreateManagedPrefixListOutput, error) {
	switch family := aws.ToString(in.AddressFamily); family {
	case "IPv4":
	case "":
		return nil, query.Required("addressFamily")
	case "IPv6":
		return nil, query.Unbuilt(c, "addressFamily IPv6")
	default:
		return nil, query.Invalid("Value (%s) for parameter addressFamily is invalid. It is IPv4 or IPv6.", family)
	}
	tags, err := query.TagsFor(ctx, c, "prefix-list", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	entries, err := listEntries(in.Entries)
	if err != nil {
		return nil, err
	}
	l, err := s.network.CreatePrefixList(ctx, query.ScopeOf(c), network.CreatePrefixListInput{
		Name: aws.ToString(
			in.PrefixListName,
		), MaxEntries: int(aws.ToInt32(in.MaxEntries)), Entries: entries, Tags: tags, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := toPrefixList(l)
	out.State = types.PrefixListStateCreateInProgress
	return &sdk.CreateManagedPrefixListOutput{PrefixList: &out}, nil
}

func listEntries(in []types.AddPrefixListEntry) ([]network.PrefixListEntry, error) {
	var out []network.PrefixListEntry
	for _, e := range in {
		cidr, err := query.Prefix("entries.cidr", e.Cidr)
		if err != nil {
			return nil, err
		}
		out = append(out, network.PrefixListEntry{CIDR: cidr, Description: aws.ToString(e.Description)})
	}
	return out, nil
}

func (s *service) modifyManagedPrefixList(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyManagedPrefixListInput,
) (*sdk.ModifyManagedPrefixListOutput, error) {
	add, err := listEntries(in.AddEntries)
	if err != nil {
		return nil, err
	}
	var remove []netip.Prefix
	for _, e := range in.RemoveEntries {
		cidr, err := query.Prefix("removeEntries.cidr", e.Cidr)
		if err != nil {
			return nil, err
		}
		remove = append(remove, cidr)
	}
	change := network.PrefixListChange{Add: add, Remove: remove, Name: in.PrefixListName, Version: in.CurrentVersion}
	if in.MaxEntries != nil {
		change.MaxEntries = aws.Int(int(*in.MaxEntries))
	}
	l, err := s.network.ModifyPrefixList(ctx, query.ScopeOf(c), aws.ToString(in.PrefixListId), change)
	if err != nil {
		return nil, err
	}
	out := toPrefixList(l)
	out.State = types.PrefixListStateModifyInProgress
	return &sdk.ModifyManagedPrefixListOutput{PrefixList: &out}, nil
}

func (s *service) deleteManagedPrefixList(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteManagedPrefixListInput,
) (*sdk.DeleteManagedPrefixListOutput, error) {
	l, err := s.network.DeletePrefixList(ctx, query.ScopeOf(c), aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	out := toPrefixList(l)
	out.State = types.PrefixListStateDeleteInProgress
	return &sdk.DeleteManagedPrefixListOutput{PrefixList: &out}, nil
}
