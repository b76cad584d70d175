// Package command is Run Command: it sends commands to nodes and keeps what came of them. A Command is one request;
// each node that it is for has an Invocation.
//
// An invocation's stages:
//
//	Held ───────→ Queued ──────────→ Running ─────────────────────→ Ended
//	     released   │  ↑    accepted   │      decided, steps there     ↑
//	                │  └ refused       │ cancel                        │
//	                │    for now       ↓                               │
//	                └── cancel ──→ Cancelling ── its last word ────────┘
//
// and what else ends it:
//
//	Held        cancel: Cancelled                     too many errors: Terminated    node gone: Undeliverable
//	Queued      cancel before it was sent: Cancelled  delivery time-out: DeliveryTimedOut
//	            refused for good: Failed              node gone: Undeliverable
//	Running     execution time-out: ExecutionTimedOut node gone: Failed
//	Cancelling  the same, and if it never arrived: Cancelled
//
// Queued and never sent is cancelled at once; sent but not known to be accepted waits for the node's answer.
//
// An agent's replies come in any order, some twice, some late (see agent-protocol of the public agent, 4.4 and 7.3):
// a reply carries the steps that ended and what the document has become. The steps are merged, the better one of two
// winning, so that no order matters. The document's first terminal status decides the invocation; it ends when the
// steps that the decision counted are there, or some seconds later without them. After its end only steps that come
// late are merged: a terminal status never changes.
//
// The delivery time-out runs from the release, so that a node that is held back by MaxConcurrency loses nothing.
//
// All changes of invocations go through one writer (writer.go), which commits whatever has gathered while it was
// committing before: ten thousand nodes' replies are a few dozen transactions.
package command
