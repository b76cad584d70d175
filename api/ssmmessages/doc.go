// Package ssmmessages serves the agents' message service: the control channel, over which a node is told that
// there is something for it, and by which it answers.
//
//	POST /v1/control-channel/{node}   a token: 201 and XML, which agents insist on
//	GET  /v1/control-channel/{node}   a WebSocket. First a text frame with the token, then binary AgentMessages
//
// A node has one channel: the newest wins. One that is silent for 114 s, twice the interval of the agent's pings and a
// little more, is dropped. What comes over it is acknowledged when it is durable. A channel outlives the credentials
// that opened it.
//
// Data channels are not built: there are no sessions yet.
package ssmmessages
