package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"postern/aws/action"
	"postern/aws/wire"
)

// Auth says how the caller of an operation proves who it is.
type Auth uint8

// The ways.
const (
	// Signed is SigV4, in the header or presigned. It is the default.
	Signed Auth = iota
	// Unsigned takes requests without a signature, and signed ones too. The handler checks what the body proves
	// (RegisterManagedInstance: an activation). A signature that is there must be right. Identity policies are not
	// asked, as on AWS; endpoint policies are.
	Unsigned
	// Node takes what a managed instance sends for its credentials: SigV4 whose signature is RSA-PSS by the node's own
	// key, or ordinary SigV4 of an instance together with SSM-AsymmetricKeyAuthorization. Call.Caller.Node is then
	// the node whose key it was. Identity policies are not asked, as on AWS; endpoint policies are.
	Node
	// Anyone takes SigV4 of any key that is known: no permission is needed (sts:GetCallerIdentity). Endpoint policies are
	// asked.
	Anyone
	// Public takes requests without a signature, and signed ones too, and asks policies in either case: who does not sign
	// is let in by a policy of the resource that allows it to everybody (S3).
	Public
)

// exempt reports whether callers need no permission of their own.
func (a Auth) exempt() bool { return a != Signed && a != Public }

// Operation is one row of a service's table. Make it with Op or Stream; it is data, and is not changed after.
type Operation struct {
	// Name is Amazon's name of the operation, such as "CreateVpc".
	Name string
	// Action names the action that a policy must allow. Op sets "<prefix>:<Name>" with the service's action prefix where
	// it is empty.
	Action string
	Auth   Auth
	// Pattern is "METHOD /path/{wildcard}" in the REST protocol, else empty.
	Pattern string
	// Status is the HTTP status of success; 0 means 200.
	Status int

	input, output reflect.Type
	newInput      func() any
	about         Resources
	resources     resources // about, made ready
	acts          func(*Call, any) string
	makes         bool                                                                 // see Makes
	form          func(*Call, *http.Request, map[string]string, string) (*Form, error) // see Forms
	keys          func(*Call, any) map[string][]string
	keyNames      []string // what keys may give, in lower case once ready
	handle        func(context.Context, *Call, any) (any, error)
	stream        func(http.ResponseWriter, *http.Request, *Call) error
	takes         []string
	takesAll      bool
	unread        []string
	byName        bool
	beside        []string // types of resource; see Beside
	codec         *wire.Codec
	dryRun        int            // index of the input's DryRun member, or -1
	tagMembers    []tagMember    // the members of the input that hold tags
	reference     *action.Action // the action as AWS has it; nil where AWS has none
}

// Option changes one row of a table.
type Option func(*Operation)

// Op makes the row of an operation. In and Out are the SDK's input and output types, or for operations that the SDK
// does not have, structs with json or xml tags. about declares the resources that policies are asked about; handle does
// the operation. It returns fault errors; a nil *Out is the empty answer.
func Op[In, Out any](
	name string,
	about Resources,
	handle func(context.Context, *Call, *In) (*Out, error),
	options ...Option,
) Operation {
	op := Operation{
		Name:     name,
		about:    about,
		input:    reflect.TypeFor[In](),
		output:   reflect.TypeFor[Out](),
		newInput: func() any { return new(In) },
	}
	if handle != nil {
		op.handle = func(ctx context.Context, call *Call, in any) (any, error) {
			out, err := handle(ctx, call, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		}
	}
	for _, o := range options {
		o(&op)
	}
	return op
}

// Stream makes the row of an operation whose handler speaks HTTP itself, such as a WebSocket upgrade. It is
// authenticated, authorised and recorded like any other. serve may return an error as long as it has written nothing.
func Stream(
	name, pattern string,
	about Resources,
	serve func(http.ResponseWriter, *http.Request, *Call) error,
	options ...Option,
) Operation {
	op := Operation{Name: name, Pattern: pattern, about: about, stream: serve}
	for _, o := range options {
		o(&op)
	}
	return op
}

// Input is the type of the operation's input; nil for a Stream.
func (op *Operation) Input() reflect.Type { return op.input }

// Members are the members of the input that the operation makes use of: all of them where it takes All.
func (op *Operation) Members() []string {
	if !op.takesAll {
		return slices.Clone(op.takes)
	}
	var all []string
	for i := range op.input.NumField() {
		if f := op.input.Field(i); f.IsExported() {
			all = append(all, f.Name)
		}
	}
	return all
}

// UnreadMembers returns the Members that make no difference to the operation; see Unread.
func (op *Operation) UnreadMembers() []string { return slices.Clone(op.unread) }

// ReadsByName reports whether the handler looks members up by their names; see ByName.
func (op *Operation) ReadsByName() bool { return op.byName }

// Codec decodes and encodes the operation; nil for a Stream. Only rows of a Handler's Services have it.
func (op *Operation) Codec() *wire.Codec { return op.codec }
