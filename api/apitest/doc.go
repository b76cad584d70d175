// Package apitest is a client for tests of operations: it writes a request of every row of a table, signs it, and calls
// each as nobody and as a stranger.
package apitest
