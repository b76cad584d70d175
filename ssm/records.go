package ssm

import (
	"postern/aws/scope"
	"postern/record"
)

// Kinds of records. They stand in databases and do not change.
const (
	KindNode       = "node"
	KindActivation = "activation"
	KindSetting    = "setting"
	KindDocument   = "document"
	// A parameter, one of its older versions, and how many parameters a scope has.
	KindParameter        = "parameter"
	KindParameterVersion = "parameter-version"
	KindParameterCount   = "parameter-count"
)

// NewRecord returns a record of a scope: the scope is its group. Kind and ID of the key are together unique over all
// scopes; body is JSON that only the package reads which keeps the record.
func NewRecord(key record.Key, in scope.Scope, body []byte) record.Record {
	return record.Record{Key: key, Groups: []string{in.String()}, Body: body}
}

// ScopeOf returns the scope of a record that NewRecord made; of any other, and of a deletion that names none, the zero
// Scope.
func ScopeOf(r record.Record) scope.Scope {
	if len(r.Groups) == 0 {
		return scope.Scope{}
	}
	in, _, _ := scope.Parse(r.Groups[0] + "/")
	return in
}
