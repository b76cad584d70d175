package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/sigv4"
	"postern/aws/wire"
	"postern/network/vpc"
)

// address names the service and region that one part of a request asks for, and the bucket in a host's name. Empty
// fields are not said.
type address struct{ service, region, bucket string }

// absent services are Amazon's that Postern does not serve, with what their clients need to understand an error.
var absentServices = []Service{
	{Name: "kms", TargetPrefix: "TrentService", Protocol: wire.JSON},
	{Name: "logs", TargetPrefix: "Logs_20140328", Protocol: wire.JSON},
	{Name: "monitoring", TargetPrefix: "GraniteServiceVersion20100801", Protocol: wire.Query, Version: "2010-08-01"},
	{Name: "organizations", TargetPrefix: "AWSOrganizationsV20161128", Protocol: wire.JSON},
	{Name: "route53resolver", TargetPrefix: "Route53Resolver", Protocol: wire.JSON},
	{Name: "secretsmanager", TargetPrefix: "secretsmanager", Protocol: wire.JSON},
	{Name: "events", TargetPrefix: "AWSEvents", Protocol: wire.JSON},
	{Name: "ssm", TargetPrefix: "AmazonSSM", Protocol: wire.JSON},
	{Name: "ec2messages", TargetPrefix: "EC2WindowsMessageDeliveryService", Protocol: wire.JSON},
	{Name: "ssmmessages", Protocol: wire.REST},
	{Name: "ec2", Protocol: wire.EC2, Version: "2016-11-15"},
	{Name: "iam", Protocol: wire.Query, Version: "2010-05-08"},
	{Name: "sts", Protocol: wire.Query, Version: "2011-06-15"},
	{Name: "s3", Protocol: wire.S3},
}

// resolve finds the service and region that a request is for:
//
//	the endpoint it came through, else its host, else its signature's scope, else its target, action version
//
// and refuses a request whose parts contradict each other, or the endpoint.
func (x *exchange) resolve() error {
	scope := scopeOf(x.signature)
	host := x.h.hostAddress(x.r.Host)
	via := originAddress(x.call.Origin)
	name := first(via.service, host.service, x.h.bySigning[scope.service], scope.service)
	if name == "" {
		name = x.byContent()
	}
	x.call.Region = first(via.region, scope.region, host.region, x.h.region)
	x.record.Region = x.call.Region
	s := x.h.services[name]
	if s == nil {
		return x.absent(name)
	}
	x.service, x.call.Service, x.record.Service = s, &s.Service, s.Name
	if s.Global {
		x.call.Region = x.h.globalRegion()
	}
	x.call.Addressed = first(via.region, host.region)
	if s.Name == virtual {
		x.call.VirtualHost = host.bucket
		if what := beside(x.r.Host); what != "" {
			return fault.New(fault.NotImplemented, "api.resolve", "%s is not implemented", what)
		}
	}
	return x.consistent(via, host, scope)
}

// globalRegion is the region that signatures for global services are scoped to, in the partition of the server's own.
func (h *Handler) globalRegion() string {
	switch arn.Partition(h.region) {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return "us-east-1"
}

// consistent refuses a request that came through an endpoint and is for another service or region, and one whose
// signature is scoped to something else than it is addressed to.
func (x *exchange) consistent(via, host, scope address) error {
	s := x.service
	here := ""
	if x.call.Origin.Endpoint != "" {
		o := x.call.Origin
		here = ": it came through VPC endpoint " + o.Endpoint + ", which serves " + o.Service + " only"
		if host.service != "" && host.service != s.Name {
			return misdirected("The request is for the service %s%s", host.service, here)
		}
		if host.region != "" && host.region != via.region {
			return misdirected("The request is for the region %s%s", host.region, here)
		}
	}
	if scope.service != "" && scope.service != s.SigningName {
		return misdirected(
			"Credential should be scoped to correct service: '%s', not '%s'%s", s.SigningName, scope.service, here,
		)
	}
	if scope.region != "" && !isRegion(scope.region) {
		return misdirected("Credential should be scoped to a valid region, not '%.40s'", scope.region)
	}
	want := x.call.Addressed
	if s.Protocol == wire.S3 && scope.region != "" && want != "" && scope.region != want {
		return x.wrongRegion(want)
	}
	if scope.region != "" && !s.Global && want != "" && scope.region != want {
		return misdirected("Credential should be scoped to a valid region, '%s', not '%s'%s", want, scope.region, here)
	}
	// A client that was given an address instead of Amazon's name for a global service signs for its own region.
	if s.Global && host.service != "" && scope.region != "" && scope.region != x.h.globalRegion() {
		return misdirected("Credential should be scoped to a valid region, '%s', not '%s'", x.h.globalRegion(), scope.region)
	}
	return nil
}

// wrongRegion refuses a signature for another region in S3's words, from which clients learn the right one.
func (x *exchange) wrongRegion(want string) error {
	code, text := sigv4.CodeIncomplete, "The authorization header is malformed"
	if x.signature.Presigned {
		code, text = "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter"
	}
	return fault.New(fault.Unauthenticated, "api.resolve", "%s; the region '%s' is wrong; expecting '%s'",
		text, x.signature.Scope.Region, want).WithCode(code).With("Region", want)
}

func misdirected(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "api.resolve", format, args...).WithCode(sigv4.CodeMismatch)
}

