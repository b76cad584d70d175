package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSignedHeaders bounds the work that one request can ask for.
const maxSignedHeaders = 100

// Scope limits a signature: to one day, one region, one service.
type Scope struct {
	Date    string // "20060102", UTC
	Region  string
	Service string
}

// String returns the scope as it is signed: date/region/service/aws4_request.
func (s Scope) String() string { return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator }

// Signature holds what a request claims about its own signature. Nothing in it is proved before Verify or VerifyRSA.
type Signature struct {
	// AccessKey is the id of the key that signed ("AKIA…", "ASIA…"), or a managed instance ("mi-…").
	AccessKey string
	// Scope is for the caller to check: this package does not know which region and service were addressed.
	Scope Scope
	// Time holds the time at which the request was signed.
	Time time.Time
	// Token is the session token of temporary credentials, else empty.
	Token string
	// Presigned says that the signature stands in the query; Expires is then how long after Time it is good for.
	Presigned bool
	Expires   time.Duration
	// SignedHeaders are the names of the signed headers, in lower case and in the order of the request.
	SignedHeaders []string
	// Payload is X-Amz-Content-Sha256 as sent, signed or not; empty where it was not sent.
	Payload string

	credential string // access key and scope, as sent
	stamp      string // Time, as sent or as the string to sign has it
	headers    string // SignedHeaders, as sent
	value      string // the signature, hexadecimal or base64
}

// Parse reads the signature of a request. Its errors carry CodeMissing (there is none), CodeIncomplete (it cannot be
// read) or CodeMismatch (it cannot be good for this request); there is no Signature then.
func Parse(r *http.Request) (*Signature, error) {
	authorization := r.Header.Get("Authorization")
	inQuery := strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") || strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=")
	switch {
	case authorization == "" && !inQuery:
		return nil, refuse(CodeMissing, "Request is missing Authentication Token")
	case authorization != "" && inQuery:
		return nil, refuse(
			CodeIncomplete, "Only one of the Authorization header and the X-Amz-Algorithm query parameter may be given",
		)
	case inQuery:
		return parseQuery(r)
	}
	return parseHeader(r, authorization)
}

func parseHeader(r *http.Request, authorization string) (*Signature, error) {
	rest, ok := strings.CutPrefix(authorization, Algorithm)
	if !ok || rest != "" && rest[0] != ' ' {
		return nil, refuse(
			CodeIncomplete, "Unsupported authorization type: the Authorization header must begin with %s", Algorithm,
		)
	}
	s := &Signature{Token: r.Header.Get("X-Amz-Security-Token"), Payload: r.Header.Get("X-Amz-Content-Sha256")}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		var field *string
		switch name {
		case "Credential":
			field = &s.credential
		case "SignedHeaders":
			field = &s.headers
		case "Signature":
			field = &s.value
		}
		if !found || field == nil {
			if strings.TrimSpace(rest) == "" {
				break
			}
			return nil, refuse(
				CodeIncomplete, "The Authorization header has a part that is not Credential, SignedHeaders or Signature",
			)
		}
		if *field != "" {
			return nil, refuse(CodeIncomplete, "The Authorization header has %s twice", name)
		}
		*field = value
	}
	var missing []string
	for _, want := range []struct{ name, value string }{
		{"Credential", s.credential}, {"Signature", s.value}, {"SignedHeaders", s.headers},
	} {
		if want.value == "" {
			missing = append(missing, "Authorization header requires '"+want.name+"' parameter.")
		}
	}
	if len(missing) > 0 {
		return nil, refuse(CodeIncomplete, "%s", strings.Join(missing, " "))
	}
	if err := s.readTime(r); err != nil {
		return nil, err
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	return s, nil
}

