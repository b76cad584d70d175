// Package postern holds the rules that the whole tree keeps: its walls, as a table that fails the build.
package postern
