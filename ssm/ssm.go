// Package ssm holds the little that the packages of Systems Manager share: the kinds of their records, the consent that
// changes of them need, and the rules of tags.
//
//	document   reads command documents: parameters and steps (pure)
//	node       registers managed nodes and tells their state
//	parameter  keeps named values with their history
//	command    runs commands on nodes and keeps what came of them
//	mailbox    queues jobs for nodes until their channel is open or they poll
//	mgs        encodes the messages that agent and service exchange
package ssm
