package imds

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/network/vpc"
)

// Options say what a Server tells.
type Options struct {
	Source Source
	// Now is time.Now if nil.
	Now func() time.Time
}

// Server answers the instances. It is an http.Handler for requests whose context has an origin.
type Server struct {
	source Source
	now    func() time.Time
	tokens tokens
	cache  cache
}

// New makes a server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{source: o.Source, now: o.Now, tokens: newTokens(), cache: cache{held: map[holder]Credentials{}}}
}

// Originator is a connection that knows where it comes from.
type Originator interface{ Origin() vpc.Origin }

type originKey struct{}

// connKey is the connection's in a request's context.
type connKey struct{}

// WithOrigin says in a request's context where the request comes from.
func WithOrigin(ctx context.Context, o vpc.Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Serve answers the connections of l, which are Originators, until ctx is done or l fails; it closes l and every
// connection and returns nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			ctx = context.WithValue(ctx, connKey{}, c)
			if o, ok := c.(Originator); ok {
				return WithOrigin(ctx, o.Origin())
			}
			return ctx
		},
	}
	stopped := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		_ = server.Close() // its error is the listener's, which Serve returns
		close(stopped)
	})
	err := server.Serve(l)
	if !release() {
		<-stopped
	}
	_ = server.Close()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fault.New(fault.Unavailable, "imds.Serve", "the metadata service stopped: %w", err)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	origin, _ := r.Context().Value(originKey{}).(vpc.Origin)
	if origin.Interface == "" {
		refuse(w, http.StatusNotFound)
		return
	}
	instance, err := s.source.Instance(r.Context(), origin.Interface)
	limitHops(r, 0)
	switch {
	case err != nil:
		refuse(w, statusOf(err))
	case instance.Disabled:
		refuse(w, http.StatusForbidden)
	case r.URL.Path == "/latest/api/token":
		limitHops(r, instance.HopLimit)
		s.token(w, r, instance.ID)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
	case !s.authenticated(w, r, &instance):
		refuse(w, http.StatusUnauthorized)
	default:
		s.get(w, r, &instance)
	}
}

// hopper is a connection whose packets' hops can be limited.
type hopper interface{ SetHops(n int) error }

// limitHops says how many hops the answer may make: a token's as many as the instance's options say, any other as many
// as usual (0). A connection that is closed needs no limit.
func limitHops(r *http.Request, n int) {
	if c, ok := r.Context().Value(connKey{}).(hopper); ok {
		_ = c.SetHops(n)
	}
}

// statusOf is the HTTP status of a source's error.
func statusOf(err error) int {
	switch fault.Of(err).Kind {
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Unavailable, fault.Throttled:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse answers with a status as IMDS words it.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	title := strconv.Itoa(status) + " - " + http.StatusText(status)
	say(w, []byte("<html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\n"))
}

// say writes an answer. One that does not arrive is asked for again.
func say(w http.ResponseWriter, b []byte) { _, _ = w.Write(b) }

// token answers PUT /latest/api/token. A proxy that adds X-Forwarded-For is not told a token: AWS refuses so because
// the request may come from outside.
func (s *Server) token(w http.ResponseWriter, r *http.Request, instance string) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", "OPTIONS, PUT")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		refuse(w, http.StatusForbidden)
		return
	}
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > maxTTL {
		refuse(w, http.StatusBadRequest)
		return
	}
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	say(w, []byte(s.tokens.make(instance, s.now().Add(time.Duration(ttl)*time.Second))))
}

// authenticated asks for a good token, or for none where the instance allows version 1.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request, i *Instance) bool {
	given, present := r.Header[tokenHeader]
	if !present {
		return i.TokensOptional
	}
	seconds, ok := s.tokens.check(i.ID, given[0], s.now())
	if ok {
		w.Header().Set(ttlHeader, strconv.FormatInt(seconds, 10))
	}
	return ok
}

// versions are the dated names that AWS has given to the same tree.
var versions = []string{
	"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04",
	"2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30",
	"2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23",
	"2021-07-15", "2022-09-24", "2024-04-11", "latest",
}

// get answers with a value, or with the list of what lies below a path.
func (s *Server) get(w http.ResponseWriter, r *http.Request, i *Instance) {
	clean := path.Clean("/" + r.URL.Path)
	if clean == "/" {
		say(w, []byte(strings.Join(versions, "\n")))
		return
	}
	version, below, _ := strings.Cut(clean[1:], "/")
	if !isVersion(version) {
		refuse(w, http.StatusNotFound)
		return
	}
	leaves := s.leaves(i)
	for _, l := range leaves {
		if l.path == below && !strings.HasSuffix(r.URL.Path, "/") {
			s.value(w, r, l)
			return
		}
	}
	list := listing(leaves, below)
	if len(list) == 0 {
		refuse(w, http.StatusNotFound)
		return
	}
	if below == publicKeys {
		list = []string{"0=" + i.KeyName}
	}
	say(w, []byte(strings.Join(list, "\n")))
}

func isVersion(name string) bool {
	for _, v := range versions {
		if v == name {
			return true
		}
	}
	return false
}

func (s *Server) value(w http.ResponseWriter, r *http.Request, l leaf) {
	value, err := l.value(r.Context())
	if err != nil {
		refuse(w, statusOf(err))
		return
	}
	if l.path == "user-data" {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	say(w, value)
}
