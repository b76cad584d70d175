// Package world runs a whole Postern in one process. The server is the one that ships, with all its
// parts; the nodes are TCP/IP stacks in user space on links in memory, with the agent that ships on each; between them
// lie the fabric, the VPC's resolver, the endpoints and their TLS. Nothing of it needs root or a network of the host's.
//
//	w := world.New(t, world.Nodes(3))
//	w.Node(0).Run("uptime")
//
// What is wrong is done to it as everybody does it, through the AWS APIs: Revoke, DeleteEndpoint, DetachPolicy and
// their opposites. When the test fails, it prints the packets' journey and what servers and agents have logged.
package world
