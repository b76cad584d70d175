package iam

import (
	"strconv"
	"strings"
	"time"
)

// A key is the name of a condition key, and what tells its value.
type key struct {
	name string // in lower case
	from keySource
	tag  string // of the principal, where that tells it
}

// A keySource names the part of a request that tells a condition key.
type keySource uint8

const (
	fromRequest keySource = iota // Request.Keys
	principalARN
	principalAccount
	principalType
	principalIsService
	principalServiceName
	principalTag
	userID
	userName
	sourceIdentity
	sourceVPC
	sourceAddress
	sourceInstance // else Request.Keys
	mfaPresent
	tokenIssueTime // from here on times
	currentTime
	epochTime
)

// keySources are the keys that the principal or the time tells, in lower case.
var keySources = map[string]keySource{
	"aws:principalarn":                 principalARN,
	"aws:principalaccount":             principalAccount,
	"aws:principaltype":                principalType,
	"aws:principalisawsservice":        principalIsService,
	"aws:principalservicename":         principalServiceName,
	"aws:userid":                       userID,
	"aws:username":                     userName,
	"aws:sourceidentity":               sourceIdentity,
	"aws:ec2instancesourcevpc":         sourceVPC,
	"aws:ec2instancesourceprivateipv4": sourceAddress,
	"ec2:sourceinstancearn":            sourceInstance,
	"aws:multifactorauthpresent":       mfaPresent,
	"aws:tokenissuetime":               tokenIssueTime,
	"aws:currenttime":                  currentTime,
	"aws:epochtime":                    epochTime,
}

// newKey finds what tells a condition key. Letter case does not matter.
func newKey(name string) key {
	name = strings.ToLower(name)
	if tag, ok := strings.CutPrefix(name, "aws:principaltag/"); ok {
		return key{name: name, from: principalTag, tag: tag}
	}
	return key{name: name, from: keySources[name]}
}

// lookup returns the values of a condition key; nil where the request has none. one is room for a single value.
func (r *Request) lookup(k *key, one *[1]string) []string {
	if r.Simulated != nil {
		if values, ok := r.Simulated(k.name); ok {
			return values
		}
	}
	if k.from != fromRequest {
		if value, ok := r.own(k); ok {
			one[0] = value
			return one[:]
		}
		if k.from != sourceInstance {
			return nil
		}
	}
	if r.Keys == nil {
		return nil
	}
	return r.Keys(k.name)
}

// judges reports whether a condition key has a value or is known to have none.
func (r *Request) judges(k *key) bool {
	if r.Judged == nil {
		return true
	}
	if r.Simulated == nil && k.from >= tokenIssueTime { // times, which are long to write
		if _, ok := r.moment(k.from); ok {
			return true
		}
	}
	var one [1]string
	if k.from != fromRequest && len(r.lookup(k, &one)) > 0 {
		return true
	}
	return r.Judged(k.name) || len(r.lookup(k, &one)) > 0
}

// own returns the value of a key that the principal or the time tells.
func (r *Request) own(k *key) (value string, ok bool) {
	p := r.Principal
	switch k.from {
	case principalTag:
		value, ok = p.Tags[k.tag]
		return value, ok // also an empty one
	case principalIsService:
		if p.Kind != Anonymous {
			value = strconv.FormatBool(p.Kind == Service)
		}
	case mfaPresent:
		// Requests with temporary credentials have the key, those with long-term ones do not. No session here begins with
		// MFA.
		if p.Kind == AssumedRole || p.Kind == FederatedUser || !p.Issued.IsZero() {
			value = "false"
		}
	case tokenIssueTime, currentTime:
		if t, ok := r.moment(k.from); ok {
			value = t.UTC().Format(time.RFC3339)
		}
	case epochTime:
		value = strconv.FormatInt(r.Time.Unix(), 10)
	default:
		value = p.tells(k.from)
	}
	return value, value != ""
}

// tells returns what the principal tells of a key, empty where it does not have it.
func (p *Principal) tells(from keySource) string {
	switch from {
	case principalARN:
		if p.Kind == AssumedRole {
			return p.Role
		}
		return p.ARN
	case principalAccount:
		return p.Account
	case principalType:
		return p.Kind.String()
	case principalServiceName:
		if p.Kind == Service {
			return p.Name
		}
	case userID:
		return p.UserID
	case userName:
		if p.Kind == User {
			return p.Name
		}
	case sourceIdentity:
		return p.SourceIdentity
	case sourceVPC:
		return p.SourceVPC
	case sourceAddress:
		return p.SourceAddress
	case sourceInstance:
		return p.SourceInstance
	}
	return ""
}

// moment returns the time that a key tells, in whole seconds as requests have it, and whether the request has the key.
func (r *Request) moment(from keySource) (t time.Time, ok bool) {
	if t = r.Time; from == tokenIssueTime {
		t = r.Principal.Issued
		if t.IsZero() {
			return t, false
		}
	}
	return time.Unix(t.Unix(), 0), true
}
