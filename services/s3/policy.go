package s3

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"postern/aws/action"
	"postern/aws/fault"
	"postern/aws/iam"
)

// maxPolicy is the longest bucket policy in bytes.
const maxPolicy = 20 << 10

// PutPolicy puts a bucket's policy in the place of the one that it has.
func (s *Service) PutPolicy(ctx context.Context, name, text string) error {
	return s.configure(ctx, name, func(b *stored) error {
		if err := checkPolicy(&b.Bucket, text); err != nil {
			return err
		}
		if block := b.PublicAccessBlock; block != nil && block.BlockPublicPolicy && isPublic(text) {
			return fail(fault.Denied, "AccessDenied",
				"Access Denied: public policies are blocked by the BlockPublicPolicy block public access setting.")
		}
		b.Policy = text
		return nil
	})
}

// DeletePolicy deletes a bucket's policy. To delete none is no error.
func (s *Service) DeletePolicy(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.Policy = ""; return nil })
}

// Policy returns who owns a bucket, and its policy as requests are judged by it: nil is none. It is false where there
// is no such bucket.
func (s *Service) Policy(bucket string) (owner string, policy *iam.Policy, ok bool) {
	if b, ok := managedBuckets()[bucket]; ok {
		return b.Account, b.policy, true
	}
	b, err := lookup(s.replica.Tables(), bucket)
	if err != nil {
		return "", nil, false
	}
	return b.Account, b.policy, true
}

// IsPublic reports whether a bucket's policy is public as the public access block means it.
func (s *Service) IsPublic(b Bucket) bool { return b.Policy != "" && isPublic(b.Policy) }

// compile makes the policy that requests are judged by. RestrictPublicBuckets keeps everybody but the owner's own and
// AWS's services out of a bucket with a public policy.
func (b *stored) compile() (err error) {
	b.policy, b.public = nil, false
	if b.Policy == "" {
		return nil
	}
	text := b.Policy
	if b.public = isPublic(text); b.public && b.PublicAccessBlock != nil && b.PublicAccessBlock.RestrictPublicBuckets {
		if text, err = restricted(text, b.Account); err != nil {
			return err
		}
	}
	b.policy, err = iam.Parse(iam.Resource, ARN(b.Region, b.Name), text)
	return err
}

// restricted adds to a policy what RestrictPublicBuckets means.
func restricted(text, owner string) (string, error) {
	var p map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return "", err
	}
	var statements oneOrMore[json.RawMessage]
	if err := json.Unmarshal(p["Statement"], &statements); err != nil {
		return "", err
	}
	own, err := json.Marshal(map[string]any{
		"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
		"Condition": map[string]any{
			"StringNotEquals": map[string]string{"aws:PrincipalAccount": owner},
			"BoolIfExists":    map[string]string{"aws:PrincipalIsAWSService": "false"},
		},
	})
	if err != nil {
		return "", err
	}
	if p["Statement"], err = json.Marshal(append(statements, own)); err != nil {
		return "", err
	}
	out, err := json.Marshal(p)
	return string(out), err
}

// document is a policy as S3's own rules look at it, once package iam has found it well formed.
type document struct {
	Statement oneOrMore[statement]
}

type statement struct {
	Effect            string
	Principal         json.RawMessage
	Action, NotAction oneOrMore[string]
	Resource          oneOrMore[string]
	NotResource       oneOrMore[string]
	Condition         map[string]map[string]oneOrMore[condition]
	NotPrincipal      json.RawMessage
}

// oneOrMore is a JSON value, or a list of them.
type oneOrMore[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		return json.Unmarshal(text, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(text, &(*l)[0])
}

// condition is a value of a condition, which may be written as a number or a Boolean.
type condition string

// UnmarshalJSON implements json.Unmarshaler.
func (c *condition) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		s = string(text)
	}
	*c = condition(s)
	return nil
}

func malformed(format string, args ...any) error {
	return fail(fault.Invalid, "MalformedPolicy", format, args...)
}

// checkPolicy refuses what cannot be the bucket's policy.
func checkPolicy(b *Bucket, text string) error {
	if len(text) > maxPolicy {
		return fail(fault.Invalid, "PolicyTooLarge",
			"Normalized policy document exceeds the maximum allowed size of %d bytes.", maxPolicy)
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") || !json.Valid([]byte(text)) {
		return malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	if _, err := iam.ParseNew(iam.Resource, b.Name, text); err != nil {
		return malformed("%s", policyFault(err))
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	for i := range d.Statement {
		if err := d.Statement[i].check(ARN(b.Region, b.Name)); err != nil {
			return err
		}
	}
	return nil
}

// policyFault says in S3's words what package iam has found.
func policyFault(err error) string {
	var p *iam.ParseError
	if !errors.As(err, &p) {
		return "This policy contains invalid Json"
	}
	element := p.Element[strings.LastIndexByte(p.Element, '.')+1:]
	switch {
	case strings.HasPrefix(p.Why, "Invalid principal"), strings.Contains(p.Element, ".Principal.") && p.Why != "":
		return "Invalid principal in policy"
	case strings.HasSuffix(p.Why, "is missing"), strings.HasPrefix(p.Why, "Policy statement must contain"),
		strings.HasPrefix(p.Why, "Missing required field"):
		return "Missing required field " + element
	case p.Element == "":
		return p.Why
	}
	return element + " " + p.Why
}

// check refuses actions and resources that a policy of the bucket cannot be about.
func (s *statement) check(bucket string) error {
	ofBucket, ofObjects := false, false
	for _, r := range slices.Concat(s.Resource, s.NotResource) {
		rest, ok := strings.CutPrefix(r, bucket)
		if !ok || rest != "" && rest[0] != '/' {
			return malformed("Policy has invalid resource")
		}
		ofBucket, ofObjects = ofBucket || rest == "", ofObjects || rest != ""
	}
	if len(s.NotResource) > 0 {
		ofBucket, ofObjects = true, true
	}
	for _, name := range slices.Concat(s.Action, s.NotAction) {
		if name == "*" {
			continue
		}
		if service, _, ok := strings.Cut(name, ":"); !ok || !strings.EqualFold(service, "s3") {
			return malformed("Policy has invalid action")
		}
		if strings.ContainsAny(name, "*?") {
			continue
		}
		a := action.Find(name)
		if a == nil {
			return malformed("Policy has invalid action")
		}
		if len(s.Action) > 0 && !concerns(a, ofBucket, ofObjects) {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}

// concerns reports whether an action may be about a bucket, or about its objects.
func concerns(a *action.Action, ofBucket, ofObjects bool) bool {
	for i := range a.Resources {
		switch a.Resources[i].Type {
		case "bucket":
			if ofBucket {
				return true
			}
		case "object":
			if ofObjects {
				return true
			}
		}
	}
	return false
}
