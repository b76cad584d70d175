// Package postern declares Postern's own API, which stands beside AWS's at the same endpoint and is signed and judged
// like it: the inputs and outputs of its operations, and a client of them.
package postern
