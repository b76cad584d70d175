// Package guest boots an instance as Linux namespaces on this host and stops it again.
//
// A guest has its own user, mount, pid, network, UTS and IPC namespaces. Its only network interface is a TAP whose file
// the caller gets; its root file system is a writable layer over an image that it cannot change; its first process is
// postern-agent's init. No privilege is needed where the kernel lets ordinary users make user namespaces and open
// /dev/net/tun.
//
//	caller ──Start──▶ postern-instance (this program again, in new namespaces)
//	                    eth0, routes · root file system · pivot_root · fewer capabilities
//	                    └─ exec ─▶ postern-agent init ─▶ the agent, user data
//
// What a guest may see of the host: the programs (/usr and what belongs to it) and the part of /etc that everybody on
// the host may read; nothing of /root, /home, /var, /opt, /run or of Postern's own data. As an ordinary user the
// guest's root is that user and nobody else. As root the ids 0–65535 are mapped to themselves, so that useradd,
// sudo and the real amazon-ssm-agent work; such a guest's root is then kept from the host by what it cannot reach: no
// path leads out of its root, /proc's switches are read-only or hidden, devices are read-only mounts, and
// CAP_SYS_ADMIN and its like are gone from the bounding set, so that no mount can be undone.
package guest
