package network

import (
	"encoding/json"

	"postern/network/vpc"
)

// In the store a protocol is its number, whatever vpc.Protocol shows to people.

type (
	plainRule  SecurityGroupRule
	storedRule struct {
		*plainRule
		Protocol int16
	}
	plainEntry  ACLEntry
	storedEntry struct {
		*plainEntry
		Protocol int16
	}
)

// MarshalJSON gives the rule's stored form.
func (r SecurityGroupRule) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedRule{(*plainRule)(&r), int16(r.Protocol)})
}

// UnmarshalJSON reads the rule's stored form.
func (r *SecurityGroupRule) UnmarshalJSON(b []byte) error {
	s := storedRule{plainRule: (*plainRule)(r)}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	r.Protocol = vpc.Protocol(s.Protocol)
	return nil
}

// MarshalJSON gives the entry's stored form.
func (e ACLEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedEntry{(*plainEntry)(&e), int16(e.Protocol)})
}

// UnmarshalJSON reads the entry's stored form.
func (e *ACLEntry) UnmarshalJSON(b []byte) error {
	s := storedEntry{plainEntry: (*plainEntry)(e)}
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	e.Protocol = vpc.Protocol(s.Protocol)
	return nil
}
