package ec2

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/aws/wire"
	"postern/network"
	"postern/services/compute"
)

// Config is what the EC2 API speaks for.
type Config struct {
	Network  *network.Service
	Compute  *compute.Service
	Profiles Profiles
	// FlowLogs may be nil.
	FlowLogs FlowLogs
	// MayImport refuses images of paths of the server's host; nil refuses none.
	MayImport func(path string) error
}

type service struct {
	network  *network.Service
	compute  *compute.Service
	profiles Profiles
	flowLogs FlowLogs
	// mayImport refuses images of paths of the server's host; nil refuses none.
	mayImport func(path string) error
}

// New makes the EC2 API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{network: c.Network, compute: c.Compute, profiles: c.Profiles, flowLogs: c.FlowLogs, mayImport: c.MayImport}
	return api.Service{
		Name: "ec2", Protocol: wire.EC2, Version: "2016-11-15", Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
		ResourceTypes: resourceTypes(), Operations: s.operations(),
	}
}

func scopeOf(c *api.Call) network.Scope { return network.Scope{Account: c.Account, Region: c.Region} }

func (s *service) view(c *api.Call) *view { return &view{s.network.State(), scopeOf(c)} }

// resourceTypes are those of the EC2 API. An image has no account in its ARN.
func resourceTypes() map[string]api.ResourceType {
	all := map[string]api.ResourceType{}
	for _, t := range types.ResourceType("").Values() {
		all[string(t)] = api.ResourceType{}
	}
	all["image"] = api.ResourceType{NoAccount: true}
	return all
}

// resource names a resource of the caller: "vpc/vpc-0123456789abcdef0", or "vpc/*" for one still to be made.
func resource(c *api.Call, name string) string {
	return arn.New("ec2", c.Region, c.Account, name).String()
}

// on declares what an operation is about, as names like "subnet/subnet-0123456789abcdef0".
func on[In any](names func(*In) []string) api.Resources {
	return api.Lookup(func(_ *api.Call, in *In) []string { return names(in) })
}

// one declares an operation that is about one resource.
func one[In any](kind string, id func(*In) *string) api.Resources {
	return on(func(in *In) []string { return []string{kind + "/" + aws.ToString(id(in))} })
}

// each declares an operation that is about a list of resources.
func each[In any](kind string, ids func(*In) []string) api.Resources {
	return on(func(in *In) []string {
		out := []string{}
		for _, id := range ids(in) {
			out = append(out, kind+"/"+id)
		}
		if len(out) == 0 {
			out = append(out, kind+"/*")
		}
		return out
	})
}

// tagsFor takes the tags for a new resource out of a request's specifications. Those for any other kind of resource are
// refused. To tag what one makes needs the permission to tag.
func tagsFor(ctx context.Context, c *api.Call, kind string, specs []types.TagSpecification) ([]network.Tag, error) {
	all, err := tagsByKind(ctx, c, specs, kind)
	return all[kind], err
}

func tagsByKind(ctx context.Context, c *api.Call, specs []types.TagSpecification, kinds ...string) (map[string][]network.Tag, error) {
	out := map[string][]network.Tag{}
	for _, spec := range specs {
		kind := string(spec.ResourceType)
		if !slices.Contains(kinds, kind) {
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", kind)
		}
		if len(spec.Tags) == 0 {
			return nil, invalid("Tag specification must have at least one tag")
		}
		out[kind] = append(out[kind], fromTags(spec.Tags)...)
	}
	for _, kind := range slices.Sorted(maps.Keys(out)) {
		keys := map[string][]string{"ec2:CreateAction": {operationName(c)}}
		if err := c.Allow(ctx, "ec2:CreateTags", resource(c, kind+"/*"), keys); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fromTags(tags []types.Tag) []network.Tag {
	out := make([]network.Tag, len(tags))
	for i, t := range tags {
		out[i] = network.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)}
	}
	return out
}

func toTags(tags []network.Tag) []types.Tag {
	if len(tags) == 0 {
		return nil
	}
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return out
}

func convert[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// prefix reads a CIDR block; the parameter is named in the error.
func prefix(parameter string, s *string) (netip.Prefix, error) {
	if aws.ToString(s) == "" {
		return netip.Prefix{}, required(parameter)
	}
	p, err := netip.ParsePrefix(*s)
	if err != nil {
		return netip.Prefix{}, invalid("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", *s, parameter)
	}
	return p, nil
}

func address(parameter, s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, invalid("Value (%s) for parameter %s is invalid. Invalid IPv4 address.", s, parameter)
	}
	return a, nil
}

func required(parameter string) error {
	return fault.New(fault.Missing, "ec2", "The request must contain the parameter %s", parameter).WithCode("MissingParameter")
}

func operationName(c *api.Call) string {
	if c.Operation == nil {
		return ""
	}
	return c.Operation.Name
}

// unbuilt refuses what Postern does not do, naming it.
func unbuilt(c *api.Call, what string) error {
	return fault.New(fault.NotImplemented, "ec2", "%s: %s is not implemented", operationName(c), what)
}

func str[T fmt.Stringer](v T) *string { return aws.String(v.String()) }

// parameters refuses a combination of parameters.
func parameters(format string, args ...any) error {
	return fault.New(fault.Invalid, "ec2", format, args...).WithCode("InvalidParameterCombination")
}
