// Package mailbox queues items for nodes and delivers them by the node's control channel or its long poll.
//
//	                     ┌─ Open: the control channel (ssmmessages); items are sent at once
//	Source ─ Post ─→ box ┤
//	                     └─ Poll: the long poll (ec2messages); items are the answer
//
// An item goes one way at a time: by the control channel first, except to agents that have shown that they answer to
// polls only. It stays in the box until it is Done, is sent again while nobody acknowledges it, and is given up some
// time after it was first sent, because agents forget what they ran. The Source has the truth about what waits: a node
// has a box only while its channel is open or it polls, and opening either fills the box from the Source.
package mailbox
