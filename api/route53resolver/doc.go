// Package route53resolver serves the Route 53 Resolver API: inbound and outbound endpoints, forwarding rules
// and the VPCs that they hold for. It translates and decides nothing; operations.go is the table of what it does.
//
// What a request can ask for and Postern does not do is refused by name, never passed over.
package route53resolver
