package iam

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

func badInput(format string, args ...any) error {
	return fault.New(fault.Invalid, "iam.Simulate", format, args...).WithCode("InvalidInput")
}

// parseInputs compiles policies that a request brings along; they are called by member and number.
func parseInputs(kind iam.Kind, member string, documents []string) ([]*iam.Policy, error) {
	all := make([]*iam.Policy, len(documents))
	for i, text := range documents {
		var err error
		if all[i], err = iam.ParseNew(kind, fmt.Sprintf("%s.%d", member, i+1), text); err != nil {
			return nil, badInput("Invalid policy document in %s.%d: %s", member, i+1, err)
		}
	}
	return all, nil
}

// simulation holds a request to simulate: its actions and resources, and the policies of a principal.
type simulation struct {
	*identity.Simulated
	actions, resources []string
	owner              string // of resources whose ARN names no account
	context            map[string][]string
}

// A simulationInput is what the two operations' inputs have in common.
type simulationInput struct {
	actions, resources, policies, boundaries []string
	caller, owner, resourcePolicy            *string
	entries                                  []types.ContextEntry
}

// newSimulation reads the request. of has the principal's own policies.
func newSimulation(of *identity.Simulated, in simulationInput) (*simulation, error) {
	s := &simulation{Simulated: of, actions: in.actions, resources: in.resources, context: map[string][]string{}}
	for _, action := range s.actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" ||
			strings.ContainsAny(action, "*?") {
			return nil, badInput("Invalid Input Action: %.128s", action)
		}
	}
	if len(s.resources) == 0 {
		s.resources = []string{"*"}
	}
	for _, name := range s.resources {
		if _, err := arn.Parse(name); err != nil && name != "*" {
			return nil, badInput("Invalid Resource Arn: %.200s", name)
		}
	}
	if err := s.readCaller(in); err != nil {
		return nil, err
	}
	if err := s.readPolicies(in); err != nil {
		return nil, err
	}
	for _, e := range in.entries {
		if err := s.readEntry(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *simulation) readCaller(in simulationInput) error {
	if in.caller != nil {
		a, err := arn.Parse(*in.caller)
		if err != nil || a.Service != "iam" || !slices.Contains([]string{"user", "role", "group"}, a.Type()) {
			return badInput("Invalid Caller Arn: %.200s", *in.caller)
		}
		if s.Principal.ARN != *in.caller && s.Principal.Role != *in.caller {
			s.Principal = identity.SimulatedCaller(*in.caller)
		}
	} else if in.resourcePolicy != nil && s.Principal.ARN == "" {
		return badInput("CallerArn is required where ResourcePolicy is given")
	}
	s.owner = s.Principal.Account
	if in.owner != nil {
		s.owner = *in.owner
		if a, err := arn.Parse(*in.owner); err == nil {
			s.owner = a.Account
		}
		if len(s.owner) != 12 || strings.Trim(s.owner, "0123456789") != "" {
			return badInput("ResourceOwner %.200s does not name an account", *in.owner)
		}
	}
	return nil
}

func (s *simulation) readPolicies(in simulationInput) error {
	own, err := parseInputs(iam.Identity, "PolicyInputList", in.policies)
	if err != nil {
		return err
	}
	s.Policies.Identity = slices.Concat(s.Policies.Identity, own)
	if len(in.boundaries) > 1 {
		return badInput("PermissionsBoundaryPolicyInputList takes one policy")
	}
	boundaries, err := parseInputs(iam.Boundary, "PermissionsBoundaryPolicyInputList", in.boundaries)
	if err != nil {
		return err
	}
	if len(boundaries) == 1 {
		s.Policies.Boundary = boundaries[0]
	}
	if in.resourcePolicy != nil {
		if s.Policies.Resource, err = iam.ParseNew(iam.Resource, "ResourcePolicy", *in.resourcePolicy); err != nil {
			return badInput("Invalid policy document in ResourcePolicy: %s", err)
		}
	}
	return nil
}

// entryTypes check the values of context entries by their type; the types of lists end with List.
var entryTypes = map[string]func(string) error{
	"string": func(string) error { return nil },
	"binary": func(string) error { return nil },
	"date":   func(string) error { return nil },
	"boolean": func(v string) error {
		_, err := strconv.ParseBool(v)
		return err
	},
	"numeric": func(v string) error {
		_, err := strconv.ParseFloat(v, 64)
		return err
	},
	"ip": func(v string) error {
		if _, err := netip.ParsePrefix(v); err == nil {
			return nil
		}
		_, err := netip.ParseAddr(v)
		return err
	},
}

func (s *simulation) readEntry(e types.ContextEntry) error {
	name, kind := aws.ToString(e.ContextKeyName), string(e.ContextKeyType)
	if name == "" || kind == "" {
		return badInput("A context entry has a ContextKeyName and a ContextKeyType")
	}
	single, list := strings.CutSuffix(kind, "List")
	check := entryTypes[single]
	switch {
	case check == nil:
		return badInput("%.40q is not a ContextKeyType", kind)
	case len(e.ContextKeyValues) > 1 && !list:
		return badInput("The context key %s has several values, and its type %s has one", name, kind)
	}
	for _, value := range e.ContextKeyValues {
		if check(value) != nil {
			return badInput("%.200q is not a value of the type %s, which the context key %s has", value, kind, name)
		}
	}
	s.context[strings.ToLower(name)] = e.ContextKeyValues
	return nil
}

// momentary are the keys that follow from the moment and the session of a request. Nobody makes a simulated one, so
// that it has only those that its entries give.
var momentary = []string{
	"aws:currenttime", "aws:epochtime", "aws:tokenissuetime", "aws:multifactorauthpresent",
}

// simulated implements iam.Request.Simulated.
func (s *simulation) simulated(key string) ([]string, bool) {
	values, ok := s.context[key]
	return values, ok || slices.Contains(momentary, key)
}

// results simulates one page of every action on every resource, in the request's order.
func (s *simulation) results(
	ctx context.Context, c *api.Call, in any,
) (results []types.EvaluationResult, next *string, err error) {
	n := len(s.resources)
	all := make([]int, len(s.actions)*n)
	for i := range all {
		all[i] = i
	}
	items, next, err := page.Of(c, in, pageSize, all, func(i int) string { return page.Ascending(int64(i)) })
	for _, i := range items {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		results = append(results, s.result(s.actions[i/n], s.resources[i%n]))
	}
	return results, next, err
}

func (s *simulation) result(action, resource string) types.EvaluationResult {
	owner := s.owner
	if a, err := arn.Parse(resource); err == nil && a.Account != "" {
		owner = a.Account
	}
	r := &iam.Request{
		Principal: &s.Principal, Action: action, Resource: resource, Account: owner, Simulated: s.simulated,
	}
	did := iam.Simulate(r, &s.Policies)
	out := types.EvaluationResult{
		EvalActionName: aws.String(action), EvalResourceName: aws.String(resource), EvalDecision: decision(did.Decision),
		MatchedStatements: convert(did.Matched, s.toStatement), MissingContextValues: did.Missing,
	}
	if s.Policies.Boundary != nil {
		out.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{
			AllowedByPermissionsBoundary: did.Bounded,
		}
	}
	if len(s.Policies.Control) > 0 {
		out.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: did.Controlled}
	}
	if resource != "*" {
		out.ResourceSpecificResults = []types.ResourceSpecificResult{{
			EvalResourceName: out.EvalResourceName, EvalResourceDecision: out.EvalDecision,
			MatchedStatements: out.MatchedStatements, MissingContextValues: out.MissingContextValues,
			PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
		}}
	}
	return out
}

