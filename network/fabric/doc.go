// Package fabric is the data plane of the private network: it carries the packets of every network interface, in user
// space, and lets pass what the judge (package vpc) allows.
//
//	link ─▶ parse ─▶ source ─▶ connection table ─▶ judge ─▶ flow log ─▶ link
//
// An interface's far side is a link: a TAP device in an instance, a WireGuard tunnel, memory; the endpoints' side is a
// TCP/IP stack in user space, one for each VPC, whose listeners know where each connection comes from. Every packet
// passes the same filter, in both directions:
//
//   - what cannot be read, is a fragment or carries IP options is dropped (internal/packet says why);
//   - an interface sends only from its own addresses;
//   - only a SYN begins a TCP connection, and only an allowed one; what belongs to no conversation is dropped, and
//     answered with a reset where it was meant for an endpoint, as AWS PrivateLink answers;
//   - a conversation remembers the rules it was judged under. Under new rules it is judged again, without the security
//     groups: a revoked group rule lets established conversations go on, an ACL, a route or a deleted endpoint ends
//     them, as AWS documents for tracked connections. Every conversation is tracked; AWS does not track those between
//     instances that rules for all traffic in both directions allow, and cuts them at once (docs/divergences.md);
//   - the resolver and instance metadata are reached whatever groups and ACLs say, but not too often; a question over
//     UDP and its answer are not remembered;
//   - a Resolver endpoint's interface is the fabric's own: what asks an inbound one reaches the resolver, and
//     DialResolver asks other DNS servers from an outbound one;
//   - an endpoint service's own interface is on that stack too: Connect connects from there to the service's targets;
//   - what goes out by an Internet or NAT gateway is translated behind the filter and ends in a stack that has the
//     public addresses of services; its answers are translated back before they pass the filter;
//   - a super-segment of up to 64 KiB crosses in one piece where both links can.
package fabric
