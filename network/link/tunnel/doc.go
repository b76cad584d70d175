// Package tunnel is the node's end of the tunnel by which a machine that is not an instance reaches the private
// network: one outbound WireGuard connection, and at its end a network interface of a VPC.
//
// Join asks a server to be let in and returns the Config to keep. With it, Dial brings up a rootless tunnel:
// WireGuard and a TCP/IP stack in this process, nothing of the host touched. Attach makes the same tunnel for software
// that knows nothing of it, and Config.WireGuardINI describes it to any other WireGuard client.
package tunnel