func decision(d iam.Decision) types.PolicyEvaluationDecisionType {
	switch {
	case d.Allow:
		return types.PolicyEvaluationDecisionTypeAllowed
	case d.Reason == iam.ExplicitDeny:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return types.PolicyEvaluationDecisionTypeImplicitDeny
}

// identitySource stands in IAM's answers for every policy but a resource's; the SDK's enumeration does not have it.
const identitySource types.PolicySourceType = "IAM Policy"

func (s *simulation) toStatement(m iam.Match) types.Statement {
	start, end := m.Span()
	out := types.Statement{
		SourcePolicyId: aws.String(s.SourceOf(m.Policy)), SourcePolicyType: identitySource,
		StartPosition: &types.Position{Line: int32(start.Line), Column: int32(start.Column)},
		EndPosition:   &types.Position{Line: int32(end.Line), Column: int32(end.Column)},
	}
	if m.Policy.Kind == iam.Resource {
		out.SourcePolicyType = types.PolicySourceTypeResource
	}
	return out
}

// simulate reads a request in, whose members input has, and returns the page of results that it asks for.
func simulate(
	ctx context.Context, c *api.Call, in any, of *identity.Simulated, input simulationInput,
) ([]types.EvaluationResult, *string, error) {
	sim, err := newSimulation(of, input)
	if err != nil {
		return nil, nil, err
	}
	return sim.results(ctx, c, in)
}

func (s *service) simulatePrincipalPolicy(
	ctx context.Context, c *api.Call, in *sdk.SimulatePrincipalPolicyInput,
) (*sdk.SimulatePrincipalPolicyOutput, error) {
	of, err := s.identities.Simulate(c.Account, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	results, next, err := simulate(ctx, c, in, of, simulationInput{
		actions: in.ActionNames, resources: in.ResourceArns, policies: in.PolicyInputList,
		boundaries: in.PermissionsBoundaryPolicyInputList, caller: in.CallerArn, owner: in.ResourceOwner,
		resourcePolicy: in.ResourcePolicy, entries: in.ContextEntries,
	})
	return &sdk.SimulatePrincipalPolicyOutput{
		EvaluationResults: results, Marker: next, IsTruncated: next != nil,
	}, err
}

func (*service) simulateCustomPolicy(
	ctx context.Context, c *api.Call, in *sdk.SimulateCustomPolicyInput,
) (*sdk.SimulateCustomPolicyOutput, error) {
	nobody := &identity.Simulated{Principal: iam.Principal{Kind: iam.User, Account: c.Account}}
	results, next, err := simulate(ctx, c, in, nobody, simulationInput{
		actions: in.ActionNames, resources: in.ResourceArns, policies: in.PolicyInputList,
		boundaries: in.PermissionsBoundaryPolicyInputList, caller: in.CallerArn, owner: in.ResourceOwner,
		resourcePolicy: in.ResourcePolicy, entries: in.ContextEntries,
	})
	return &sdk.SimulateCustomPolicyOutput{
		EvaluationResults: results, Marker: next, IsTruncated: next != nil,
	}, err
}

func (*service) getContextKeysForCustomPolicy(
	_ context.Context, _ *api.Call, in *sdk.GetContextKeysForCustomPolicyInput,
) (*sdk.GetContextKeysForCustomPolicyOutput, error) {
	all, err := parseInputs(iam.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &sdk.GetContextKeysForCustomPolicyOutput{ContextKeyNames: iam.ContextKeys(all...)}, nil
}

func (s *service) getContextKeysForPrincipalPolicy(
	_ context.Context, c *api.Call, in *sdk.GetContextKeysForPrincipalPolicyInput,
) (*sdk.GetContextKeysForPrincipalPolicyOutput, error) {
	of, err := s.identities.Simulate(c.Account, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	more, err := parseInputs(iam.Identity, "PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &sdk.GetContextKeysForPrincipalPolicyOutput{
		ContextKeyNames: iam.ContextKeys(slices.Concat(of.Policies.Identity, more)...),
	}, nil
}
