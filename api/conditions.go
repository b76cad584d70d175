package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"postern/aws/action"
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
	"principalservicename", "principalservicenameslist", "principaltag/", "principaltype",
	"referer", "requestedregion", "resourceaccount", "resourceorgid", "resourceorgpaths",
	"securetransport", "sourceaccount", "sourcearn", "sourceidentity", "sourceip", "sourceorgid", "sourceorgpaths",
	"sourcevpc", "sourcevpcarn", "sourcevpce",
	"useragent", "userid", "username", "viaawsservice",
	"vpceaccount", "vpceorgid", "vpceorgpaths", "vpcsourceip",
}

// globalNames are the globalKeys that are no families, to be found at once.
var globalNames = func() map[string]bool {
	names := map[string]bool{}
	for _, key := range globalKeys {
		if !action.Family(key) {
			names[key] = true
		}
	}
	return names
}()

// globalFamilies are the globalKeys that are families.
var globalFamilies = slices.DeleteFunc(slices.Clone(globalKeys), func(key string) bool { return !action.Family(key) })

// isGlobal reports whether a name is one of the globalKeys.
func isGlobal(name string) bool { return globalNames[name] || among(globalFamilies, name) }

// principalKeys are the keys of no service in particular that follow from the principal (iam.Request).
var principalKeys = []string{"ec2:sourceinstancearn"}

// requestTagKeys are the keys of a request's tags, and tagKeys those of a resource's as well. Of the keys of all
// services these are the only ones that AWS's actions name.
var (
	requestTagKeys = []string{requestTagFamily, tagKeysKey}
	tagKeys        = []string{requestTagFamily, tagKeysKey, resourceTagFamily}
)

