package network

import (
	"fmt"

	"postern/aws/fault"
)

// What has ids of its own within a record.
var (
	associationType = resourceType{
		prefix: "rtbassoc", notFound: "InvalidAssociationID.NotFound", malformed: "InvalidAssociationID.Malformed",
		missing: "The association ID '%s' does not exist",
	}
	aclAssociationType = resourceType{
		prefix: "aclassoc", notFound: "InvalidAssociationID.NotFound", malformed: "InvalidAssociationID.Malformed",
		missing: "The association ID '%s' does not exist",
	}
	attachmentType = resourceType{
		prefix: "eni-attach", notFound: "InvalidAttachmentID.NotFound",
		malformed: "InvalidNetworkInterfaceAttachmentId.Malformed", missing: "The attachment ID '%s' does not exist",
	}
	cidrAssociationType = resourceType{
		prefix: "vpc-cidr-assoc", notFound: "InvalidVpcCidrBlockAssociationID.NotFound",
		malformed: "InvalidVpcCidrBlockAssociationID.Malformed",
		missing:   "The vpc CIDR block association ID '%s' does not exist",
	}
)

// unknown is the error for an id that names nothing: malformed if it could name nothing, else not found.
func (t *resourceType) unknown(id string) error {
	if !wellFormed(t.prefix, id) {
		return fault.New(fault.Invalid, "network.lookup", "Invalid id: \"%s\" (expecting \"%s-...\")", id, t.prefix).
			WithCode(t.malformed)
	}
	return fault.New(fault.NotFound, "network.lookup", "%s", fmt.Sprintf(t.missing, id)).WithCode(t.notFound)
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
