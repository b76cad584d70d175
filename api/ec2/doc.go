// Package ec2 serves the EC2 API. It is the service value and its table, put together from three subjects:
//
//	vpcs       VPCs, subnets, routes, network ACLs, security groups, network interfaces, public addresses, peering
//	endpoints  VPC endpoints, and endpoint services of one's own with their connections
//	instances  instances, images, key pairs, attachments, and the tags of all of these
//
// They share the language of the EC2 Query API: package internal/query. All of them translate and decide nothing. What
// a
// request can ask for and Postern does not do is refused by name, never passed over.
package ec2
