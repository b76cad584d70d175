// Package dns is the resolver that every VPC has at its base plus two and at 169.254.169.253: the private names of
// endpoints and hosts as vpc.Snapshot.Resolve knows them, said in the DNS protocol over UDP and TCP, to each asker by
// the VPC it asks from, or by the VPC of the Resolver inbound endpoint that it asks.
//
// What it answers:
//
//	the snapshot has data             NOERROR with the data: private addresses, or public ones of services
//	the name exists, the type not     NOERROR with the zone's SOA
//	a private zone has no such name   NXDOMAIN with the zone's SOA; never asked elsewhere
//	a Resolver rule forwards the name asked of the rule's targets, from its outbound endpoint; SERVFAIL where none
//	                                  answers
//	the name is not ours              asked upstream if upstreams are configured; else NXDOMAIN without SOA
//	the VPC has no DNS support        nothing, as on AWS
//
// For a name that is not ours NXDOMAIN is the one refusal that every client takes at once and calls by its name: musl
// ignores REFUSED and SERVFAIL and waits out its 5 s, glibc calls them temporary, Go calls them misbehaviour and asks
// again. Without an SOA nobody caches it (RFC 2308, section 5), and an extended error (RFC 8914) says what it means. It
// is the truth, too: from a VPC without a path out the name leads nowhere.
//
// How many packets an interface may send per second is limited by the fabric, for all link-local services together.
package dns
