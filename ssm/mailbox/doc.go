// Package mailbox holds what waits for a node until one of its two roads is open: one queue, and two roads to it.
//
//	                     ┌─ Open: the control channel (ssmmessages); items are sent at once
//	Source ─ Post ─→ box ┤
//	                     └─ Poll: the long poll (ec2messages); items are taken along
//
// An item is on one road at a time: by the control channel first, except to agents that have shown that they answer to
// polls only. It stays in the box until it is Done, is sent again while nobody acknowledges it,
// and is given up some time after it was first sent, because agents forget what they ran. The truth about what waits
// is the Source's: a box is only made for a node that has a road here, and is filled from the Source when one opens.
package mailbox
