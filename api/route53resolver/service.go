package route53resolver

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/service/route53resolver/types"
	"postern/aws/wire"
	"postern/network"
)

// Config names the services behind the Route 53 Resolver API.
type Config struct {
	Network *network.Service
}

type service struct {
	network *network.Service
}

// New makes the Route 53 Resolver API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{c.Network}
	return api.Service{
		Name: "route53resolver", Protocol: wire.JSON, TargetPrefix: "Route53Resolver",
		TokenCode:     "InvalidNextTokenException",
		ResourceTypes: map[string]api.ResourceType{endpointType: {Tags: s.heldTags}, ruleType: {Tags: s.heldTags}},
		Operations:    s.operations(),
	}
}

// The types of resource, as they stand in ARNs.
const (
	endpointType = "resolver-endpoint"
	ruleType     = "resolver-rule"
)

// heldTags are the tags of an endpoint or a rule.
func (s *service) heldTags(_ context.Context, r api.Resource) (map[string]string, error) {
	held := map[string]string{}
	for _, t := range s.network.State().TagsOf(scope.Scope{Account: r.Account, Region: r.Region}, r.ID) {
		held[t.Key] = t.Value
	}
	return held, nil
}

// name is the ARN of a resource.
func name(region, account, kind, id string) string {
	return arn.New("route53resolver", region, account, kind+"/"+id).String()
}

func scopeOf(c *api.Call) scope.Scope {
	return scope.Scope{Account: c.Account, Region: c.Region}
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "route53resolver", format, args...).WithCode("InvalidParameterException")
}

func refused(format string, args ...any) error {
	return fault.New(fault.Conflict, "route53resolver", format, args...).WithCode("InvalidRequestException")
}

func unbuilt(c *api.Call, what string) error {
	return fault.New(
		fault.NotImplemented, "route53resolver", "Postern does not implement %s of %s", what, c.Operation.Name,
	)
}

// text is a pointer to s, and nil for an empty one.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment is a time as the API writes it.
func moment(t time.Time) *string { return aws.String(t.UTC().Format("2006-01-02T15:04:05.000Z07:00")) }

// maxResults is how many rows a page has where the request does not say: the most that the model allows.
const maxResults = 100

// sizeOf is a page's size as answers tell it.
func sizeOf(p page.Page) *int32 { return aws.Int32(int32(p.Size)) }

// fields name what the rows of a list can be filtered by. The values of one row are any of the texts.
type fields[T any] map[string]func(T) []string

// filter keeps the rows that every filter asks for. In old requests names stand in capitals: CREATOR_REQUEST_ID.
func filter[T any](rows []T, known fields[T], asked []types.Filter) ([]T, error) {
	for _, f := range asked {
		var of func(T) []string
		for name, field := range known {
			if strings.EqualFold(name, strings.ReplaceAll(aws.ToString(f.Name), "_", "")) {
				of = field
			}
		}
		if of == nil {
			return nil, invalid("The filter '%s' is invalid", aws.ToString(f.Name))
		}
		if len(f.Values) == 0 {
			return nil, invalid("The filter '%s' has no values", aws.ToString(f.Name))
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(row T) bool {
			return !slices.ContainsFunc(of(row), func(have string) bool { return slices.Contains(f.Values, have) })
		})
	}
	return rows, nil
}

func value[T any](of func(T) *string) func(T) []string {
	return func(row T) []string { return []string{aws.ToString(of(row))} }
}
