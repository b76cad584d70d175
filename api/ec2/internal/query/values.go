package query

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/scope"
	"postern/aws/service/ec2/types"
)

// Number is a filter on a whole number.
func Number[T any](of func(T) int) Test[T] {
	return Text(func(r T) string { return strconv.Itoa(of(r)) })
}

// Show describes each of the resources as the view has it.
func Show[A, B any](v *View, in []A, describe func(*View, A) B) []B {
	return Convert(in, func(a A) B { return describe(v, a) })
}

// Optional leaves an empty text out of an answer.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}

func ScopeOf(c *api.Call) scope.Scope { return scope.Scope{Account: c.Account, Region: c.Region} }

func Convert[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// Prefix reads a CIDR block; the parameter is named in the error.
func Prefix(parameter string, s *string) (netip.Prefix, error) {
	if aws.ToString(s) == "" {
		return netip.Prefix{}, Required(parameter)
	}
	p, err := netip.ParsePrefix(*s)
	if err != nil {
		return netip.Prefix{}, Invalid(
			"Value (%s) for parameter %s is invalid. This is not a valid CIDR block.",
			*s,
			parameter,
		)
	}
	return p, nil
}

func Address(parameter, s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, Invalid("Value (%s) for parameter %s is invalid. Invalid IPv4 address.", s, parameter)
	}
	return a, nil
}

func String[T fmt.Stringer](v T) *string { return aws.String(v.String()) }

func Boolean(b bool) *types.AttributeBooleanValue {
	return &types.AttributeBooleanValue{Value: aws.Bool(b)}
}
