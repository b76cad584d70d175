package front

import (
	"encoding/json"
	"net/http"
	"strings"

	"postern/api"
	"postern/network/vpc"
)

const (
	// managementPaths begin Postern's own paths; all others are AWS's.
	managementPaths = "/_postern/"
	// ResetPath is where a server that can be reset is asked to empty itself.
	ResetPath = managementPaths + "reset"
	// HealthPath is where anybody may ask whether a server answers.
	HealthPath = managementPaths + "health"
)

// Management answers Postern's own paths on the public listener, and hands everything else on. reset is nil where there
// is nothing that could be reset.
func Management(next http.Handler, reset http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, managementPaths) || api.OriginOf(r.Context()) != (vpc.Origin{}):
			next.ServeHTTP(w, r)
		case r.URL.Path == HealthPath:
			serveHealth(w, r)
		case r.URL.Path == ResetPath && reset != nil:
			reset(w, r)
		case r.URL.Path == ResetPath:
			http.Error(w, "this server keeps its state: reset is for postern up --ephemeral", http.StatusNotFound)
		default:
			http.Error(w, "there is no "+r.URL.Path+": Postern has "+HealthPath+" and, with --ephemeral, "+ResetPath,
				http.StatusNotFound)
		}
	})
}

// serveHealth says that the server answers. It tells nothing that only those with a key may know.
func serveHealth(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET asks for the server's health", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "ok"}) // a client that has left
}
