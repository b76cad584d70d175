package operator

import (
	"context"
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/postern"
	"postern/aws/wire"
	"postern/services/identity"
)

// Config names what the API is about.
type Config struct {
	Identities *identity.Service
	Requests   *Requests
	// Account is the server's own: whose callers may use the API.
	Account string
}

type service struct{ Config }

// New makes the service with its table of operations.
func New(c Config) api.Service {
	s := &service{c}
	return api.Service{
		Name: postern.Name, Protocol: wire.JSON, TargetPrefix: postern.Target,
		ResourceTypes: api.Types("guard", "request"),
		Uncontrolled:  true,
		Hostless:      true,
		Operations:    s.operations(),
	}
}

func (s *service) operations() []api.Operation {
	return []api.Operation{
		api.Op("PutGuard", api.About("guard/{Account}"), ours(s, s.putGuard), api.All),
		api.Op("DeleteGuard", api.About("guard/{Account}"), ours(s, s.deleteGuard), api.All),
		api.Op("ListGuards", api.Everything, ours(s, s.listGuards), api.All),
		api.Op("DescribeRequest", api.About("request/{RequestId}"), ours(s, s.describeRequest), api.All),
	}
}

// ours lets the callers of the server's own account in.
func ours[In, Out any](
	s *service, handle func(context.Context, *api.Call, *In) (*Out, error),
) func(context.Context, *api.Call, *In) (*Out, error) {
	return func(ctx context.Context, c *api.Call, in *In) (*Out, error) {
		if c.Account != s.Account {
			return nil, fault.New(fault.Denied, "operator", "Only callers of account %s may do this", s.Account)
		}
		return handle(ctx, c, in)
	}
}

func (s *service) putGuard(
	ctx context.Context, _ *api.Call, in *postern.PutGuardInput,
) (*postern.PutGuardOutput, error) {
	return nil, s.Identities.PutGuard(ctx, in.Account, in.Policy)
}

func (s *service) deleteGuard(
	ctx context.Context, _ *api.Call, in *postern.DeleteGuardInput,
) (*postern.DeleteGuardOutput, error) {
	return nil, s.Identities.DeleteGuard(ctx, in.Account)
}

func (s *service) listGuards(
	context.Context, *api.Call, *postern.ListGuardsInput,
) (*postern.ListGuardsOutput, error) {
	out := &postern.ListGuardsOutput{}
	for _, g := range s.Identities.Guards() {
		out.Guards = append(out.Guards, postern.Guard{
			Account: g.Account, Policy: g.Text, Updated: g.Updated.UTC().Format(time.RFC3339),
		})
	}
	return out, nil
}

func (s *service) describeRequest(
	_ context.Context, _ *api.Call, in *postern.DescribeRequestInput,
) (*postern.DescribeRequestOutput, error) {
	rec, ok := s.Requests.Find(in.RequestId)
	if !ok {
		return nil, fault.New(fault.NotFound, "operator.DescribeRequest",
			"There is no record of request %.64s: this server keeps those of its latest %d requests", in.RequestId, MaxRequests)
	}
	return &postern.DescribeRequestOutput{Request: describe(&rec)}, nil
}
