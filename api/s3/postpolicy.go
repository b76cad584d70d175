package s3

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/aws/fault"
)

// A postPolicy says what a form may upload (Amazon S3 API Reference, "POST policy").
type postPolicy struct {
	expires    time.Time
	conditions []postCondition
	// least and most bound the file, in bytes.
	least, most int64
}

// postCondition is a condition on a field of a form.
type postCondition struct {
	begins      bool // the field begins with the value; otherwise it is the value
	name, value string
}

// String is the condition as refusals show it.
func (p postCondition) String() string {
	operator := "eq"
	if p.begins {
		operator = "starts-with"
	}
	text, _ := json.Marshal([]string{operator, "$" + p.name, p.value}) // strings can be marshalled
	return strings.ReplaceAll(string(text), ",", ", ")
}

func invalidPolicy(format string, args ...any) error {
	return invalid("InvalidPolicyDocument", "Invalid Policy: "+format, args...)
}

// readPostPolicy reads a policy as it stands in a form: JSON in base64.
func readPostPolicy(text string) (*postPolicy, error) {
	plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, invalidPolicy("Invalid Base64 Encoding.")
	}
	var document struct {
		Expiration *string           `json:"expiration"`
		Conditions []json.RawMessage `json:"conditions"`
	}
	if err := json.Unmarshal(plain, &document); err != nil {
		return nil, invalidPolicy("Invalid JSON.")
	}
	if document.Expiration == nil {
		return nil, invalidPolicy("Policy missing expiration.")
	}
	if document.Conditions == nil {
		return nil, invalidPolicy("Policy missing conditions.")
	}
	p := &postPolicy{most: maxObject}
	if p.expires, err = time.Parse(time.RFC3339, *document.Expiration); err != nil {
		return nil, invalidPolicy("Invalid 'expiration' value: '%.100s'", *document.Expiration)
	}
	for _, text := range document.Conditions {
		if err := p.add(text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add reads a condition: {"FIELD": "VALUE"}, ["eq", "$FIELD", "VALUE"], ["starts-with", "$FIELD", "VALUE"] or
// ["content-length-range", LEAST, MOST].
func (p *postPolicy) add(text json.RawMessage) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var fields map[string]string
		if json.Unmarshal(text, &fields) != nil || len(fields) == 0 {
			return invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			p.conditions = append(p.conditions, postCondition{name: strings.ToLower(name), value: fields[name]})
		}
		return nil
	}
	var list []json.RawMessage
	var operator string
	if json.Unmarshal(text, &list) != nil || len(list) != 3 || json.Unmarshal(list[0], &operator) != nil {
		return invalidPolicy("Invalid Condition: wrong number of arguments, or no operation.")
	}
	if operator = strings.ToLower(operator); operator == "content-length-range" {
		return p.bound(list[1], list[2])
	}
	var name, value string
	if operator != "eq" && operator != "starts-with" {
		return invalidPolicy("Invalid Condition: unknown operation '%.40s'.", operator)
	}
	if json.Unmarshal(list[1], &name) != nil || json.Unmarshal(list[2], &value) != nil || len(name) < 2 || name[0] != '$' {
		return invalidPolicy("Invalid Condition: the field has to be written as $FIELD, and its value as a text.")
	}
	p.conditions = append(p.conditions, postCondition{operator == "starts-with", strings.ToLower(name[1:]), value})
	return nil
}

// bound reads how long the file may be. Of several bounds each holds.
func (p *postPolicy) bound(least, most json.RawMessage) error {
	var bounds [2]int64
	for i, text := range []json.RawMessage{least, most} {
		n, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
		if err != nil || n < 0 {
			return invalidPolicy("Invalid content-length-range: bounds are numbers of bytes.")
		}
		bounds[i] = n
	}
	if bounds[0] > bounds[1] {
		return invalidPolicy("Invalid content-length-range: the first bound is above the second.")
	}
	p.least, p.most = max(p.least, bounds[0]), min(p.most, bounds[1])
	return nil
}

// unconditional are the fields that need no condition.
var unconditional = []string{"policy", "x-amz-signature", "file", "awsaccesskeyid", "signature"}

// check holds the fields of a form against the policy: none may fail its conditions, and each has to have one.
func (p *postPolicy) check(fields map[string]string, now time.Time) error {
	if !now.Before(p.expires) {
		return against("Policy expired.")
	}
	conditional := map[string]bool{}
	for _, one := range p.conditions {
		conditional[one.name] = true
		if !one.holds(fields[one.name]) {
			return against("Policy Condition failed: %s", one)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !conditional[name] && !slices.Contains(unconditional, name) && !strings.HasPrefix(name, "x-ignore-") {
			return against("Extra input fields: %.200s", name)
		}
	}
	return nil
}

// holds reports whether a field fulfils the condition. Types of content may be a list, of which each has to begin so.
func (p postCondition) holds(field string) bool {
	switch {
	case !p.begins:
		return field == p.value
	case p.name != "content-type":
		return strings.HasPrefix(field, p.value)
	}
	return !slices.ContainsFunc(strings.Split(field, ","), func(one string) bool {
		return !strings.HasPrefix(strings.TrimSpace(one), p.value)
	})
}

func against(format string, args ...any) error {
	return fault.New(fault.Denied, "s3", "Invalid according to Policy: %s", fmt.Sprintf(format, args...))
}
