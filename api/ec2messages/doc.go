// Package ec2messages serves the older message service, which agents poll when they have no control channel.
//
//	GetMessages ─→ (AcknowledgeMessage, SendReply …) ─→ SendReply with the last word
//
// GetMessages waits a little less long than the agent's own patience of 20 seconds.
package ec2messages
