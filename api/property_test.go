package api_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"postern/network/vpc"
)

// statement is one statement of a drawn policy: small enough to be judged by reading it.
type statement struct {
	Effect    string
	Action    []string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// fits reads a statement plainly: does it speak of this action, from this place?
func (s statement) fits(action string, via vpc.Origin) bool {
	service := action[:3] + ":*"
	if !slices.Contains(s.Action, action) && !slices.Contains(s.Action, service) && !slices.Contains(s.Action, "*") {
		return false
	}
	for _, pair := range s.Condition {
		for key, want := range pair {
			got := map[string]string{"aws:SourceVpce": via.Endpoint, "aws:SourceVpc": via.EndpointVPC}[key]
			if key == "aws:SourceIp" && via.Endpoint == "" {
				got = "192.0.2.1/32"
			}
			if got != want {
				return false
			}
		}
	}
	return true
}

// The whole pipeline allows what a plain reading of identity and endpoint policy allows, and nothing else.
func TestThePipelineAllowsWhatPoliciesSay(t *testing.T) {
	r := newRig(t)
	conditions := []map[string]map[string]string{
		nil, nil, {"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"StringEquals": {"aws:SourceVpce": "vpce-2"}},
		{"StringEquals": {"aws:SourceVpc": "vpc-2"}}, {"IpAddress": {"aws:SourceIp": "192.0.2.1/32"}},
	}
	statements := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) statement {
		return statement{
			Effect: rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"),
			Action: []string{
				rapid.SampledFrom([]string{"*", "ssm:*", "ec2:*", "ssm:CancelCommand", "ec2:CreateVpc", "iam:*"}).Draw(t, "action"),
			},
			Resource:  "*",
			Condition: rapid.SampledFrom(conditions).Draw(t, "condition"),
		}
	}), 1, 3)
	rapid.Check(t, func(t *rapid.T) {
		own, endpoint := statements.Draw(t, "identity"), statements.Draw(t, "endpoint")
		q := rapid.SampledFrom([]request{cancel, create}).Draw(t, "request")
		action := "ssm:CancelCommand"
		service := "ssm"
		if q.target == "" {
			action, service = "ec2:CreateVpc", "ec2"
		}
		var asked = [][]statement{own}
		if rapid.Bool().Draw(t, "private") {
			q.origin = through(service)
			asked = append(asked, endpoint)
		}
		r.policy, r.endpoint, r.calls = document(t, own, false), "", 0
		if q.origin.Endpoint != "" {
			r.endpoint = document(t, endpoint, true)
		}
		want := 1
		for _, policy := range asked {
			allow := false
			for _, s := range policy {
				if s.fits(action, q.origin) {
					allow = allow || s.Effect == "Allow"
					if s.Effect == "Deny" {
						want = 0
					}
				}
			}
			if !allow {
				want = 0
			}
		}
		status, got := r.do(t, q)
		if r.calls != want {
			t.Fatalf("%s from %+v: %d handlers reached, want %d\nidentity %s\nendpoint %s\n%d %s",
				action, q.origin, r.calls, want, r.policy, r.endpoint, status, got)
		}
	})
}

func document(t *rapid.T, statements []statement, principal bool) string {
	var all []map[string]any
	for _, s := range statements {
		m := map[string]any{"Effect": s.Effect, "Action": s.Action, "Resource": s.Resource}
		if s.Condition != nil {
			m["Condition"] = s.Condition
		}
		if principal {
			m["Principal"] = "*"
		}
		all = append(all, m)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
