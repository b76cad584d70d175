package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/iam"
)

// maxAuthorizationMessage bounds the JSON that is encoded into a refusal, in bytes: DecodeAuthorizationMessage takes
// 10,240 characters.
const maxAuthorizationMessage = 7000

// list is a list as the decoded message has it.
type list[T any] struct {
	Items []T `json:"items"`
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{}
	}
	return list[T]{items}
}

type value struct {
	Value string `json:"value"`
}

func valuesOf(texts []string) list[value] {
	var all []value
	for _, text := range texts {
		all = append(all, value{text})
	}
	return listOf(all)
}

// keyValues is a condition key with its values.
type keyValues struct {
	Key    string      `json:"key"`
	Values list[value] `json:"values"`
}

// matchedStatement is a statement that denies.
type matchedStatement struct {
	StatementID     string          `json:"statementId"`
	Effect          string          `json:"effect"`
	Principals      list[value]     `json:"principals"`
	PrincipalGroups list[value]     `json:"principalGroups"`
	Actions         list[value]     `json:"actions"`
	Resources       list[value]     `json:"resources"`
	Conditions      list[keyValues] `json:"conditions"`
}

// denial is the message that sts:DecodeAuthorizationMessage gives back (STS API Reference).
type denial struct {
	Allowed           bool                   `json:"allowed"`
	ExplicitDeny      bool                   `json:"explicitDeny"`
	MatchedStatements list[matchedStatement] `json:"matchedStatements"`
	Failures          list[value]            `json:"failures"`
	Context           denialContext          `json:"context"`
}

type denialContext struct {
	Principal struct {
		ID   string `json:"id"`
		Name string `json:"name,omitempty"`
		ARN  string `json:"arn"`
	} `json:"principal"`
	Action     string          `json:"action"`
	Resource   string          `json:"resource"`
	Conditions list[keyValues] `json:"conditions"`
}

// authorizationMessage tells why something was refused. Where that is too long it tells fewer statements and keys.
func authorizationMessage(q *Question, p *iam.Principal, e *iam.Explanation) []byte {
	m := denial{
		ExplicitDeny:      e.Decision.Reason == iam.ExplicitDeny,
		MatchedStatements: listOf(denyingStatements(p, e)), Failures: listOf[value](nil),
	}
	c := &m.Context
	c.Principal.ID, c.Principal.Name, c.Principal.ARN = p.UserID, p.Name, p.ARN
	c.Action, c.Resource = q.Action, q.Resource
	conditions := resourceKeys(q)
	for _, k := range e.Keys {
		if len(k.Values) > 0 {
			conditions = append(conditions, keyValues{k.Key, valuesOf(k.Values)})
		}
	}
	c.Conditions = listOf(conditions)
	for {
		text, err := json.Marshal(m)
		if err != nil {
			return nil // texts and lists always have a form in JSON
		}
		switch conditions, statements := &c.Conditions.Items, &m.MatchedStatements.Items; {
		case len(text) <= maxAuthorizationMessage:
			return text
		case len(*conditions) > 0:
			*conditions = (*conditions)[:len(*conditions)/2]
		case len(*statements) > 0:
			*statements = (*statements)[:len(*statements)-1]
		default:
			c.Resource = c.Resource[:len(c.Resource)/2]
		}
	}
}

// resourceKeys tell the resource taken apart, as Amazon's messages do.
func resourceKeys(q *Question) []keyValues {
	parts, ok := arn.Split(q.Resource)
	if !ok {
		return nil
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	var all []keyValues
	for _, k := range [][2]string{
		{"aws:Resource", parts[5]}, {"aws:Account", q.Owner}, {"aws:Region", q.Call.Region},
		{"aws:Service", parts[2]}, {"aws:Type", kind}, {"aws:ARN", q.Resource},
	} {
		if k[1] != "" {
			all = append(all, keyValues{k[0], valuesOf([]string{k[1]})})
		}
	}
	return all
}

// denyingStatements returns the statements that apply and deny.
func denyingStatements(p *iam.Principal, e *iam.Explanation) []matchedStatement {
	var all []matchedStatement
	for _, policy := range e.Policies {
		for _, s := range policy.Statements {
			if !s.Applies || !s.Deny {
				continue
			}
			one := matchedStatement{
				StatementID: s.Sid, Effect: "DENY", Principals: valuesOf([]string{p.UserID}),
				PrincipalGroups: listOf[value](nil),
			}
			one.read(s.Text)
			all = append(all, one)
		}
	}
	return all
}

// read takes the rest from the statement's text; one that was cut short tells nothing.
func (m *matchedStatement) read(text string) {
	var s struct {
		Action, NotAction, Resource, NotResource any
		Condition                                map[string]map[string]any
	}
	_ = json.Unmarshal([]byte(text), &s)
	m.Actions = valuesOf(append(scalars(s.Action), scalars(s.NotAction)...))
	m.Resources = valuesOf(append(scalars(s.Resource), scalars(s.NotResource)...))
	var conditions []keyValues
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			conditions = append(conditions, keyValues{key, valuesOf(scalars(s.Condition[operator][key]))})
		}
	}
	m.Conditions = listOf(conditions)
}

// scalars returns one or many scalars of JSON as texts.
func scalars(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
		return all
	}
	return []string{fmt.Sprint(v)}
}
