// Package server makes a Postern of its parts. A part is a module: one value in the list in modules.go, made from those
// before it, and ended before them. The package ties modules together and decides nothing.
package server
