package main

// limits says what limits each figure, as profiles of it show.
var limits = map[string]string{
	"tun": "the cipher of TLS at both ends (a third of the processor time) and the system calls of the TUN device and " +
		"of the client (a fifth)",
	"wireguard": "ChaCha20-Poly1305 at both ends (a third of the processor time) and copies (a tenth); one connection " +
		"is handed through eight " +
		"goroutines, which two cores do not keep busy all the time",
	"established": "the look-up of the conversation and its lock, and reading the clock",
	"resolver": "the askers' own TCP/IP stack, which has half of the processor time; of the resolver, making and " +
		"packing messages",
	"flow": "making room in a full connection table; the judge is a sixth of it",
	"decision": "the two searches of each policy's index, by action and by resource; then the patterns and conditions " +
		"of the statements that are found",
	"large objects": "TLS at both ends, as of the reference; then the way through postern-s3, where each byte is copied " +
		"over its socket, and of PUT the checksums and the sync of the file",
	"small objects": "PUT: the syncs of the file and its directory, which both have; then TLS, two signatures instead " +
		"of one, and the way through two servers",
	"judged calls": "TLS and net/http, which both have; of the rest, the conditions' values",
	"parse":        "memory for the compiled statements, of which garbage collection is a part; then reading the JSON",
	"pipeline":     "the query in SQLite and its transaction; behind an empty handler, TLS and net/http",
	"command":      "the synced commits on the way: the command, its delivery, its reply",
	"start":        "opening the database and making the CA's keys; the client's handshake is in it",
	"idle":         "the program's own pages: two thirds of it",
	"reset": "ending the parts and opening them again; the node's namespaces are taken down beside it, which " +
		"takes the kernel 0.1 s",
	"size":  "Go's runtime, crypto/tls and net/http; the tunnel's WireGuard and TCP/IP stack",
	"agent": "the program's own pages, then WireGuard's buffers",
	"memory": "of TLS and its buffers 8 KB, of the reading goroutine's stack 8 KB, of the WebSocket 3 KB; the " +
		"rest is room that garbage needs",
	"idle nodes": "a health call of each node every five minutes, each with a TLS handshake of its own and a synced " +
		"commit",
	"all":     "the agents' share of the two cores; in the server JSON and the commits of replies",
	"restart": "the TLS handshakes and role tokens of all agents on two cores, at both ends",
	"change":  "compiling the touched VPC anew, with a hundred interfaces; copying the paths to the changed records",
	"writers": "the second core, which the garbage of one writer keeps half busy already; then what one commit after " +
		"another does alone: taking the version, showing the tables",
	"rules": "compiling the maps of all interfaces anew, of which each knows its groups; the fabric then looks at " +
		"every link",
	"interfaces": "writing 1,000 interfaces as XML, by reflection",
	"connects":   "the TLS handshakes at both ends",
	"nodes":      "the system calls of two TUN devices; each byte is copied once into user space and once out of it",
	"twenty":     "starting namespaces and processes on two cores; most of the memory is the agent's own pages",
	"emulator":   "the clients, which have the same cores, TLS, and the snapshot of each change",
	"tunnel memory": "as above, and of WireGuard two goroutines and their queues for each peer; buffers of 64 KiB that " +
		"all share count here for the few nodes " +
		"of this run",
}
