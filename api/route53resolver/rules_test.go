package route53resolver_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"

	"postern/api/access/accesstest"
)

// rule makes a rule that forwards the names of corp.example by an outbound endpoint.
func (l *harness) rule(t *testing.T, out *types.ResolverEndpoint) *types.ResolverRule {
	t.Helper()
	in := &sdk.CreateResolverRuleInput{
		CreatorRequestId: aws.String("rule"), Name: aws.String("corp"), RuleType: types.RuleTypeOptionForward,
		DomainName:         aws.String("corp.example"),
		ResolverEndpointId: out.Id,
		TargetIps: []types.TargetAddress{
			{Ip: aws.String("192.0.2.1")}, {Ip: aws.String("192.0.2.2"), Port: aws.Int32(5353), Protocol: types.ProtocolDo53},
		},
	}
	return must(l.CreateResolverRule(l.ctx, in))(t).ResolverRule
}

func TestRules(t *testing.T) {
	l := newHarness(t)
	out := l.endpoint("out", types.ResolverEndpointDirectionOutbound)
	made := l.rule(t, out)
	if *made.DomainName != "corp.example." || made.Status != types.ResolverRuleStatusComplete ||
		*made.TargetIps[0].Port != 53 || *made.TargetIps[1].Port != 5353 ||
		*made.OwnerId != accesstest.Account || made.ShareStatus != types.ShareStatusNotShared ||
		*made.ResolverEndpointId != *out.Id {
		t.Errorf("%+v", made)
	}
	changed := must(l.UpdateResolverRule(l.ctx, &sdk.UpdateResolverRuleInput{ResolverRuleId: made.Id,
		Config: &types.ResolverRuleConfig{
			Name: aws.String("new"), TargetIps: []types.TargetAddress{{Ip: aws.String("192.0.2.3")}},
		}}))(t).ResolverRule
	if *changed.Name != "new" || len(changed.TargetIps) != 1 || *changed.ResolverEndpointId != *out.Id {
		t.Errorf("%+v", changed)
	}
	system := must(l.CreateResolverRule(l.ctx, &sdk.CreateResolverRuleInput{
		CreatorRequestId: aws.String("system"), RuleType: types.RuleTypeOptionSystem,
		DomainName: aws.String("lab.corp.example."),
	}))(t).ResolverRule
	if system.RuleType != types.RuleTypeOptionSystem || *system.DomainName != "lab.corp.example." ||
		system.ResolverEndpointId != nil {
		t.Errorf("%+v", system)
	}
	if got := must(
		l.DeleteResolverRule(l.ctx, &sdk.DeleteResolverRuleInput{ResolverRuleId: made.Id}),
	)(t); got.ResolverRule.Status != types.ResolverRuleStatusDeleting {
		t.Errorf("%+v", got.ResolverRule)
	}
}

func TestRuleAssociation(t *testing.T) {
	l := newHarness(t)
	made := l.rule(t, l.endpoint("out", types.ResolverEndpointDirectionOutbound))
	hold := must(
		l.AssociateResolverRule(
			l.ctx, &sdk.AssociateResolverRuleInput{ResolverRuleId: made.Id, VPCId: &l.vpc, Name: aws.String("mine")},
		),
	)(t).ResolverRuleAssociation
	if hold.Status != types.ResolverRuleAssociationStatusCreating {
		t.Errorf("%+v", hold)
	}
	held := must(
		l.GetResolverRuleAssociation(l.ctx, &sdk.GetResolverRuleAssociationInput{ResolverRuleAssociationId: hold.Id}),
	)(t).ResolverRuleAssociation
	if held.Status != types.ResolverRuleAssociationStatusComplete || *held.VPCId != l.vpc || *held.Name != "mine" ||
		*held.ResolverRuleId != *made.Id {
		t.Errorf("%+v", held)
	}
	wantCode(
		t, "delete a rule that holds",
		second(l.DeleteResolverRule(l.ctx, &sdk.DeleteResolverRuleInput{ResolverRuleId: made.Id})), "ResourceInUseException",
	)
	ended := must(
		l.DisassociateResolverRule(l.ctx, &sdk.DisassociateResolverRuleInput{ResolverRuleId: made.Id, VPCId: &l.vpc}),
	)(t).ResolverRuleAssociation
	if ended.Status != types.ResolverRuleAssociationStatusDeleting || *ended.Id != *hold.Id {
		t.Errorf("%+v", ended)
	}
	wantCode(
		t, "get what is gone",
		second(l.GetResolverRuleAssociation(l.ctx, &sdk.GetResolverRuleAssociationInput{ResolverRuleAssociationId: hold.Id})),
		"ResourceNotFoundException",
	)
}

