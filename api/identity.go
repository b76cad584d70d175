package api

import (
	"context"
	"crypto/rsa"
	"strconv"
	"strings"
	"time"

	"postern/network/vpc"
)

// Key is what is known of an access key.
type Key struct {
	Secret string
	// Token is the session token that must come with temporary credentials, else empty.
	Token string
	// Expires is when temporary credentials end; zero is never.
	Expires time.Time
	Caller  Caller
}

// NodeKeys are the public keys that a managed node may sign with: its registered one and, while it changes it, the one
// before.
type NodeKeys struct {
	Account, Region string
	Keys            []*rsa.PublicKey
}

// Identities is where the pipeline finds out whose key signed. A key or node that is not known, or no longer good, is a
// NotFound fault.
type Identities interface {
	AccessKey(ctx context.Context, id string) (Key, error)
	NodeKeys(ctx context.Context, node string) (NodeKeys, error)
}

// Question is what the authoriser is asked: may this caller do this to that?
type Question struct {
	Caller   Caller
	Action   string
	Resource string
	Call     *Call
	// Exempt callers prove themselves by other means than a principal's signature (Auth Unsigned and Node): identity
	// policies are not asked, the endpoint's policy is.
	Exempt bool

	own map[string][]string
}

// Keys are the condition keys of the request, global ones and the operation's own. It is made when it is called: most
// policies have no conditions.
//
// A request from inside a VPC has aws:SourceVpc, aws:SourceVpce and aws:VpcSourceIp and never aws:SourceIp; one from
// outside has it the other way round (IAM User Guide, "AWS global condition context keys").
func (q Question) Keys() map[string][]string {
	c := q.Call
	keys := map[string][]string{
		"aws:CurrentTime":     {c.Time.UTC().Format("2006-01-02T15:04:05Z")},
		"aws:EpochTime":       {strconv.FormatInt(c.Time.Unix(), 10)},
		"aws:RequestedRegion": {c.Region},
		"aws:SecureTransport": {strconv.FormatBool(c.TLS)},
		"aws:ViaAWSService":   {"false"},
	}
	set := func(key, value string) {
		if value != "" {
			keys[key] = []string{value}
		}
	}
	set("aws:UserAgent", c.Header("User-Agent"))
	if !q.Exempt {
		set("aws:PrincipalArn", policyARN(q.Caller.Principal))
		set("aws:PrincipalAccount", q.Caller.Account)
		set("aws:userid", q.Caller.UserID)
		set("aws:PrincipalType", principalType(q.Caller.Principal))
		if _, name, ok := strings.Cut(q.Caller.Principal, ":user/"); ok {
			set("aws:username", name[strings.LastIndexByte(name, '/')+1:])
		}
	} else {
		set("ssm:NodeAccountId", q.Caller.Account)
	}
	originKeys(c.Origin, c.SourceIP, set)
	for key, values := range q.own {
		keys[key] = values
	}
	return keys
}

func originKeys(o vpc.Origin, sourceIP string, set func(key, value string)) {
	if o.Endpoint == "" {
		set("aws:SourceIp", sourceIP)
		return
	}
	set("aws:SourceVpce", o.Endpoint)
	// Across a peering the VPC is the one that the endpoint stands in.
	source := o.EndpointVPC
	if source == "" {
		source = o.VPC
	}
	set("aws:SourceVpc", source)
	if o.Source.IsValid() {
		set("aws:VpcSourceIp", o.Source.Addr().String())
	}
}

// policyARN is the ARN that policies name a caller by: for a role's session, the role.
func policyARN(principal string) string {
	rest, ok := strings.CutPrefix(principal, "arn:aws:sts::")
	if !ok {
		return principal
	}
	account, session, ok := strings.Cut(rest, ":assumed-role/")
	if !ok {
		return principal
	}
	return "arn:aws:iam::" + account + ":role/" + session[:max(strings.LastIndexByte(session, '/'), 0)]
}

func principalType(principal string) string {
	switch {
	case strings.HasSuffix(principal, ":root"):
		return "Account"
	case strings.Contains(principal, ":user/"):
		return "User"
	case strings.Contains(principal, ":assumed-role/"):
		return "AssumedRole"
	}
	return ""
}

// Answer is the authoriser's judgement.
type Answer struct {
	Allow bool
	// Reason ends the sentence "User … is not authorized to perform … on resource …" in Amazon's words, such as "because
	// no identity-based policy allows the ssm:SendCommand action". Empty means just that.
	Reason string
	// Statement names what decided, policy and statement, for log and audit; never shown to a caller.
	Statement string
}

// Authoriser judges by every policy that bears on a request: the caller's, the endpoint's, the resource's.
type Authoriser interface {
	Authorise(ctx context.Context, q Question) (Answer, error)
}
