package doctor

const docs = "https://docs.aws.amazon.com/"

// The pages that findings refer to.
var (
	pageGroups = Page{
		"Amazon VPC User Guide, Security group rules",
		docs + "vpc/latest/userguide/security-group-rules.html",
	}
	pageStaleRules = Page{
		"Amazon VPC Peering Guide, Update your security groups to reference peer security groups",
		docs + "vpc/latest/peering/vpc-peering-security-groups.html",
	}
	pageACLs = Page{
		"Amazon VPC User Guide, Network ACLs",
		docs + "vpc/latest/userguide/vpc-network-acls.html",
	}
	pageRoutes = Page{
		"Amazon VPC User Guide, Route tables",
		docs + "vpc/latest/userguide/VPC_Route_Tables.html",
	}
	pagePeering = Page{
		"Amazon VPC Peering Guide, How VPC peering connections work",
		docs + "vpc/latest/peering/vpc-peering-basics.html",
	}
	pageTransitive = Page{
		"Amazon VPC Peering Guide, Unsupported VPC peering configurations",
		docs + "vpc/latest/peering/invalid-peering-configurations.html",
	}
	pageNAT = Page{
		"Amazon VPC User Guide, NAT gateways",
		docs + "vpc/latest/userguide/vpc-nat-gateway.html",
	}
	pageInternet = Page{
		"Amazon VPC User Guide, Internet gateways",
		docs + "vpc/latest/userguide/VPC_Internet_Gateway.html",
	}
	pageDNS = Page{
		"Amazon VPC User Guide, DNS attributes for your VPC",
		docs + "vpc/latest/userguide/vpc-dns.html",
	}
	pageAmazonDNS = Page{
		"Amazon VPC User Guide, Understanding Amazon DNS",
		docs + "vpc/latest/userguide/AmazonDNS-concepts.html",
	}
	pageDHCP = Page{
		"Amazon VPC User Guide, DHCP option sets",
		docs + "vpc/latest/userguide/VPC_DHCP_Options.html",
	}
	pageResolver = Page{
		"Amazon Route 53 Developer Guide, VPC Resolver",
		docs + "Route53/latest/DeveloperGuide/resolver.html",
	}
	pageForward = Page{
		"Amazon Route 53 Developer Guide, Forwarding outbound DNS queries to your network",
		docs + "Route53/latest/DeveloperGuide/resolver-forwarding-outbound-queries.html",
	}
	pageEndpoint = Page{
		"AWS PrivateLink Guide, Access an AWS service using an interface VPC endpoint",
		docs + "vpc/latest/privatelink/create-interface-endpoint.html",
	}
	pageEndpointPolicy = Page{
		"AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
		docs + "vpc/latest/privatelink/vpc-endpoints-access.html",
	}
	pageEndpointService = Page{
		"AWS PrivateLink Guide, Create an endpoint service",
		docs + "vpc/latest/privatelink/create-endpoint-service.html",
	}
	pageSystemsManager = Page{
		"AWS Systems Manager User Guide, VPC endpoints for Systems Manager",
		docs + "systems-manager/latest/userguide/setup-create-vpc.html",
	}
	pageBuckets = Page{
		"AWS Systems Manager User Guide, SSM Agent communications with AWS managed S3 buckets",
		docs + "systems-manager/latest/userguide/ssm-agent-technical-details.html",
	}
	pagePermissions = Page{
		"AWS Systems Manager User Guide, Configure instance permissions",
		docs + "systems-manager/latest/userguide/setup-instance-permissions.html",
	}
	pageAvailability = Page{
		"AWS Systems Manager User Guide, Troubleshooting managed node availability",
		docs + "systems-manager/latest/userguide/troubleshooting-managed-instances.html",
	}
	pageMetadata = Page{
		"Amazon EC2 User Guide, Configure the instance metadata options",
		docs + "AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html",
	}
	pageInterface = Page{
		"Amazon EC2 User Guide, Elastic network interfaces",
		docs + "AWSEC2/latest/UserGuide/using-eni.html",
	}
	pageEvaluation = Page{
		"IAM User Guide, Policy evaluation logic",
		docs + "IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
	}
	pageBoundaries = Page{
		"IAM User Guide, Permissions boundaries for IAM entities",
		docs + "IAM/latest/UserGuide/access_policies_boundaries.html",
	}
)
