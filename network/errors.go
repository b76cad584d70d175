package network

import (
	"fmt"

	"postern/aws/fault"
)

// noun says how Amazon speaks of one kind of resource when an id is wrong. The codes are those of the EC2 API
// reference, "Error codes"; their spelling (ID, Id) follows no rule.
type noun struct {
	prefix              string
	notFound, malformed string
	// missing has one %s, the id.
	missing string
}

var (
	nounVPC             = noun{"vpc", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "The vpc ID '%s' does not exist"}
	nounSubnet          = noun{"subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "The subnet ID '%s' does not exist"}
	nounRouteTable      = noun{"rtb", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed", "The routeTable ID '%s' does not exist"}
	nounGateway         = noun{"igw", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed", "The internetGateway ID '%s' does not exist"}
	nounACL             = noun{"acl", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed", "The networkAcl ID '%s' does not exist"}
	nounGroup           = noun{"sg", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "The security group '%s' does not exist"}
	nounRule            = noun{"sgr", "InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleId.Malformed", "The security group rule ID '%s' does not exist"}
	nounInterface       = noun{"eni", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed", "The networkInterface ID '%s' does not exist"}
	nounEndpoint        = noun{"vpce", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed", "The Vpc Endpoint Id '%s' does not exist"}
	nounEndpointService = noun{"vpce-svc", "InvalidVpcEndpointServiceId.NotFound", "InvalidVpcEndpointServiceId.Malformed", "The VpcEndpointService Id '%s' does not exist"}
	nounNotification    = noun{"vpce-nfn", "InvalidConnectionNotification", "InvalidConnectionNotification", "The connection notification '%s' does not exist"}
	nounPrefixList      = noun{"pl", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed", "The prefix list ID '%s' does not exist"}
	nounPeering         = noun{"pcx", "InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.Malformed", "The vpcPeeringConnection ID '%s' does not exist"}
	nounDhcp            = noun{"dopt", "InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionsId.Malformed", "The dhcpOption ID '%s' does not exist"}
	nounAssoc           = noun{"rtbassoc", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
	nounACLAssoc        = noun{"aclassoc", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
	nounAttachment      = noun{"eni-attach", "InvalidAttachmentID.NotFound", "InvalidNetworkInterfaceAttachmentId.Malformed", "The attachment ID '%s' does not exist"}
	nounCIDRAssoc       = noun{"vpc-cidr-assoc", "InvalidVpcCidrBlockAssociationID.NotFound", "InvalidVpcCidrBlockAssociationID.Malformed", "The vpc CIDR block association ID '%s' does not exist"}
)

// unknown is the error for an id that names nothing: malformed if it could name nothing, else not found.
func (n noun) unknown(id string) error {
	if !wellFormed(n.prefix, id) {
		return fault.New(fault.Invalid, "network.lookup", "Invalid id: \"%s\" (expecting \"%s-...\")", id, n.prefix).
			WithCode(n.malformed)
	}
	return fault.New(fault.NotFound, "network.lookup", "%s", fmt.Sprintf(n.missing, id)).WithCode(n.notFound)
}

// refuse is an error with Amazon's code; its kind follows from what the code says.
func refuse(kind fault.Kind, code, format string, args ...any) error {
	return fault.New(kind, "network", format, args...).WithCode(code)
}

func invalidValue(format string, args ...any) error {
	return refuse(fault.Invalid, "InvalidParameterValue", format, args...)
}

// refuseOperation is for what the state of things, or the server's configuration, does not permit.
func refuseOperation(format string, args ...any) error {
	return refuse(fault.Conflict, "OperationNotPermitted", format, args...)
}

func invalidParameter(format string, args ...any) error {
	return refuse(fault.Invalid, "InvalidParameter", format, args...)
}

// missing says that a required parameter, named as in the EC2 API, is absent.
func missing(parameter string) error {
	return refuse(fault.Missing, "MissingParameter", "The request must contain the parameter %s", parameter)
}

func inUse(format string, args ...any) error {
	return refuse(fault.InUse, "DependencyViolation", format, args...)
}

func overLimit(code, format string, args ...any) error {
	return refuse(fault.Limit, code, format, args...)
}
