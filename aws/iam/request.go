package iam

import (
	"strconv"
	"strings"
	"time"
)

// Request is one thing that a caller wants to do to one resource. A call that is about several resources is several
// requests, each of which has to be allowed.
type Request struct {
	Principal *Principal
	// Action is "service:Operation"; letter case does not matter.
	Action string
	// Resource is an ARN, or "*" for actions that cannot be limited to a resource.
	Resource string
	// Account owns the resource. Empty, or anything that is not twelve digits (as in arn:aws:iam::aws:policy/X), means the
	// caller's own account.
	Account string
	// Time is the moment of the request.
	Time time.Time
	// Keys gives the values of a condition key that the principal does not answer, such as aws:SourceVpce or
	// ssm:resourceTag/Name. It is asked with the key in lower case; nil means that the request has no such key.
	Keys func(key string) []string
	// Simulated, if set, is asked before everything else, the principal and the time included, and ok says that it knows
	// the key: its values are those that a simulation supposes, nil where it supposes none.
	Simulated func(key string) (values []string, ok bool)
	// Judged reports whether it is known if the request has a condition key, given in lower case. Nil means that it is
	// known of every key. A statement that allows under a condition on a key of which it is not known allows nothing, and
	// one that denies does.
	Judged func(key string) bool
}

// KeyMap makes Request.Keys of a map. Letter case of the keys does not matter; a key that stands there twice, in
// different case, has no value: see Ambiguous.
func KeyMap(m map[string][]string) func(string) []string {
	return func(key string) []string {
		if len(m) == 0 || Ambiguous(m, key) {
			return nil
		}
		for name, values := range m {
			if strings.EqualFold(name, key) {
				return values
			}
		}
		return nil
	}
}

// Ambiguous reports whether a map holds a key more than once, in different letter case, as a request can that sets the
// tags Team and team. Policies do not tell these apart, so nobody can say which is meant.
func Ambiguous(m map[string][]string, key string) bool {
	found := 0
	for name := range m {
		if strings.EqualFold(name, key) {
			found++
		}
	}
	return found > 1
}

// lookup returns the values of a condition key, given in lower case; nil where the request has none.
func (r *Request) lookup(key string) []string {
	if r.Simulated != nil {
		if values, ok := r.Simulated(key); ok {
			return values
		}
	}
	if rest, ok := strings.CutPrefix(key, "aws:"); ok {
		if tag, ok := strings.CutPrefix(rest, "principaltag/"); ok {
			if value, ok := r.Principal.Tags[tag]; ok { // also an empty one
				return []string{value}
			}
			return nil
		}
		if value, known := r.principalKey(rest); known {
			if value == "" {
				return nil
			}
			return []string{value}
		}
	}
	if key == "ec2:sourceinstancearn" && r.Principal.SourceInstance != "" {
		return []string{r.Principal.SourceInstance}
	}
	if r.Keys == nil {
		return nil
	}
	return r.Keys(key)
}

// judges reports whether a condition key, given in lower case, has a value or is known to have none.
func (r *Request) judges(key string) bool {
	return r.Judged == nil || r.Judged(key) || len(r.lookup(key)) > 0
}

// principalKey answers the aws: keys that follow from the caller and the time. An empty value means that this request
// does not have the key.
func (r *Request) principalKey(key string) (value string, known bool) {
	p := r.Principal
	signed := p.Kind != Anonymous
	switch key {
	case "principalarn":
		if p.Kind == AssumedRole {
			return p.Role, true
		}
		return p.ARN, true
	case "principalaccount":
		return p.Account, true
	case "principaltype":
		return p.Kind.String(), true
	case "principalisawsservice":
		if signed {
			value = strconv.FormatBool(p.Kind == Service)
		}
	case "principalservicename":
		if p.Kind == Service {
			value = p.Name
		}
	case "userid":
		return p.UserID, true
	case "username":
		if p.Kind == User {
			value = p.Name
		}
	case "sourceidentity":
		return p.SourceIdentity, true
	case "tokenissuetime":
		if !p.Issued.IsZero() {
			value = p.Issued.UTC().Format(time.RFC3339)
		}
	case "multifactorauthpresent":
		// Requests with temporary credentials have the key, those with long-term ones do not. No session here begins with
		// MFA.
		if p.Kind == AssumedRole || p.Kind == FederatedUser || !p.Issued.IsZero() {
			value = "false"
		}
	case "ec2instancesourcevpc":
		return p.SourceVPC, true
	case "ec2instancesourceprivateipv4":
		return p.SourceAddress, true
	case "currenttime":
		return r.Time.UTC().Format(time.RFC3339), true
	case "epochtime":
		return strconv.FormatInt(r.Time.Unix(), 10), true
	default:
		return "", false
	}
	return value, true
}
