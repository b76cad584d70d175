package server

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
	"postern/services/certs"
)

// ownPaths are those of Postern's own; all others are AWS's.
const ownPaths = "/_postern/"

// visitors keeps web pages out. A page in somebody's browser can have it send requests to this host, and where the key is
// known to everybody, signed ones; a page whose own name is made to lead here (DNS rebinding) reads the answers, too.
// Browsers cannot be kept from saying which page a request is from, and to which name.
type visitors struct {
	// hosts are names of this server beside those that the CA signs for; origins are the pages that may come.
	hosts, origins []string
}

func newVisitors(c Config) (*visitors, error) {
	v := &visitors{}
	for _, name := range c.AllowHosts {
		if name == "" || strings.ContainsAny(name, ":/ ") {
			return nil, fault.New(fault.Invalid, "server.Open", "allowed host %q: write a name without scheme and port, such as postern.example.com", name)
		}
		v.hosts = append(v.hosts, hostName(name))
	}
	for _, origin := range c.AllowOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return nil, fault.New(fault.Invalid, "server.Open", "allowed origin %q: write scheme, host and port as browsers do, such as http://localhost:3000", origin)
		}
		v.origins = append(v.origins, strings.ToLower(origin))
	}
	// Somebody who listens on a name, or beyond loopback, reaches this host by its name.
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		v.hosts = append(v.hosts, hostName(host))
	}
	if own, err := os.Hostname(); err == nil {
		v.hosts = append(v.hosts, hostName(own))
	}
	return v, nil
}

// hostName is a host as it is compared: without port, brackets and the dot at the end, in lower case.
func hostName(hostport string) string {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// refuse says why a request may not come, if it may not.
func (v *visitors) refuse(r *http.Request) error {
	// Inside the private network every connection's origin is known, and the names are the network's own.
	if api.OriginOf(r.Context()) == (vpc.Origin{}) && !v.isOurs(r) {
		return fault.New(fault.Denied, "server.visitors",
			"The request is for the host %.80q, which is none of this server's: use localhost, an address of this host or an "+
				"AWS service's name, or start the server with --allow-host %.80s", r.Host, hostName(r.Host))
	}
	if page := v.foreignPage(r); page != "" {
		return fault.New(fault.Denied, "server.visitors",
			"A web page of %.80s may not send requests here: start the server with --allow-origin if it should", page)
	}
	return nil
}

// isOurs reports whether the Host of a request is this server's: what the CA signs for, the address that the client
// connected to, or a name that was given. A page cannot choose what an address leads to, as it can for its own name.
func (v *visitors) isOurs(r *http.Request) bool {
	host := hostName(r.Host)
	if slices.Contains(v.hosts, host) {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return certs.Serves(host)
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

// foreignPage names the page that a request is from; empty is none, or one that may come. Origin stands in all that a page
// sends with another method than GET; Sec-Fetch-Site in all that it sends to this host ("none" is what a user typed);
// Referer is what is left of older browsers' GETs.
func (v *visitors) foreignPage(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" {
		if slices.Contains(v.origins, strings.ToLower(origin)) {
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
	case slices.Contains(v.origins, strings.ToLower(from)):
		return ""
	case from == "":
		return "another site"
	}
	return from
}

// guard stands before everything that a server answers. What is refused of AWS's paths the pipeline answers, in the
// service's own shape; pages that may come are told so, as browsers ask for it (the Fetch standard's CORS protocol).
func (v *visitors) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused := v.refuse(r)
		if refused != nil && strings.HasPrefix(r.URL.Path, ownPaths) {
			http.Error(w, fault.Of(refused).Message, http.StatusForbidden)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && refused == nil {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Add("Vary", "Origin")
			h.Set("Access-Control-Expose-Headers", "X-Amzn-Requestid")
			if wanted := r.Header.Get("Access-Control-Request-Method"); r.Method == http.MethodOptions && wanted != "" {
				h.Set("Access-Control-Allow-Methods", "GET, POST")
				h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
				if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
					h.Set("Access-Control-Allow-Private-Network", "true")
				}
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// mayImport refuses images of this host's paths where a key that everybody knows could ask for them.
func (c Config) mayImport(path string) error {
	if !c.TestCredentials || c.AllowHostImages {
		return nil
	}
	return fault.New(fault.Denied, "server.mayImport", "The root user's key is known to everybody, so no path of this host is "+
		"read: start the server with --allow-host-images to register %.200q", path).WithCode("UnauthorizedOperation")
}
