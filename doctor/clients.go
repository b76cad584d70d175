package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"postern/aws/service/ec2"
	"postern/aws/service/iam"
	"postern/aws/service/route53resolver"
	"postern/aws/service/ssm"
	"postern/aws/service/sts"
)

// Clients are the AWS APIs that Read asks; the clients of postern/aws/service fit.
type Clients struct {
	EC2 EC2
	IAM IAM
	SSM SSM
	STS STS
	// Resolver may be nil: then Resolver endpoints and rules are not read.
	Resolver Resolver
	// Now is the clock that policies are judged by; nil means time.Now.
	Now func() time.Time
}

// NewClients makes clients of all of them.
func NewClients(c aws.Config) Clients {
	return Clients{
		EC2:      ec2.NewFromConfig(c),
		IAM:      iam.NewFromConfig(c),
		SSM:      ssm.NewFromConfig(c),
		STS:      sts.NewFromConfig(c),
		Resolver: route53resolver.NewFromConfig(c),
	}
}

// EC2 lists the operations of the EC2 API that Read calls.
type EC2 interface {
	ec2.DescribeInstancesAPIClient
	ec2.DescribeNetworkInterfacesAPIClient
	ec2.DescribeVpcsAPIClient
	ec2.DescribeSubnetsAPIClient
	ec2.DescribeRouteTablesAPIClient
	ec2.DescribeNetworkAclsAPIClient
	ec2.DescribeSecurityGroupsAPIClient
	ec2.DescribeSecurityGroupRulesAPIClient
	ec2.DescribeVpcEndpointsAPIClient
	ec2.DescribeVpcEndpointServiceConfigurationsAPIClient
	ec2.DescribeVpcPeeringConnectionsAPIClient
	ec2.DescribeManagedPrefixListsAPIClient
	ec2.GetManagedPrefixListEntriesAPIClient
	ec2.DescribeDhcpOptionsAPIClient
	ec2.DescribeNatGatewaysAPIClient
	DescribeVpcAttribute(context.Context, *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error)
	DescribeVpcEndpointServices(
		context.Context, *ec2.DescribeVpcEndpointServicesInput,
	) (*ec2.DescribeVpcEndpointServicesOutput, error)
}

// IAM lists the operations of the IAM API that Read calls.
type IAM interface {
	iam.ListAttachedRolePoliciesAPIClient
	iam.ListRolePoliciesAPIClient
	GetInstanceProfile(context.Context, *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error)
	GetRole(context.Context, *iam.GetRoleInput) (*iam.GetRoleOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error)
	GetPolicy(context.Context, *iam.GetPolicyInput) (*iam.GetPolicyOutput, error)
	GetPolicyVersion(context.Context, *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error)
}

// SSM lists the operations of the Systems Manager API that Read calls.
type SSM interface {
	ssm.DescribeInstanceInformationAPIClient
	GetServiceSetting(context.Context, *ssm.GetServiceSettingInput) (*ssm.GetServiceSettingOutput, error)
}

// STS lists the operations of the STS API that Read calls.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error)
}

// code returns the API's own error code, or the error's text.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return err.Error()
}