func TestRulesRefuse(t *testing.T) {
	l := newHarness(t)
	out := l.endpoint("out", types.ResolverEndpointDirectionOutbound)
	for _, rule := range []*sdk.CreateResolverRuleInput{
		{CreatorRequestId: aws.String("x"), RuleType: types.RuleTypeOptionRecursive, DomainName: aws.String("x.example")},
		{
			CreatorRequestId: aws.String("x"), RuleType: types.RuleTypeOptionForward, DomainName: aws.String("x.example"),
			ResolverEndpointId: out.Id, TargetIps: []types.TargetAddress{{Ip: aws.String("192.0.2.x")}},
		},
		{
			CreatorRequestId: aws.String("x"), RuleType: types.RuleTypeOptionForward, DomainName: aws.String("x.example"),
			ResolverEndpointId: out.Id, TargetIps: []types.TargetAddress{{Ip: aws.String("192.0.2.1"), Port: aws.Int32(0)}},
		},
	} {
		wantCode(t, string(rule.RuleType), second(l.CreateResolverRule(l.ctx, rule)), "InvalidParameterException")
	}
	wantCode(t, "delegation", second(l.CreateResolverRule(l.ctx, &sdk.CreateResolverRuleInput{
		CreatorRequestId: aws.String("x"), RuleType: types.RuleTypeOptionDelegate, DelegationRecord: aws.String("x.example"),
	})), "NotImplementedException")
	for _, call := range []error{
		second(
			l.DeleteResolverRule(
				l.ctx, &sdk.DeleteResolverRuleInput{ResolverRuleId: aws.String("rslvr-autodefined-rr-internet-resolver")},
			),
		),
		second(
			l.AssociateResolverRule(
				l.ctx,
				&sdk.AssociateResolverRuleInput{
					ResolverRuleId: aws.String("rslvr-autodefined-rr-internet-resolver"), VPCId: &l.vpc,
				},
			),
		),
	} {
		wantCode(t, "a rule of Resolver's own", call, "InvalidRequestException")
	}
}

// rules makes a forwarding rule for each domain, associates it, and returns their ids.
func (l *harness) rules(t *testing.T, out *types.ResolverEndpoint, domains ...string) (rules []string) {
	t.Helper()
	for _, domain := range domains {
		r := must(l.CreateResolverRule(l.ctx, &sdk.CreateResolverRuleInput{
			CreatorRequestId: &domain, RuleType: types.RuleTypeOptionForward, DomainName: &domain, ResolverEndpointId: out.Id,
			TargetIps: []types.TargetAddress{{Ip: aws.String("192.0.2.1")}},
		}))(t).ResolverRule
		rules = append(rules, *r.Id)
		must(l.AssociateResolverRule(l.ctx, &sdk.AssociateResolverRuleInput{ResolverRuleId: r.Id, VPCId: &l.vpc}))(t)
	}
	return rules
}

func TestListRules(t *testing.T) {
	l := newHarness(t)
	out := l.endpoint("out", types.ResolverEndpointDirectionOutbound)
	rules := l.rules(t, out, "a.example", "b.example", "c.example")
	for _, tt := range []struct {
		filters []types.Filter
		want    int
	}{
		{nil, 4}, {by("TYPE", "FORWARD"), 3}, {by("Type", "RECURSIVE"), 1}, {by("DomainName", "b.example."), 1},
		{by("DOMAIN_NAME", "b.example"), 1},
		{by("ResolverEndpointId", *out.Id), 3}, {by("Status", "FAILED"), 0},
	} {
		if got := must(
			l.ListResolverRules(l.ctx, &sdk.ListResolverRulesInput{Filters: tt.filters}),
		)(t).ResolverRules; len(got) != tt.want {
			t.Errorf("rules by %v: %d, want %d", tt.filters, len(got), tt.want)
		}
	}
	for _, tt := range []struct {
		filters []types.Filter
		want    int
	}{{nil, 4}, {by("ResolverRuleId", rules[0]), 1}, {by("VPCId", l.vpc), 4}, {by("VPC_ID", "vpc-1"), 0}} {
		if got := must(
			l.ListResolverRuleAssociations(l.ctx, &sdk.ListResolverRuleAssociationsInput{Filters: tt.filters}),
		)(t).ResolverRuleAssociations; len(got) != tt.want {
			t.Errorf("associations by %v: %d, want %d", tt.filters, len(got), tt.want)
		}
	}
}

func TestPagesOfRules(t *testing.T) {
	l := newHarness(t)
	l.rules(t, l.endpoint("out", types.ResolverEndpointDirectionOutbound), "a.example", "b.example", "c.example")
	var all []string
	pages := sdk.NewListResolverRulesPaginator(l.Client, &sdk.ListResolverRulesInput{MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		p := must(pages.NextPage(l.ctx))(t)
		if *p.MaxResults != 3 {
			t.Errorf("MaxResults is %d", *p.MaxResults)
		}
		for _, r := range p.ResolverRules {
			all = append(all, *r.Id)
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != 4 {
		t.Errorf("page by page: %v", all)
	}
	wantCode(
		t, "a filter", second(l.ListResolverRules(l.ctx, &sdk.ListResolverRulesInput{Filters: by("Colour", "red")})),
		"InvalidParameterException",
	)
	wantCode(
		t, "no values", second(l.ListResolverRules(l.ctx, &sdk.ListResolverRulesInput{Filters: by("Name")})),
		"InvalidParameterException",
	)
	wantCode(
		t, "a size", second(l.ListResolverRules(l.ctx, &sdk.ListResolverRulesInput{MaxResults: aws.Int32(101)})),
		"ValidationException",
	)
}
