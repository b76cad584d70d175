// Package ec2 is the skin of the EC2 API: VPCs and all that stands in them as network.Service has it, and the instances
// and images of the compute service. It translates and decides nothing; operations.go is the table of what it does.
//
// What a request can ask for and Postern does not do is refused by name, never passed over.
package ec2
