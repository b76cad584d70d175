package api

import (
	"reflect"
	"slices"

	"postern/aws/fault"
)

// Takes names the members of the input that the handler makes use of; every row says it, or All. A request that sets
// another one is refused as not built, by the member's name, so that nothing is ignored silently. DryRun need not be
// named.
func Takes(members ...string) Option {
	return func(op *Operation) { op.takes = append(op.takes, members...) }
}

// Unread names members that the operation takes and that make no difference to it, and why: a filter on a list that is
// always empty.
func Unread(reason string, members ...string) Option {
	return func(op *Operation) {
		if reason == "" {
			panic("api.Unread: " + op.Name + " gives no reason")
		}
		op.takes = append(op.takes, members...)
		op.unread = append(op.unread, members...)
	}
}

// ByName says that the handler looks up the members that it takes by their names, so that its source does not show
// them.
func ByName(op *Operation) { op.byName = true }

// All says that the handler makes use of every member of the input.
func All(op *Operation) { op.takesAll = true }

// With sets how the caller proves who it is.
func With(auth Auth) Option { return func(op *Operation) { op.Auth = auth } }

// Acts has some requests ask for another action than the row's: s3:GetObjectVersion where a version is named. An empty
// name is the row's own.
func Acts[In any](action func(*Call, *In) string) Option {
	return func(op *Operation) {
		op.acts = func(c *Call, in any) string { return action(c, in.(*In)) }
	}
}

// At sets "METHOD /path/{wildcard}" of an operation in the REST protocols, and the status of its success. The SDK knows
// the patterns of its own operations.
func At(pattern string, status int) Option {
	return func(op *Operation) { op.Pattern, op.Status = pattern, status }
}

// Keys adds condition keys to what policies are asked with, beside the tags of the request. Names are those that keys
// may give: keys that AWS's action has, too.
func Keys[In any](keys func(*Call, *In) map[string][]string, names ...string) Option {
	return func(op *Operation) {
		op.keyNames = append(op.keyNames, names...)
		op.keys = func(call *Call, in any) map[string][]string { return keys(call, in.(*In)) }
	}
}

// Undecided stands in the place of a key's values where a request makes several resources that differ in it. A policy
// on the key is then judged with caution.
var Undecided = []string{}

// isDryRun reports whether the caller only wants to know if it may.
func (op *Operation) isDryRun(in any) bool {
	if op.dryRun < 0 {
		return false
	}
	flag, ok := reflect.ValueOf(in).Elem().Field(op.dryRun).Interface().(*bool)
	return ok && flag != nil && *flag
}

// Makes says that the resource of an operation is still to be made: another of its name, whosever it is, has no say in
// who may.
func Makes(op *Operation) { op.makes = true }

// RefuseOthers refuses members of an input that the operation does not make use of. It is for handlers that do another
// operation's work, whose input did not come through the pipeline.
func (op *Operation) RefuseOthers(in any) error { return op.refuseOthers(in) }

// TakesForm reports whether the body of requests is a form; see Forms.
func (op *Operation) TakesForm() bool { return op.form != nil }

// refuseOthers refuses members of the input that the operation does not make use of.
func (op *Operation) refuseOthers(in any) error {
	if op.takesAll {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "DryRun" || v.Field(i).IsZero() || slices.Contains(op.takes, f.Name) {
			continue
		}
		return fault.New(
			fault.NotImplemented, "api.serve", "Postern does not implement the parameter %s of %s", f.Name, op.Name,
		)
	}
	return nil
}
