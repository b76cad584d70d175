package wire

import (
	"reflect"
	"sync"
)

// Limits of what is decoded, whatever the size of the body. They are far above what Amazon's own models need.
const (
	// MaxDepth is how deep lists, maps and structures may be nested.
	MaxDepth = 64
	// MaxParameters is how many parameters a form may have.
	MaxParameters = 20_000
)

// Codec turns the bytes of one operation's requests and answers into values and back. It is safe for concurrent use.
// What it needs to know of the types is made when it is first used.
type Codec struct {
	Protocol Protocol
	// Operation is the operation's name and Namespace its service's XML namespace.
	Operation, Namespace string
	// Input and Output are struct types.
	Input, Output reflect.Type
	// Pattern is "METHOD /path/{label}" in the REST protocols, and Status that of success; 0 means 200.
	Pattern string
	Status  int

	once    sync.Once
	in, out *shape
	// result says that a query answer has a result element: clients look for it even where it is empty.
	result bool
	err    error

	// What the REST protocols need.
	pattern           *Pattern
	inBound, outBound bindings
}

// Prepare makes ready what the codec needs. It returns an error where the types cannot be put on the wire. Decode and
// Append call it; tests call it to see that a table is right.
func (c *Codec) Prepare() error {
	c.once.Do(func() {
		c.in, c.err = shapeOf(c.Protocol, c.Input)
		if c.err == nil {
			c.out, c.err = shapeOf(c.Protocol, c.Output)
		}
		if c.err == nil && c.Protocol.Binds() {
			c.err = c.prepareHTTP()
		}
		if c.err == nil && c.Protocol == Query {
			c.result = len(c.out.fields) > 0 || inLine(serviceOf(c.Output), "results", c.Operation)
		}
	})
	return c.err
}

// DecodeJSON fills in, a pointer to the Input type, from a JSON body. Members that the type does not have are passed
// over, as AWS does, but must be well-formed. Errors are Invalid faults with AWS's code that name the member. What the
// members hold is for Validate to judge.
func (c *Codec) DecodeJSON(body []byte, in any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	d := jsonDecoder{jsonScanner{data: body}}
	if err := d.document(c.in, reflect.ValueOf(in).Elem()); err != nil {
		return c.refuse(err)
	}
	return nil
}

// DecodeForm fills in, a pointer to the Input type, from a query form. Unknown parameters are refused, since to pass
// one over would be to pretend. Errors are Invalid faults with AWS's code that name the parameter. What the parameters
// hold is for Validate to judge.
func (c *Codec) DecodeForm(f *Form, in any) error {
	if err := c.Prepare(); err != nil {
		return err
	}
	if err := f.decode(c.in, reflect.ValueOf(in).Elem()); err != nil {
		return c.refuse(err)
	}
	return nil
}

// Append appends the answer to dst. out is a pointer to the Output type.
func (c *Codec) Append(dst []byte, out any, requestID string) ([]byte, error) {
	if err := c.Prepare(); err != nil {
		return dst, err
	}
	v := reflect.ValueOf(out).Elem()
	switch c.Protocol {
	case EC2:
		return c.appendEC2(dst, v, requestID), nil
	case Query:
		return c.appendQuery(dst, v, requestID), nil
	case REST:
		return c.appendREST(dst, v), nil
	default:
		return appendJSON(dst, c.out, v, true), nil
	}
}
