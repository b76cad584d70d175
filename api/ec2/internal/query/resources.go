package query

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/network"
)

// KeyPairType is the resource type of key pairs in tag specifications, filters and ARNs, and EndpointServiceType that
// of endpoint services.
const (
	KeyPairType         = "key-pair"
	EndpointServiceType = "vpc-endpoint-service"
)

// ResourceTypes are the resource types of ARNs by the prefix of ids.
var ResourceTypes = map[string]string{
	"acl":      "network-acl",
	"ami":      "image",
	"dopt":     "dhcp-options",
	"eipalloc": "elastic-ip",
	"eni":      "network-interface",
	"fl":       "vpc-flow-log",
	"i":        "instance",
	"igw":      "internet-gateway",
	"key":      KeyPairType,
	"nat":      "natgateway",
	"pcx":      "vpc-peering-connection",
	"pl":       "prefix-list",
	"rtb":      "route-table",
	"sg":       "security-group",
	"sgr":      "security-group-rule",
	"subnet":   "subnet",
	"vol":      "volume",
	"vpc":      "vpc",
	"vpce":     "vpc-endpoint",
	"vpce-svc": EndpointServiceType,
}

// Resource returns the ARN of a resource of the caller by its name: "vpc/vpc-0123456789abcdef0", or "vpc/*" for one
// still to be made.
func Resource(c *api.Call, name string) string {
	return arn.New("ec2", c.Region, c.Account, name).String()
}

// Names names resources of one type for a policy; an empty id is any of them.
func Names(kind string, ids ...string) []string {
	return Convert(ids, func(id string) string { return kind + "/" + id })
}

// GroupsOf names the security groups of a new interface in a VPC: the default one where a request names none.
func (v *View) GroupsOf(vpc string, ids []string) []string {
	if len(ids) > 0 {
		return Names("security-group", ids...)
	}
	if g, err := v.GroupNamed(v.Scope, vpc, "default"); err == nil {
		return Names("security-group", g.ID)
	}
	return Names("security-group", "")
}

// GroupsIn names the security groups of a new interface in a subnet.
func (v *View) GroupsIn(subnet string, ids []string) []string {
	n, err := v.Subnet(v.Scope, subnet)
	if err != nil {
		return v.GroupsOf("", ids)
	}
	return v.GroupsOf(n.VPC, ids)
}

// VPCOr returns the VPC that a request names, or the default one.
func (v *View) VPCOr(id *string) string {
	if d, ok := v.DefaultVPC(v.Scope); ok && id == nil {
		return d.ID
	}
	return aws.ToString(id)
}

// InstanceOf names the instance that an interface is attached to, if it is attached to one.
func (v *View) InstanceOf(n *network.Interface) []string {
	if n.Attachment == nil || n.Managed() {
		return nil
	}
	return Names("instance", n.Owner())
}
