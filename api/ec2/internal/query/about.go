package query

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/network"
)

// About are the resources that a request turns out to be about, found in the network as it stands: what an association,
// an attachment, a name or an address means. What does not exist stands as the wildcard of its type; the handler says
// what is wrong with it.
type About struct {
	*View
	names []string
}

// Found declares an operation whose resources do not all stand in the request.
func Found[In any](see func(*api.Call) *View, tell func(*About, *In), types ...string) api.Resources {
	return api.Lookup(func(c *api.Call, in *In) []string {
		a := &About{View: see(c)}
		tell(a, in)
		return a.names
	}, types...)
}

// Add names resources of one type once each; an empty id is any of them.
func (a *About) Add(kind string, ids ...string) {
	for _, id := range ids {
		if name := kind + "/" + cmp.Or(id, "*"); !slices.Contains(a.names, name) {
			a.names = append(a.names, name)
		}
	}
}

// AddOwner names the instance that an interface is attached to, if it is attached to one.
func (a *About) AddOwner(n *network.Interface) {
	if n.Attachment != nil && !n.Managed() {
		a.Add("instance", n.Owner())
	}
}

// AddGroups names the security groups of a new interface in a VPC: the default one where a request names none.
func (a *About) AddGroups(vpc string, ids []string) {
	if len(ids) > 0 {
		a.Add("security-group", ids...)
		return
	}
	if g, err := a.GroupNamed(a.Scope, vpc, "default"); err == nil {
		a.Add("security-group", g.ID)
		return
	}
	a.Add("security-group", "")
}

// AddPlace names a new interface's subnet and groups.
func (a *About) AddPlace(subnet string, groups []string) {
	a.Add("subnet", subnet)
	vpc := ""
	if n, err := a.Subnet(a.Scope, subnet); err == nil {
		vpc = n.VPC
	}
	a.AddGroups(vpc, groups)
}

// VPCID is the VPC that a request names, or the default one.
func (a *About) VPCID(id *string) string {
	if v, ok := a.DefaultVPC(a.Scope); ok && id == nil {
		return v.ID
	}
	return aws.ToString(id)
}

// KeyPairType is what key pairs are called in tag specifications, filters and ARNs.
const KeyPairType = "key-pair"

// Pages are what every Describe call takes.
var Pages = api.Takes("Filters", "MaxResults", "NextToken")

// Resource names a resource of the caller: "vpc/vpc-0123456789abcdef0", or "vpc/*" for one still to be made.
func Resource(c *api.Call, name string) string {
	return arn.New("ec2", c.Region, c.Account, name).String()
}

// On declares what an operation is about, as names like "subnet/subnet-0123456789abcdef0".
func On[In any](names func(*In) []string) api.Resources {
	return api.Lookup(func(_ *api.Call, in *In) []string { return names(in) })
}

// One declares an operation that is about one resource.
func One[In any](kind string, id func(*In) *string) api.Resources {
	return On(func(in *In) []string { return []string{kind + "/" + aws.ToString(id(in))} })
}

// Each declares an operation that is about a list of resources.
func Each[In any](kind string, ids func(*In) []string) api.Resources {
	return On(func(in *In) []string {
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

const EndpointServiceType = "vpc-endpoint-service"

// ResourceTypes are the resource types of ARNs by the prefix of ids.
var ResourceTypes = map[string]string{
	"vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "acl": "network-acl",
	"sg": "security-group", "sgr": "security-group-rule", "eni": "network-interface", "vpce": "vpc-endpoint", "vpce-svc": EndpointServiceType,
	"pl": "prefix-list", "pcx": "vpc-peering-connection", "dopt": "dhcp-options", "eipalloc": "elastic-ip", "nat": "natgateway", "fl": "vpc-flow-log", "i": "instance", "ami": "image", "vol": "volume",
	"key": KeyPairType,
}
