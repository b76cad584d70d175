package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/aws/service/sts"
)

// Explain reads the facts about a node ("i-…", "mi-…" or "eni-…") and assesses how it reaches a service, host
// name or address: Read and then Assess. Where to is empty it assesses all that a managed node needs.
func Explain(ctx context.Context, c Clients, region, from, to string) (Report, error) {
	f, err := Read(ctx, c, region, from, to)
	if err != nil {
		return Report{}, err
	}
	if to == "" {
		return AssessAll(f)
	}
	return Assess(f, to)
}

// Read asks the APIs for the facts about a node ("i-…", "mi-…" or "eni-…") of the region and the network around
// it: its VPC, those that are peered with it, and that of the endpoint whose own name is asked for. It fails with
// Invalid for another form of id, with NotFound where there is no such node, and with Unavailable where the network
// cannot be read; what else cannot be read is listed in Unchecked.
func Read(ctx context.Context, c Clients, region, from, to string) (Facts, error) {
	r := newReader(ctx, c, region)
	r.to = to
	if err := r.find([]string{from}); err != nil {
		return Facts{}, err
	}
	if err := r.surroundings(from); err != nil {
		return Facts{}, err
	}
	return r.about(r.nodes[0]), nil
}

// reader collects facts.
type reader struct {
	ctx context.Context
	Clients
	// Facts hold what all nodes have in common.
	Facts
	nodes []*node
	// to holds what is asked for, homes the nodes' VPCs and vpcs all that are read.
	to          string
	homes, vpcs []string
	// asked are the addresses of Resolver endpoints.
	asked []resolverAddress
	// servers are the DNS servers that DHCP gives to nodes, by VPC.
	servers map[string][]string
	// given has the roles that were read, by what gives them to nodes.
	given map[string]rolesRead
}

func newReader(ctx context.Context, c Clients, region string) *reader {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &reader{
		ctx: ctx, Clients: c, Facts: Facts{Region: region, EndpointPolicies: map[string]string{}},
		servers: map[string][]string{}, given: map[string]rolesRead{},
	}
}

// surroundings reads what lies around the nodes; what names them in an error.
func (r *reader) surroundings(what string) error {
	r.caller()
	r.registrations()
	r.offers()
	if len(r.homes) > 0 {
		if err := r.network(); err != nil {
			return fault.New(fault.Unavailable, "doctor.Read", "read the network of %s: %w", what, err)
		}
	}
	r.At = r.Now()
	return nil
}

// about returns the facts about a node.
func (r *reader) about(n *node) Facts {
	f := r.Facts
	f.Node, f.DNSServers, f.Unchecked = n.Node, r.servers[n.vpc], slices.Clone(r.Unchecked)
	f.Roles, f.RolesUnread = r.roles(n)
	return f
}

// skip notes what could not be read.
func (r *reader) skip(what string, err error) {
	r.Unchecked = append(r.Unchecked, fmt.Sprintf("%s (%s)", what, code(err)))
}

// filter returns an EC2 filter; it is nil without values.
func filter(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: values}}
}

// caller takes the account from STS where nothing else has told it.
func (r *reader) caller() {
	if r.Account != "" {
		return
	}
	out, err := r.STS.GetCallerIdentity(r.ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		r.skip("the account", err)
		return
	}
	r.Account = aws.ToString(out.Account)
}
