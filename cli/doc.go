// Package cli is the postern command: a client of the AWS APIs like any other, with a picture and a story where the
// ordinary tools have none.
package cli
