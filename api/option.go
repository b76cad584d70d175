package api

import (
	"reflect"
	"slices"

	"postern/aws/fault"
)

// Action sets the action that a policy must allow, with its prefix ("iam:PassRole").
func Action(action string) Option { return func(op *Operation) { op.Action = action } }

// Takes names the members of the input that the handler makes use of. A request that sets another one is refused as not
// built, by the member's name, so that nothing is ignored silently. DryRun need not be named.
func Takes(members ...string) Option {
	return func(op *Operation) { op.takes = append(op.takes, members...) }
}

// With sets how the caller proves who it is.
func With(auth Auth) Option { return func(op *Operation) { op.Auth = auth } }

// At sets "METHOD /path/{wildcard}" of an operation in the REST protocol, and the status of its success.
func At(pattern string, status int) Option {
	return func(op *Operation) { op.Pattern, op.Status = pattern, status }
}

// Keys adds condition keys of the service, such as "ssm:resourceTag/Name", to what policies are asked with.
func Keys[In any](keys func(*Call, *In) map[string][]string) Option {
	return func(op *Operation) {
		op.keys = func(call *Call, in any) map[string][]string { return keys(call, in.(*In)) }
	}
}

// isDryRun reports whether the caller only wants to know if it may.
func (op *Operation) isDryRun(in any) bool {
	if op.dryRun < 0 {
		return false
	}
	flag, ok := reflect.ValueOf(in).Elem().Field(op.dryRun).Interface().(*bool)
	return ok && flag != nil && *flag
}

// refuseOthers refuses members of the input that the operation does not make use of.
func (op *Operation) refuseOthers(in any) error {
	if len(op.takes) == 0 {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "DryRun" || v.Field(i).IsZero() || slices.Contains(op.takes, f.Name) {
			continue
		}
		return fault.New(fault.NotImplemented, "api.serve", "Postern does not implement the parameter %s of %s", f.Name, op.Name)
	}
	return nil
}
