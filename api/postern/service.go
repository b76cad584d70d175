package postern

import (
	"context"
	"time"

	"postern/api"
	"postern/aws/fault"
	sdk "postern/aws/postern"
	"postern/aws/wire"
	"postern/services/identity"
)

// Config names what the API is about.
type Config struct {
	Identities *identity.Service
	Requests   *Requests
	// ResetKey makes another access key of an account's root user, and keeps it where the server's user finds it.
	ResetKey func(ctx context.Context, account string, deactivate bool) (id, secret string, inactive int, err error)
	// Account is the server's own: whose callers may use the API.
	Account string
}

type service struct{ Config }

// New makes the service with its table of operations.
func New(c Config) api.Service {
	s := &service{c}
	return api.Service{
		Name: sdk.Name, Protocol: wire.JSON, TargetPrefix: sdk.Target,
		ResourceTypes: api.Types("account", "guard", "request"),
		Uncontrolled:  true,
		Hostless:      true,
		Operations:    s.operations(),
	}
}

// ours lets the callers of the server's own account in.
func ours[In, Out any](
	s *service, handle func(context.Context, *api.Call, *In) (*Out, error),
) func(context.Context, *api.Call, *In) (*Out, error) {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		if c.Account != s.Account {
			return nil, fault.New(fault.Denied, "postern", "Only callers of the server's own account may do this")
		}
		return handle(ctx, c, in)
	}
}

func (s *service) putGuard(
	ctx context.Context, _ *api.Call, in *sdk.PutGuardInput,
) (*sdk.PutGuardOutput, error) {
	return nil, s.Identities.PutGuard(ctx, in.Account, in.Policy)
}

func (s *service) deleteGuard(
	ctx context.Context, _ *api.Call, in *sdk.DeleteGuardInput,
) (*sdk.DeleteGuardOutput, error) {
	return nil, s.Identities.DeleteGuard(ctx, in.Account)
}

func (s *service) listGuards(
	context.Context, *api.Call, *sdk.ListGuardsInput,
) (*sdk.ListGuardsOutput, error) {
	out := &sdk.ListGuardsOutput{}
	for _, g := range s.Identities.Guards() {
		out.Guards = append(out.Guards, sdk.Guard{
			Account: g.Account, Policy: g.Text, Updated: g.Updated.UTC().Format(time.RFC3339),
		})
	}
	return out, nil
}

func (s *service) describeOrganization(
	context.Context, *api.Call, *sdk.DescribeOrganizationInput,
) (*sdk.DescribeOrganizationOutput, error) {
	o := s.Identities.Organization()
	return &sdk.DescribeOrganizationOutput{OrganizationId: o.ID, Path: o.Path}, nil
}

func (s *service) describeRequest(
	_ context.Context, _ *api.Call, in *sdk.DescribeRequestInput,
) (*sdk.DescribeRequestOutput, error) {
	rec, ok := s.Requests.Find(in.RequestId)
	if !ok {
		return nil, fault.New(fault.NotFound, "postern.DescribeRequest",
			"There is no record of request %.64s: this server keeps those of its latest %d requests", in.RequestId, MaxRequests)
	}
	return &sdk.DescribeRequestOutput{Request: describe(&rec)}, nil
}
