// Package command is Run Command: what was asked of which node, and what came of it.
package command
