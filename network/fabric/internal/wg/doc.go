// Package wg is the server's end of the tunnels by which machines that are not instances reach their network
// interfaces.
//
// One UDP port serves all of them, and those who ask to be let in (see link.JoinRequest):
//
//	socket → mux ┬ join message ──────────────→ admission → Joiner
//	             └ WireGuard message → cell's bind → wireguard-go → wire → peer → fabric
//
// A cell is one VPC. Each has a WireGuard device and a key pair of its own, because addresses are unique within one VPC
// only and WireGuard tells peers apart by them. The mux finds the cell of a message by what WireGuard puts there in
// clear: the receiver's index, or in a first message the mark that it was made for one public key.
package wg
