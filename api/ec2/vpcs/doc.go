// Package vpcs translates the operations of the EC2 API on the private network: VPCs, subnets, route tables, network
// ACLs, security groups, network interfaces, public addresses, NAT gateways, peering, prefix lists and flow logs.
package vpcs
