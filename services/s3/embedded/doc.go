// Package embedded keeps objects in a directory of this host. They are served by github.com/versity/versitygw in a
// process of its own, because that library changes the working directory and has global state.
//
//	Store ── signed requests over a unix socket ──▶ postern-s3 (this program again) ── files below DIR/objects
//	      ── key, and the end of the server, over a socket pair ──▶
//
// The process is started by the first request, and again by the next one after it has died. It ends with the server,
// however that ends. Its key is made for each start, and is nowhere but in the two processes.
//
// A file is an object; its metadata are in extended attributes, or where the file system has none, in files beside. An
// object is written under no name, synced, and linked to its name then: nobody sees a part of one, and an acknowledged
// one is there after a crash. Names of files are not keys: encodeKey says how they follow from them.
package embedded
