package postern

import (
	"time"

	"postern/api"
	"postern/aws/iam"
	sdk "postern/aws/postern"
)

// describe tells what is known of a request.
func describe(rec *api.Record) sdk.Request {
	out := sdk.Request{
		RequestId: rec.RequestID, Time: rec.Time.UTC().Format(time.RFC3339Nano), Method: rec.Method, Service: rec.Service,
		Operation: rec.Operation, Region: rec.Region, Account: rec.Account, Principal: rec.Principal,
		AccessKey: rec.AccessKey, SourceIp: rec.SourceIP, UserAgent: rec.UserAgent, Endpoint: rec.Origin.Endpoint,
		Interface: rec.Origin.Interface, Status: rec.Status, Code: rec.Code,
	}
	if rec.Err != nil {
		out.Error = rec.Err.Error()
	}
	for i := range rec.Judged {
		out.Judged = append(out.Judged, judgement(&rec.Judged[i]))
	}
	return out
}

func judgement(j *api.Judgement) sdk.Judgement {
	out := sdk.Judgement{
		Action: j.Action, Resource: j.Resource, Owner: j.Owner, Allowed: j.Decision.Allow, Decision: j.Decision.String(),
	}
	if e := j.Explanation; e != nil {
		out.Left = e.Left
		for _, p := range e.Policies {
			out.Policies = append(out.Policies, policy(p))
		}
		for _, k := range e.Keys {
			out.Keys = append(out.Keys, sdk.Key{Name: k.Key, Values: k.Values, Unknown: k.Unknown})
		}
	}
	return out
}

func policy(p iam.ReadPolicy) sdk.Policy {
	out := sdk.Policy{Kind: p.Kind.String(), Name: p.Name, Total: p.Total}
	for _, s := range p.Statements {
		effect := "Allow"
		if s.Deny {
			effect = "Deny"
		}
		out.Statements = append(out.Statements, sdk.Statement{
			Number: s.Index + 1, Sid: s.Sid, Effect: effect, Why: s.Why, Applies: s.Applies, Text: s.Text,
		})
	}
	return out
}
