package wire

// emptyLists are the lists that EC2 writes even when nothing is in them, by type; the others it leaves out. No model
// says which are which: they are those that the AWS CLI's recorded answers show empty and never lack where the type is
// described. Programs index them without asking whether they are there.
var emptyLists = map[string][]string{
	"AvailabilityZone":         {"Messages"},
	"Instance":                 {"BlockDeviceMappings", "NetworkInterfaces", "ProductCodes", "SecurityGroups"},
	"InstanceNetworkInterface": {"Groups", "Ipv6Addresses", "PrivateIpAddresses"},
	"InternetGateway":          {"Attachments", "Tags"},
	"IpPermission":             {"IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"},
	"KeyPairInfo":              {"Tags"},
	"ManagedPrefixList":        {"Tags"},
	"NetworkAcl":               {"Associations", "Entries", "Tags"},
	"NetworkInterface":         {"Groups", "Ipv6Addresses", "PrivateIpAddresses", "TagSet"},
	"Reservation":              {"Groups", "Instances"},
	"RouteTable":               {"Associations", "PropagatingVgws", "Routes", "Tags"},
	"SecurityGroup":            {"IpPermissions", "IpPermissionsEgress"},
	"SecurityGroupRule":        {"Tags"},
	"ServiceConfiguration":     {"Tags"},
	"ServiceDetail":            {"Tags"},
	"StaleSecurityGroup":       {"StaleIpPermissions", "StaleIpPermissionsEgress"},
	"Subnet":                   {"Ipv6CidrBlockAssociationSet"},
	"VpcEndpoint":              {"DnsEntries", "Groups", "NetworkInterfaceIds", "RouteTableIds", "SubnetIds", "Tags"},
	"VpcPeeringConnection":     {"Tags"},
	"VpnGateway":               {"VpcAttachments"},
}
