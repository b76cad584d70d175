// Package sts serves the STS API: who calls, and the sessions of roles. It translates and decides nothing;
// operations.go is the table of what it does. Whether a role may be assumed, its trust policy says (package access).
package sts
