// Package agent is a managed node's end of Systems Manager. It speaks what Amazon's own agent speaks, to Postern or to
// anything else that understands it, and holds nothing of the server.
//
//	who am I        EC2 (metadata, instance profile, default host management) · Hybrid (activation, RSA key)
//	  │ credentials, renewed at half their life
//	  ├─ health     UpdateInstanceInformation at the start and every five minutes
//	  ├─ channel    ssmmessages: POST 201, websocket, jobs in, replies out       ┐ one of the two services
//	  ├─ polling    ec2messages: GetMessages, while the channel is not to be had ┘
//	  └─ jobs       five run, five wait; package execute runs them; replies stay until they are acknowledged
package agent
