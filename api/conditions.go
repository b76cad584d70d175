package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/network/vpc"
)

// globalKeys are the aws: condition keys of which Postern tells of every request the value, or that the request has
// none. They follow from the caller, the time and the connection, or belong to what Postern does not have:
// organizations, MFA, federation, calls on behalf of others. A name that ends with a slash is a family.
//
// A key that is neither here nor declared by a service may have a value on AWS that Postern does not know, such as a
// resource's tag: a statement is then not taken to allow, and one that denies is taken to deny.
var globalKeys = []string{
	"assumedroot",
	"calledvia", "calledviafirst", "calledvialast",
	"currenttime", "epochtime", "tokenissuetime",
	"ec2instancesourceprivateipv4", "ec2instancesourcevpc",
	"federatedprovider", "multifactorauthage", "multifactorauthpresent",
	"principalaccount", "principalarn", "principalisawsservice", "principalorgid", "principalorgpaths",
	"principalservicename", "principaltag/", "principaltype",
	"referer", "requestedregion", "resourceaccount", "resourceorgid", "resourceorgpaths",
	"securetransport", "sourceaccount", "sourcearn", "sourceidentity", "sourceip", "sourceorgid", "sourceorgpaths",
	"sourcevpc", "sourcevpcarn", "sourcevpce",
	"useragent", "userid", "username", "viaawsservice",
	"vpceaccount", "vpceorgid", "vpceorgpaths", "vpcsourceip",
}

// requestKeys are the aws: keys that only an operation's row can tell.
var requestKeys = []string{"aws:requesttag/", "aws:tagkeys"}

// among reports whether a name is one of the keys, or of one of their families.
func among(keys []string, name string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return name == key || strings.HasSuffix(key, "/") && strings.HasPrefix(name, key)
	})
}

// lowerAll returns names as the judge asks for them.
func lowerAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}

// declareKeys checks the condition keys that a row declares against those of its service.
func (s *service) declareKeys(op *Operation) error {
	if op.keys == nil && s.Keys != nil && op.input != nil {
		op.keys, op.keyNames = s.Keys, slices.Concat(s.keyNames, requestKeys)
		return nil
	}
	if (op.keys == nil) != (len(op.keyNames) == 0) {
		return fmt.Errorf("gives condition keys and does not declare them")
	}
	op.keyNames = lowerAll(op.keyNames)
	for _, name := range op.keyNames {
		if !slices.Contains(s.keyNames, name) && !slices.Contains(requestKeys, name) {
			return fmt.Errorf("gives the condition key %s, which the service does not own", name)
		}
	}
	return nil
}

// ownKeys are the condition keys that the operation's row gives for a call.
func (op *Operation) ownKeys(c *Call, in any) (map[string][]string, error) {
	if op.keys == nil {
		return nil, nil
	}
	own := op.keys(c, in)
	for name := range own {
		if !among(op.keyNames, strings.ToLower(name)) {
			return nil, fault.New(
				fault.Internal, "api.Keys", "%s gives the condition key %s and does not declare it", op.Name, name,
			)
		}
	}
	return own, boundKeys(own)
}

// judged reports whether it is known if a request for an action has a condition key, given in lower case. own are the
// keys that the operation gives.
func (x *exchange) judged(action string, own map[string][]string) func(key string) bool {
	acting, _, _ := strings.Cut(action, ":")
	var declared []string
	if s := x.h.byPrefix[acting]; s != nil {
		declared = s.keyNames
	}
	return func(key string) bool {
		service, name, _ := strings.Cut(key, ":")
		switch {
		case iam.Ambiguous(own, key):
			return false
		case among(requestKeys, key):
			return !x.op.tags || among(x.op.keyNames, key)
		case service == "aws":
			return among(globalKeys, name) || among(declared, key)
		}
		// Requests have the keys of the action's own service, and no others.
		return service != acting || among(declared, key)
	}
}

// keys answers the condition keys of the request that do not follow from the principal and the time: global ones, those
// that services give whatever the operation is, and the operation's own.
func (x *exchange) keys(q Question, own map[string][]string) func(key string) []string {
	ofOperation := iam.KeyMap(own)
	return func(key string) []string {
		value := q.globalKey(key)
		prefix, _, _ := strings.Cut(key, ":")
		if s := x.h.byPrefix[prefix]; value == "" && s != nil && s.keyValues[key] != nil {
			value = s.keyValues[key](q)
		}
		if value == "" {
			return ofOperation(key)
		}
		return []string{value}
	}
}

// globalKey answers the aws: keys that follow from the request and its connection.
func (q *Question) globalKey(key string) string {
	c := q.Call
	switch key {
	case "aws:securetransport":
		return strconv.FormatBool(c.TLS)
	case "aws:requestedregion":
		return c.Region
	case "aws:useragent":
		return c.Header("User-Agent")
	case "aws:viaawsservice":
		return "false"
	case "aws:resourceaccount":
		if len(q.Owner) == 12 {
			return q.Owner
		}
		return c.Account
	}
	return originKey(c.Origin, c.SourceIP, key)
}

// originKey answers the network's condition keys. A request through an endpoint has aws:SourceVpc, aws:SourceVpce,
// aws:SourceVpcArn and aws:VpcSourceIp and never aws:SourceIp; one from outside has it the other way round (IAM User
// Guide, "AWS global condition context keys"). aws:SourceVpc is the VPC that the endpoint stands in, also for a request
// that came to it over a peering.
func originKey(o vpc.Origin, sourceIP, key string) string {
	if o.Endpoint == "" {
		if key == "aws:sourceip" {
			return sourceIP
		}
		return ""
	}
	source := first(o.EndpointVPC, o.VPC)
	switch key {
	case "aws:sourcevpce":
		return o.Endpoint
	case "aws:sourcevpc":
		return source
	case "aws:sourcevpcarn":
		return arn.New("ec2", o.Region, o.Account, "vpc/"+source).String()
	case "aws:vpceaccount":
		return o.Account
	case "aws:vpcsourceip":
		if o.Source.IsValid() {
			return o.Source.Addr().String()
		}
	}
	return ""
}
