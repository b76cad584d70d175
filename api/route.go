package api

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/wire"
)

// route is the pattern of one REST operation.
type route struct {
	*wire.Pattern
	op *Operation
}

func parseRoute(op *Operation) (route, error) {
	p, err := wire.ParsePattern(op.Pattern)
	return route{p, op}, err
}

// route finds the operation that a request asks for. It sets x.operation even where the operation is not in the table,
// so that the record names it.
func (x *exchange) route() error {
	switch x.service.Protocol {
	case wire.JSON:
		return x.routeTarget()
	case wire.REST, wire.S3, wire.RESTJSON, wire.RESTXML:
		return x.routePath()
	default:
		return x.routeAction()
	}
}

func (x *exchange) routeTarget() error {
	if x.r.Method != http.MethodPost {
		return x.unknown("UnknownOperationException", "the service takes POST with X-Amz-Target only")
	}
	prefix, name, ok := strings.Cut(x.r.Header.Get("X-Amz-Target"), ".")
	if !ok || prefix != x.service.TargetPrefix {
		return x.unknown("UnknownOperationException", "X-Amz-Target must be %s and an operation", x.service.TargetPrefix)
	}
	return x.find(name, "UnknownOperationException")
}

func (x *exchange) routePath() error {
	asked := x.asked()
	for _, rt := range x.service.routes {
		if values, ok := rt.Match(asked); ok {
			x.call.path = func(name string) string { return values[name] }
			return x.find(rt.op.Name, "")
		}
	}
	if path, err := url.PathUnescape(asked.Path); err != nil || !utf8.ValidString(path) {
		return x.unknown("InvalidURI", "Couldn't parse the specified URI.")
	}
	return x.unknown("UnknownOperationException", "no operation has this method and path")
}

func (x *exchange) routeAction() error {
	var err error
	if x.form, err = x.readForm(); err != nil {
		return err
	}
	if v := x.form.Get("Version"); v != x.service.Version {
		// Clients of every age send one; EC2's older versions differ in names, so they are not served silently.
		return fault.New(fault.Invalid, "api.route", "Version must be %s", x.service.Version).WithCode("NoSuchVersion")
	}
	name := x.form.Get("Action")
	if name == "" {
		return fault.New(
			fault.Missing, "api.route", "The request must contain the parameter Action",
		).WithCode("MissingAction")
	}
	return x.find(name, "InvalidAction")
}

// readForm reads the parameters from the query string and, if it is a form, the body.
func (x *exchange) readForm() (*wire.Form, error) {
	switch x.r.Method {
	case http.MethodGet:
		return wire.ParseForm(x.r.URL.RawQuery)
	case http.MethodPost:
		return wire.ParseForm(x.r.URL.RawQuery, string(x.body.bytes))
	}
	return nil, fault.New(fault.Invalid, "api.route", "The service takes GET and POST only").WithCode("InvalidAction")
}

// find sets the operation by its name.
func (x *exchange) find(name, code string) error {
	if op := x.service.byName[name]; op != nil {
		x.op, x.call.Operation, x.record.Operation = op, op, op.Name
		return nil
	}
	if x.service.known[name] {
		x.record.Operation = name
		return fault.New(fault.NotImplemented, "api.route", "Postern does not implement %s:%s", x.service.Name, name)
	}
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	if x.service.Protocol == wire.Query {
		return x.unknown(code, "Could not find operation %s for version %s", name, x.service.Version)
	}
	return x.unknown(code, "The action %s is not valid for this web service.", name)
}

func (x *exchange) unknown(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "api.route", format, args...).WithCode(code)
}
