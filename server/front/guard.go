package front

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"postern/api"
	"postern/aws/fault"
	"postern/network/vpc"
)

// GuardConfig says which requests are this server's.
type GuardConfig struct {
	// Listen is the address of the public listener, host:port; its host is a name of this server.
	Listen string
	// AllowHosts are names by which clients reach this server, beside loopback, its own name and AWS's; AllowOrigins are
	// the web pages that may send requests, as browsers write an origin ("http://localhost:3000").
	AllowHosts, AllowOrigins []string
	// Certified reports whether the CA signs for a host name.
	Certified func(host string) bool
}

// Guard keeps the requests of web pages out. A page in somebody's browser can have it send requests to this host, and
// where the key is known to everybody, signed ones; a page whose own name is made to resolve to this host (DNS
// rebinding) reads the answers, too. Browsers cannot be kept from saying which page a request is from, and to which
// name.
type Guard struct {
	// hosts are names of this server beside those that the CA signs for; origins are the pages that may send requests.
	hosts, origins []string
	certified      func(host string) bool
}

// NewGuard checks the names and origins that are allowed.
func NewGuard(c GuardConfig) (*Guard, error) {
	g := &Guard{certified: c.Certified}
	for _, name := range c.AllowHosts {
		if name == "" || strings.ContainsAny(name, ":/ ") {
			return nil, fault.New(fault.Invalid, "server.Open",
				"allowed host %q: write a name without scheme and port, such as postern.example.com", name)
		}
		g.hosts = append(g.hosts, hostName(name))
	}
	for _, origin := range c.AllowOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return nil, fault.New(fault.Invalid, "server.Open",
				"allowed origin %q: write scheme, host and port as browsers do, such as http://localhost:3000", origin)
		}
		g.origins = append(g.origins, strings.ToLower(origin))
	}
	// Who listens on a name, or beyond loopback, reaches this host by its name.
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		g.hosts = append(g.hosts, hostName(host))
	}
	if own, err := os.Hostname(); err == nil {
		g.hosts = append(g.hosts, hostName(own))
	}
	return g, nil
}

// hostName returns a host as it is compared: without port, brackets and the dot at the end, in lower case.
func hostName(hostport string) string {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// Refuse says why a request is not admitted, as a fault; nil admits it.
func (g *Guard) Refuse(r *http.Request) error {
	// Inside the private network every connection's origin is known, and the names are the network's own.
	if api.OriginOf(r.Context()) == (vpc.Origin{}) && !g.isOwnHost(r) {
		return fault.New(fault.Denied, "server.visitors",
			"The request is for the host %.80q, which is none of this server's: use localhost, an address of this host or "+
				"an AWS service's name, or start the server with --allow-host %.80s", r.Host, hostName(r.Host))
	}
	if page := g.foreignPage(r); page != "" {
		return &api.ForeignPageError{Err: fault.New(fault.Denied, "server.visitors",
			"A web page of %.80s may not send requests here: start the server with --allow-origin if it should", page)}
	}
	return nil
}

// isOwnHost reports whether the Host of a request is this server's: what the CA signs for, the address that the client
// connected to, or a name that was given. A page cannot choose what an address leads to, as it can for its own name.
func (g *Guard) isOwnHost(r *http.Request) bool {
	host := hostName(r.Host)
	if slices.Contains(g.hosts, host) {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return g.certified(host)
	}
	if address.Unmap().IsLoopback() {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	to, err := netip.ParseAddrPort(local.String())
	return err == nil && to.Addr().Unmap() == address.Unmap()
}

// foreignPage names the page that a request is from; empty is none, or one that is allowed. Origin stands in all that a
// page sends with another method than GET; Sec-Fetch-Site in all that it sends to this host ("none" is what a user
// typed); Referer is what is left of older browsers' GETs.
func (g *Guard) foreignPage(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" {
		if slices.Contains(g.origins, strings.ToLower(origin)) {
			return ""
		}
		return origin
	}
	referer, err := url.Parse(r.Header.Get("Referer"))
	from := ""
	if err == nil && referer.Host != "" {
		from = referer.Scheme + "://" + referer.Host
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "" && from == "" || site == "none" {
		return ""
	}
	switch {
	case slices.Contains(g.origins, strings.ToLower(from)):
		return ""
	case from == "":
		return "another site"
	}
	return from
}

// Wrap puts the guard before everything that a server answers. What it refuses of AWS's paths is passed on: the
// pipeline, which asks Refuse too, answers in the service's own shape, or lets a page in that a bucket's own rules
// allow. Pages that are allowed are told so, as browsers
// ask for it (the Fetch standard's CORS protocol).
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused := g.Refuse(r)
		if refused != nil && strings.HasPrefix(r.URL.Path, managementPaths) {
			http.Error(w, fault.Of(refused).Message, http.StatusForbidden)
			return
		}
		if refused == nil && r.Header.Get("Origin") != "" && allowOrigin(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowOrigin tells a page that it is allowed, and reports whether that was all that its browser asked (a preflight).
func allowOrigin(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "ETag, X-Amz-Request-Id, X-Amzn-Requestid")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE") // S3 has all of them
	h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
