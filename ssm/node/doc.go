// Package node registers managed nodes and tells their state. Nodes are instances ("i-…") and machines that are not
// instances ("mi-…"), which join by an activation.
//
//	CreateActivation ─→ Register ─→ Inactive ── first ping or channel ──→ Online ⇄ ConnectionLost
//	                    RegisterInstance ────────────────────────────────↗          └─ Forget ─→ gone
//
// A node proves itself by its own RSA key. It may change the key: the old one is good until the new one is first used,
// because the answer to the change may be lost. For its proof it gets temporary credentials of its role.
//
// Online is derived, never stored. See Node.Status.
package node
