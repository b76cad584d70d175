// Package userstack is a TCP/IP stack in user space at one end of a link: the endpoints' side of the fabric, the
// agent's side of a rootless tunnel, a node of the tests' network. It is gVisor's stack with a wire that carries
// super-segments of up to 64 KiB and unfinished checksums, so that a large write crosses the fabric as one packet.
package userstack
