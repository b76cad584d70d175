// Package postern serves Postern's own API, which the command postern speaks: service control policies, and what is
// known of the latest requests. Only callers of the server's own account may use it, as far as their policies let them.
package postern
