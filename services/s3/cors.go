package s3

import (
	"context"
	"slices"
	"strings"

	"postern/aws/fault"
)

// CORSRule says which web pages may send which requests for a bucket.
type CORSRule struct {
	ID                                                            string
	AllowedHeaders, AllowedMethods, AllowedOrigins, ExposeHeaders []string
	MaxAgeSeconds                                                 int32
}

// maxCORSRules is how many rules a bucket may have.
const maxCORSRules = 100

var corsMethods = []string{"GET", "PUT", "HEAD", "POST", "DELETE"}

// PutCORS puts rules for web pages in the place of those that a bucket has.
func (s *Service) PutCORS(ctx context.Context, name string, rules []CORSRule) error {
	return s.configure(ctx, name, func(b *stored) error {
		if len(rules) == 0 {
			return malformedXML()
		}
		if len(rules) > maxCORSRules {
			return fail(fault.Invalid, "InvalidRequest", "The number of CORS rules should not exceed allowed limit of %d rules.",
				maxCORSRules)
		}
		for i := range rules {
			if err := rules[i].check(); err != nil {
				return err
			}
		}
		b.CORS = slices.Clone(rules)
		return nil
	})
}

// DeleteCORS takes the rules for web pages off a bucket.
func (s *Service) DeleteCORS(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.CORS = nil; return nil })
}

func (r *CORSRule) check() error {
	if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 || len(r.ID) > 255 {
		return malformedXML()
	}
	for _, m := range r.AllowedMethods {
		if !slices.Contains(corsMethods, m) {
			return invalidRequest("Found unsupported HTTP method in CORS config. Unsupported method is %.100s", m)
		}
	}
	for _, o := range r.AllowedOrigins {
		if strings.Count(o, "*") > 1 {
			return invalidRequest("AllowedOrigin \"%.200s\" can not have more than one wildcard.", o)
		}
	}
	for _, h := range r.AllowedHeaders {
		if strings.Count(h, "*") > 1 {
			return invalidRequest("AllowedHeader \"%.200s\" can not have more than one wildcard.", h)
		}
	}
	for _, h := range r.ExposeHeaders {
		if strings.Contains(h, "*") {
			return invalidRequest(
				"ExposeHeader \"%.200s\" contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
		}
	}
	return nil
}

func invalidRequest(format string, args ...any) error {
	return fail(fault.Invalid, "InvalidRequest", format, args...)
}

func invalidArgument(format string, args ...any) error {
	return fail(fault.Invalid, "InvalidArgument", format, args...)
}

// AllowsPage returns the first rule that lets a web page of an origin send a request with a method and headers.
func (b Bucket) AllowsPage(origin, method string, headers []string) (CORSRule, bool) {
	for _, r := range b.CORS {
		if slices.Contains(r.AllowedMethods, method) && matchesAny(r.AllowedOrigins, origin) &&
			allowsAll(lowered(r.AllowedHeaders), lowered(headers)) {
			return r, true
		}
	}
	return CORSRule{}, false
}

func allowsAll(patterns, all []string) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return !matchesAny(patterns, s) })
}

func lowered(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = strings.ToLower(s)
	}
	return out
}

// matchesAny reports whether a text is one of patterns with a wildcard each at the most.
func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		before, after, wild := strings.Cut(p, "*")
		if !wild {
			return p == s
		}
		return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
	})
}