// absent answers for a service that is not in the tables, in the shape its clients expect.
func (x *exchange) absent(name string) error {
	stand := &service{Service: Service{Name: name, Protocol: guessProtocol(x.r)}}
	for i := range absentServices {
		if absentServices[i].Name == name {
			stand.Service = absentServices[i]
		}
	}
	x.service, x.call.Service, x.record.Service = stand, &stand.Service, name
	operation := operationText(x.r, stand.Protocol)
	if name == "" && x.signatureErr != nil && !x.body.ended && x.r.ContentLength != 0 {
		return x.signatureErr // the body that might tell is not read of such a request
	}
	if name == "" {
		return fault.New(fault.Invalid, "api.resolve",
			"Neither host, signature nor target say which service the request %s is for", operation).
			WithCode("UnknownOperationException")
	}
	return fault.New(
		fault.NotImplemented, "api.resolve", "Postern does not implement the service %s (%s)", name, operation,
	)
}

// operationText names what a request to an absent service wanted.
func operationText(r *http.Request, p wire.Protocol) string {
	text := r.Method + " " + r.URL.Path
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		text = r.Header.Get("X-Amz-Target")
	case p == wire.Query || p == wire.EC2:
		if action := r.URL.Query().Get("Action"); action != "" {
			text = action
		}
	}
	if len(text) > 128 {
		text = text[:128] + "…"
	}
	return text
}

// guessProtocol is the protocol that the client of an unknown service most likely understands an error in.
func guessProtocol(r *http.Request) wire.Protocol {
	switch {
	case r.Header.Get("X-Amz-Target") != "" || strings.Contains(r.Header.Get("Content-Type"), "json"):
		return wire.JSON
	case strings.Contains(r.Header.Get("Content-Type"), "x-www-form-urlencoded"):
		return wire.Query
	}
	return wire.S3
}

func scopeOf(s *sigv4.Signature) address {
	if s == nil {
		return address{}
	}
	return address{service: s.Scope.Service, region: s.Scope.Region}
}

// originAddress reads the service and region of the endpoint that a connection came through, from its service name
// "com.amazonaws.REGION.SERVICE".
func originAddress(o vpc.Origin) address {
	rest, ok := strings.CutPrefix(o.Service, "com.amazonaws.")
	if o.Endpoint == "" || !ok {
		return address{}
	}
	region, name, _ := strings.Cut(rest, ".")
	return address{service: name, region: region}
}

// maxRegion is the most characters that a region may have; Amazon's longest has 15.
const maxRegion = 32

// isRegion reports whether a text has the form of a region: "us-east-1", "lab-1". It becomes part of ARNs.
func isRegion(s string) bool {
	dash := strings.LastIndexByte(s, '-')
	return dash > 0 && dash < len(s)-1 && len(s) <= maxRegion && strings.Trim(s[dash+1:], "0123456789") == "" &&
		strings.Trim(s[:dash], "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// byContent finds the service of a request that neither host nor signature name: by its target, its path, or the
// version that stands beside its action.
func (x *exchange) byContent() string {
	if prefix, _, ok := strings.Cut(x.r.Header.Get("X-Amz-Target"), "."); ok {
		return x.h.byTarget[prefix]
	}
	asked := x.asked()
	for _, name := range slices.Sorted(maps.Keys(x.h.services)) {
		s := x.h.services[name]
		for _, rt := range s.routes {
			if _, ok := rt.Match(asked); ok {
				return s.Name
			}
		}
	}
	if guessProtocol(x.r) == wire.Query && (x.refused != nil || x.readBody() != nil) {
		return ""
	}
	form, err := wire.ParseForm(x.r.URL.RawQuery, string(x.body.bytes))
	if err != nil {
		return ""
	}
	return x.h.byVersion[form.Get("Version")]
}

func first[T comparable](values ...T) T {
	var none T
	for _, v := range values {
		if v != none {
			return v
		}
	}
	return none
}
