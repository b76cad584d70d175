package api

import (
	"postern/aws/iam"
	"postern/aws/wire"
)

// refusal returns what the caller is told: Amazon's words, in the way of the service, and nothing of the reasoning.
// Which policies were looked at, and what they say, is for the record of the request.
func (x *exchange) refusal(q *Question, acting *service, r *iam.Request, e *iam.Explanation) string {
	d := e.Decision
	switch x.service.Protocol {
	case wire.S3:
		return s3Refusal(r, d)
	case wire.EC2:
		text := "You are not authorized to perform this operation. " + d.Message(r, acting.shown(q)) + policySuffix(d)
		if x.h.encode == nil || q.Resource == "*" || q.Call.Account == "" {
			return text
		}
		return text + ". Encoded authorization failure message: " +
			x.h.encode(q.Call.Account, authorizationMessage(q, r.Principal, e))
	}
	return d.Message(r, acting.shown(q)) + policySuffix(d)
}

// policySuffix names the managed policy that denies.
func policySuffix(d iam.Decision) string {
	if name := d.DenyingPolicy(); name != "" {
		return ": " + name
	}
	return ""
}

// shown is the resource as refusals of one of the service's actions name it; the service may be nil.
func (s *service) shown(q *Question) string {
	if q.Resource != "*" {
		return q.Resource
	}
	if s != nil && s.AnyResource != nil {
		return s.AnyResource(q.Call)
	}
	return ""
}

// s3Refusal is S3's: strangers, and callers of other accounts than the resource's, learn nothing (Amazon S3 User Guide,
// "Troubleshoot access denied (403 Forbidden) errors").
func s3Refusal(r *iam.Request, d iam.Decision) string {
	if r.Principal.Account == "" || r.Account != "" && r.Account != r.Principal.Account {
		return accessDenied
	}
	on := ""
	if r.Resource != "*" {
		on = `"` + r.Resource + `"`
	}
	text := d.Message(r, on)
	if name := d.DenyingPolicy(); name != "" {
		text += ", with policy ARN: " + name
	}
	return text
}
