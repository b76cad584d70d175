// Package network is the private network as people intend it: VPCs, subnets, route tables, gateways, network ACLs,
// security groups, network interfaces and VPC endpoints, with the rules by which they may be made, changed and deleted.
//
// A verb of Service reads the state, plans its changes on a copy, commits them durably to the Store as one change set,
// and only then are they to be seen. What the judge must know of the new state is published as a vpc.Snapshot:
//
//	verb ─→ plan ─→ Store.Commit ─→ State (for readers) ─→ vpc.Snapshot (for fabric, resolver, metadata, doctor)
//
// A verb returns when its snapshot is in force. Readers see an immutable State and never wait for writers.
package network
