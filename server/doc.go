// Package server is the body of Postern: it makes every part once, ties them together and decides nothing.
package server
