// Package mgs encodes and decodes the messages of ssmmessages channels: the binary AgentMessage that agent, service and
// session-manager-plugin exchange over their websockets, and the JSON payloads of the control channel and of Run
// Command.
//
// It encodes and decodes, nothing else: no connection, clock or state, and only the standard library.
//
//	|  4 | HeaderLength, 116: everything before PayloadLength
//	| 32 | MessageType, padded with spaces
//	|  4 | SchemaVersion          8 | CreatedDate, ms          8 | SequenceNumber          8 | Flags
//	| 16 | MessageId, the UUID's second half first            32 | PayloadDigest, SHA-256 of the payload
//	|  4 | PayloadType            4 | PayloadLength            n | Payload
//
// All integers are big-endian. The layout is the one that the public agent (github.com/aws/amazon-ssm-agent) and
// plugin write.
package mgs
