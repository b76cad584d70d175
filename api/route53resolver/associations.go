package route53resolver

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
	sdk "postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/network"
)

var associationFields = fields[types.ResolverRuleAssociation]{
	"Name":           value(func(a types.ResolverRuleAssociation) *string { return a.Name }),
	"ResolverRuleId": value(func(a types.ResolverRuleAssociation) *string { return a.ResolverRuleId }),
	"Status":         func(a types.ResolverRuleAssociation) []string { return []string{string(a.Status)} },
	"VPCId":          value(func(a types.ResolverRuleAssociation) *string { return a.VPCId }),
}

// association is a rule's hold on a VPC as the API shows it.
func association(
	rule string, a network.ResolverAssociation, status types.ResolverRuleAssociationStatus,
) *types.ResolverRuleAssociation {
	return &types.ResolverRuleAssociation{
		Id: aws.String(a.ID), ResolverRuleId: aws.String(rule), VPCId: aws.String(a.VPC), Name: text(a.Name), Status: status,
		StatusMessage: aws.String(""),
	}
}

// associations are all of the scope: first those of the rule that every VPC has from the beginning.
func (s *service) associations(c *api.Call) []types.ResolverRuleAssociation {
	var all []types.ResolverRuleAssociation
	state := s.network.State()
	for v := range state.VPCs(scopeOf(c)) {
		own := network.ResolverAssociation{
			ID: "rslvr-autodefined-assoc-" + v.ID + "-internet-resolver", VPC: v.ID, Name: "System Rule Association",
		}
		all = append(all, *association(internetRule, own, types.ResolverRuleAssociationStatusComplete))
	}
	for r := range state.ResolverRules(scopeOf(c)) {
		for _, a := range r.Associations {
			all = append(all, *association(r.ID, a, types.ResolverRuleAssociationStatusComplete))
		}
	}
	return all
}

func (s *service) associateResolverRule(
	ctx context.Context, c *api.Call, in *sdk.AssociateResolverRuleInput,
) (*sdk.AssociateResolverRuleOutput, error) {
	id := aws.ToString(in.ResolverRuleId)
	if err := ours(id); err != nil {
		return nil, err
	}
	a, err := s.network.AssociateResolverRule(ctx, scopeOf(c), id, aws.ToString(in.VPCId), aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	return &sdk.AssociateResolverRuleOutput{
		ResolverRuleAssociation: association(id, a, types.ResolverRuleAssociationStatusCreating),
	}, nil
}

func (s *service) disassociateResolverRule(
	ctx context.Context, c *api.Call, in *sdk.DisassociateResolverRuleInput,
) (*sdk.DisassociateResolverRuleOutput, error) {
	id := aws.ToString(in.ResolverRuleId)
	if err := ours(id); err != nil {
		return nil, err
	}
	a, err := s.network.DisassociateResolverRule(ctx, scopeOf(c), id, aws.ToString(in.VPCId))
	if err != nil {
		return nil, err
	}
	return &sdk.DisassociateResolverRuleOutput{
		ResolverRuleAssociation: association(id, a, types.ResolverRuleAssociationStatusDeleting),
	}, nil
}

func (s *service) getResolverRuleAssociation(
	_ context.Context, c *api.Call, in *sdk.GetResolverRuleAssociationInput,
) (*sdk.GetResolverRuleAssociationOutput, error) {
	id := aws.ToString(in.ResolverRuleAssociationId)
	for _, a := range s.associations(c) {
		if *a.Id == id {
			return &sdk.GetResolverRuleAssociationOutput{ResolverRuleAssociation: &a}, nil
		}
	}
	return nil, fault.New(
		fault.NotFound, "route53resolver", "Resolver rule association with ID '%s' does not exist", id,
	).WithCode("ResourceNotFoundException")
}

func (s *service) listResolverRuleAssociations(
	_ context.Context, c *api.Call, in *sdk.ListResolverRuleAssociationsInput,
) (*sdk.ListResolverRuleAssociationsOutput, error) {
	all, err := filter(s.associations(c), associationFields, in.Filters)
	if err != nil {
		return nil, err
	}
	p, err := page.Read(c, in, maxResults)
	if err != nil {
		return nil, err
	}
	rows, next := page.Cut(p, all, func(a types.ResolverRuleAssociation) string { return *a.Id })
	return &sdk.ListResolverRuleAssociationsOutput{
		ResolverRuleAssociations: rows, MaxResults: sizeOf(p), NextToken: next,
	}, nil
}