// readTime takes the time of a signature in the header: X-Amz-Date, or Date in either of two forms.
func (s *Signature) readTime(r *http.Request) error {
	stamp := r.Header.Get("X-Amz-Date")
	if stamp == "" {
		stamp = r.Header.Get("Date")
	}
	if stamp == "" {
		return refuse(CodeIncomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	t, err := time.Parse(timeFormat, stamp)
	if err != nil {
		t, err = http.ParseTime(stamp)
	}
	if err != nil {
		return refuse(
			CodeIncomplete, "Date must be in ISO-8601 'basic format'. Got %q. See http://en.wikipedia.org/wiki/ISO_8601",
			clip(stamp),
		)
	}
	s.Time = t.UTC()
	s.stamp = s.Time.Format(timeFormat)
	return nil
}

func parseQuery(r *http.Request) (*Signature, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(CodeIncomplete, "The query string cannot be read")
	}
	get := func(name string) (string, error) {
		switch values := query[name]; {
		case len(values) == 1 && values[0] != "":
			return values[0], nil
		case len(values) > 1:
			return "", refuse(CodeIncomplete, "AWS query-string parameters must include %s only once.", name)
		}
		return "", refuse(CodeIncomplete, "AWS query-string parameters must include '%s'.", name)
	}
	s := &Signature{
		Presigned: true,
		Token:     query.Get("X-Amz-Security-Token"),
		Payload:   r.Header.Get("X-Amz-Content-Sha256"),
	}
	if s.Token == "" {
		s.Token = r.Header.Get("X-Amz-Security-Token")
	}
	if s.Payload == "" {
		s.Payload = query.Get("X-Amz-Content-Sha256")
	}
	var algorithm, expires string
	for _, field := range []struct {
		name string
		into *string
	}{
		{"X-Amz-Algorithm", &algorithm}, {"X-Amz-Credential", &s.credential}, {"X-Amz-Date", &s.stamp},
		{"X-Amz-Expires", &expires}, {"X-Amz-SignedHeaders", &s.headers}, {"X-Amz-Signature", &s.value},
	} {
		if *field.into, err = get(field.name); err != nil {
			return nil, err
		}
	}
	if algorithm != Algorithm {
		return nil, refuse(CodeIncomplete, "X-Amz-Algorithm must be %s", Algorithm)
	}
	if s.Time, err = time.Parse(timeFormat, s.stamp); err != nil || s.Time.Format(timeFormat) != s.stamp {
		return nil, refuse(CodeIncomplete, "X-Amz-Date must be in ISO-8601 'basic format'. Got %q.", clip(s.stamp))
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || seconds < 1 || seconds > int64(MaxExpires/time.Second) {
		return nil, refuse(
			CodeIncomplete, "X-Amz-Expires must be a number of seconds from 1 to %d", int(MaxExpires/time.Second),
		)
	}
	s.Expires = time.Duration(seconds) * time.Second
	if err := s.complete(); err != nil {
		return nil, err
	}
	return s, nil
}

// complete takes credential and signed headers apart, once all texts are there.
func (s *Signature) complete() error {
	if err := s.splitCredential(); err != nil {
		return err
	}
	s.SignedHeaders = strings.Split(s.headers, ";")
	if len(s.SignedHeaders) > maxSignedHeaders {
		return refuse(CodeIncomplete, "SignedHeaders names more than %d headers", maxSignedHeaders)
	}
	for _, name := range s.SignedHeaders {
		if name == "" || name != strings.ToLower(name) {
			return refuse(CodeIncomplete, "SignedHeaders must be header names in lower case, separated by ';'")
		}
	}
	if !slices.Contains(s.SignedHeaders, "host") {
		return refuse(CodeMismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// splitCredential takes the credential apart, which has to be of the day of the signature.
func (s *Signature) splitCredential() error {
	if strings.Count(s.credential, "/") < 4 {
		return refuse(CodeIncomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got %q",
			clip(s.credential))
	}
	parts := strings.Split(s.credential, "/")
	n := len(parts)
	// An access key id holds no slash, but the scope is read from the end all the same, as Amazon does.
	s.AccessKey = strings.Join(parts[:n-4], "/")
	s.Scope = Scope{Date: parts[n-4], Region: parts[n-3], Service: parts[n-2]}
	switch {
	case s.AccessKey == "" || s.Scope.Region == "" || s.Scope.Service == "":
		return refuse(CodeIncomplete, "Credential has an empty element, got %q", clip(s.credential))
	case parts[n-1] != terminator:
		return refuse(
			CodeMismatch, "Credential should be scoped with a valid terminator: '%s', not %q.", terminator, clip(parts[n-1]),
		)
	case s.Scope.Date != s.stamp[:len(dateFormat)]:
		return refuse(CodeMismatch,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %q != %q, from %q.",
			clip(s.Scope.Date), s.stamp[:len(dateFormat)], s.stamp)
	}
	return nil
}

// clip keeps a foreign text in a message short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