// among reports whether a name is one of the keys, or of one of their families.
func among(keys []string, name string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return name == key || action.Family(key) && strings.HasPrefix(name, key)
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

// declareKeys checks the condition keys that a row declares: AWS's action has to have them.
func (s *service) declareKeys(op *Operation) error {
	if (op.keys == nil) != (len(op.keyNames) == 0) {
		return fmt.Errorf("gives condition keys and does not declare them")
	} else if a := action.Find(op.Action); a != nil {
		for _, name := range op.keyNames {
			if !a.May(strings.TrimSuffix(name, "/")+"/x", "*") && !a.May(name, "*") {
				return fmt.Errorf("gives the condition key %s, which %s does not have", name, op.Action)
			}
		}
	}
	if s.Keys != nil && op.input != nil {
		op.keys, op.keyNames = both(s.Keys, op.keys), slices.Concat(op.keyNames, s.rowKeys)
	}
	op.keyNames = lowerAll(op.keyNames)
	return nil
}

// both gives the keys of all rows of a service, and those of one of them, which may be nil.
func both(all, row func(*Call, any) map[string][]string) func(*Call, any) map[string][]string {
	if row == nil {
		return all
	}
	return func(c *Call, in any) map[string][]string {
		keys := all(c, in)
		if keys == nil {
			keys = map[string][]string{}
		}
		maps.Copy(keys, row(c, in))
		return keys
	}
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

// keySource says what tells the condition keys of a question: whether they have a value, and which.
type keySource uint8

const (
	// unknownKey: nothing does. A statement about the key is not taken to allow, and one that denies is taken to deny.
	unknownKey       keySource = iota
	noKey                      // requests of the action do not have it, on AWS or for want of what it is about
	globalSource               // the caller, the time and the connection
	serviceSource              // the service that owns the key
	requestTagSource           // the tags of the request
	resourceSource             // the resource, else the row
	rowSource                  // the operation's row, or who asks beside the operation's own action
)

// matter holds what a question is about, as far as it decides what tells condition keys.
type matter struct {
	acting *service
	op     *Operation // nil for another action than the operation's own, whose keys come with the question
	// may reports whether requests of the action may have a key; it is nil for actions that AWS does not have.
	may  func(key string) bool
	kind string // the type of the resource, "" for "*"
	any  bool   // the resource is one still to be made, or any of its type
}

// source finds what tells a condition key, given in lower case.
func (h *Handler) source(m matter, key string) keySource {
	acting, op := m.acting, m.op
	prefix, name, _ := strings.Cut(key, ":")
	owner := h.byPrefix[prefix]
	switch {
	case prefix == "aws" && isGlobal(name), slices.Contains(principalKeys, key):
		return globalSource
	case owner != nil && owner.keyValues[key] != nil && (owner == acting || m.may == nil || m.may(key)):
		return serviceSource
	case m.may != nil && !m.may(key) && (prefix != "aws" || among(tagKeys, key)),
		owner != nil && among(owner.absentKeys, key):
		return noKey
	case among(requestTagKeys, key):
		if op == nil {
			return rowSource
		}
		return requestTagSource
	case acting != nil && acting.ofResource(m.kind, key) &&
		(!m.any || acting.isTag(m.kind, key) || acting.isID(m.kind, key)):
		return resourceSource
	case op == nil || among(op.keyNames, key):
		return rowSource
	case m.may == nil && prefix != "aws" && owner != acting:
		return noKey // requests have the keys of the action's own service, and no others
	}
	return unknownKey
}

// asking answers for the condition keys of one question.
type asking struct {
	ctx    context.Context // of the request
	h      *Handler
	q      *Question
	own    map[string][]string // what the row gives, or who asks
	tags   []requestTag
	action *action.Action // as AWS has it, or nil

	resource Resource
	matter
	mine [][]string          // the keys that AWS's action has with such a resource; nil until one is asked for
	held map[string]heldTags // the resource's tags, by the families of keys that tell them

	told [fewKeys]toldKey // about keys that were asked for; the first few of a policy are asked for again and again
	n    int              // of told
}

// fewKeys is for how many condition keys of one question the answers are kept.
const fewKeys = 8

// A toldKey says which values a key has, and whether that is known.
type toldKey struct {
	key    string
	values []string
	known  bool
}

// asking prepares the answers for a question about an action of a service, nil for one that is not built.
func (x *exchange) asking(ctx context.Context, q *Question, acting *service, own map[string][]string) *asking {
	a := &asking{ctx: ctx, h: x.h, q: q, own: own, matter: matter{acting: acting}}
	if q.Action == x.op.Action {
		a.op, a.tags, a.action = x.op, x.agreed.tags, x.op.reference
	} else {
		a.action = action.Find(q.Action)
	}
	if a.action != nil {
		a.may = a.mayHave
	}
	a.resource, a.kind, a.any = a.acting.resourceOf(q, own)
	return a
}

// find returns the values of a key, given in lower case, and whether it is known which it has.
func (a *asking) find(key string) (values []string, known bool) {
	for i := range a.told[:a.n] {
		if a.told[i].key == key {
			return a.told[i].values, a.told[i].known
		}
	}
	if values, known = a.look(key); !known {
		values = nil
	}
	if a.n == fewKeys { // one more than the others
		a.n--
	}
	a.told[a.n] = toldKey{key, values, known}
	a.n++
	return values, known
}

func (a *asking) look(key string) (values []string, known bool) {
	switch a.h.source(a.matter, key) {
	case unknownKey:
		return nil, false
	case globalSource:
		return one(a.q.globalKey(key)), true
	case serviceSource:
		prefix, _, _ := strings.Cut(key, ":")
		return one(a.h.byPrefix[prefix].keyValues[key](*a.q)), true
	case requestTagSource:
		values, ambiguous := requestTagValues(a.tags, a.kind, key)
		return values, !ambiguous
	case resourceSource:
		if values, known := a.ofResource(key); values != nil || !known {
			return values, known
		}
		return a.ofRow(key)
	case rowSource:
		if a.op == nil && !among(requestTagKeys, key) && !hasKey(a.own, key) {
			return nil, false
		}
		return a.ofRow(key)
	}
	return nil, true // noKey
}

// ofRow returns the values of a key that the row gives, or who asks, and whether they are known.
func (a *asking) ofRow(key string) (values []string, known bool) {
	values = iam.KeyMap(a.own)(key)
	undecided := values != nil && len(values) == 0
	return values, !undecided && !iam.Ambiguous(a.own, key)
}

// keys and judged are those of an iam.Request.
func (a *asking) keys(key string) []string {
	values, _ := a.find(key)
	return values
}

func (a *asking) judged(key string) bool {
	_, known := a.find(key)
	return known
}

// mayHave reports whether requests of the action, as AWS has it, may have a key in a question about this resource.
func (a *asking) mayHave(key string) bool {
	if a.mine == nil {
		a.mine = a.action.KeysWith(a.q.Resource)
	}
	return slices.ContainsFunc(a.mine, func(keys []string) bool { return action.Names(keys, key) })
}

func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// hasKey reports whether a key, given in lower case, stands in a map, even without a value.
func hasKey(m map[string][]string, key string) bool {
	for name := range m {
		if strings.EqualFold(name, key) {
			return true
		}
	}
	return false
}

// globalKey answers the aws: keys that follow from the request and its connection.
func (q *Question) globalKey(key string) string {
	if value, is := q.forwardedKey(key); is {
		return value
	}
	c := q.Call
	switch key {
	case "aws:securetransport":
		return strconv.FormatBool(c.TLS)
	case "aws:requestedregion":
		return c.Region
	case "aws:useragent":
		return c.Header("User-Agent")
	case "aws:resourceaccount":
		return q.owner()
	}
	if value, is := q.organizationKey(key); is {
		return value
	}
	return originKey(c.Origin, c.SourceIP, key)
}

// owner is the account whose the resource is; Amazon's own ("aws") counts as the caller's.
func (q *Question) owner() string {
	if len(q.Owner) == 12 {
		return q.Owner
	}
	return q.Call.Account
}

// organizationKey answers the keys of organizations: of the principal's, where the request is signed by one (a node's
// own key is none), of the resource's owner, and of the VPC endpoint's owner. An account is in one place of one
// organization, so that the keys of several values have one.
func (q *Question) organizationKey(key string) (value string, is bool) {
	c := q.Call
	account := ""
	switch key {
	case "aws:principalorgid", "aws:principalorgpaths":
		if c.Caller.IAM != nil {
			account = c.Caller.IAM.Account
		}
	case "aws:resourceorgid", "aws:resourceorgpaths":
		account = q.owner()
	case "aws:vpceorgid", "aws:vpceorgpaths":
		if c.Origin.Endpoint != "" {
			account = c.Origin.Account
		}
	default:
		return "", false
	}
	id, path := c.Organization(account)
	if strings.HasSuffix(key, "paths") {
		return path, true
	}
	return id, true
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
