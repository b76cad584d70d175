// Package privatelink is the path behind endpoints to services of somebody's own (AWS PrivateLink): it takes the
// connections that such endpoints accept and carries each to a target of the service.
//
//	consumer ─▶ fabric ─▶ endpoint's interface ─▶ Carrier ─▶ the service's own interface ─▶ fabric ─▶ target
//	                                                     └─▶ an address of this host, where the configuration allows it
//
// As behind a Network Load Balancer without client address preservation, a target sees the service's own address and is
// told the consumer's in a PROXY protocol header where it asks for one.
package privatelink
