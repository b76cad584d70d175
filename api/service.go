package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"postern/aws/action"
	"postern/aws/wire"
)

// DefaultBodyLimit is the largest request body, in bytes, of services that set none: far above the largest document.
const DefaultBodyLimit = 1 << 20

// Service is one AWS endpoint: its name, how it speaks, and the table of what it does.
type Service struct {
	// Name is the endpoint's name, the first label of its host: "ssm", "ec2messages".
	Name string
	// SigningName is the service in a signature's scope; empty means Name.
	SigningName string
	// ActionPrefix is the service in policies' actions ("ssm:…"); empty means SigningName.
	ActionPrefix string
	Protocol     wire.Protocol
	// TargetPrefix stands before the operation in X-Amz-Target ("AmazonSSM"); JSON only.
	TargetPrefix string
	// Version and Namespace are the API's version ("2016-11-15") and its XML namespace; EC2, Query and REST only.
	Version, Namespace string
	// Global services (iam) have one endpoint for all regions; their signatures are scoped to us-east-1.
	Global bool
	// BodyLimit is the largest request body in bytes; 0 means DefaultBodyLimit.
	BodyLimit int64
	// StreamLimit is the largest body in bytes of operations that read it as it comes; 0 means BodyLimit.
	StreamLimit int64
	// Locate refuses requests that belong elsewhere, such as to another region's endpoint. It is asked once the operation
	// is known and nothing is known of the caller. It may be nil.
	Locate func(*Call) error
	// AdmitsPage reports whether the resource of a request lets the web page in that has sent it, and that is kept out
	// otherwise. It is asked once the operation is known and nothing is known of the caller. It may be nil.
	AdmitsPage func(*Call) bool
	// Claims finds who made a request that has no signature of version 4, where its headers or its query say so in another
	// way; nil where they say nothing. It may be nil.
	Claims func(*Call, *http.Request) (*Claim, error)
	// Known are the names of all operations that Amazon's service has; those that are not in Operations answer 501. Nil
	// means those of the SDK's service of this name.
	Known []string
	// KnownUnsigned lists the operations of Known that Amazon takes without a signature and that are not built: they name
	// themselves to whoever asks.
	KnownUnsigned []string
	// KnownPaths are the patterns of known operations in the REST protocols that are not in Operations, by name; those of
	// the SDK's service need not be named.
	KnownPaths map[string]string
	// TokenCode is the error for a paging token that no answer held ("InvalidNextToken"); empty means the code for what is
	// invalid.
	TokenCode string
	// ResourceTypes are the types of resource that its operations may be about.
	ResourceTypes map[string]ResourceType
	// ConditionKeys are the keys of policies that the service owns and that follow from a call whatever the operation is:
	// "ssm:SourceInstanceARN"; a name that ends with a slash is a family. The function gives the value, "" for none; where
	// it is nil, Keys gives it. Other keys are told by resources (ResourceType.Tags and Keys) and by rows (the option
	// Keys).
	ConditionKeys map[string]func(Question) string
	// AbsentKeys are keys that the service owns and that no request has, each with the reason: what it is about is not
	// built.
	AbsentKeys map[string]string
	// TypeOf tells the type and the id of a resource by what stands last in its ARN, where that does not begin with the
	// type: S3's "BUCKET/KEY". The id of any resource of a type is "*". It may be nil.
	TypeOf func(resource string) (kind, id string)
	// TagFamily is the service's own name for the tags of resources, beside aws:ResourceTag/: "ec2:ResourceTag/".
	TagFamily string
	// Keys gives condition keys of the requests of all operations, beside those that a row gives. It may be nil.
	Keys func(c *Call, in any) map[string][]string
	// AnyResource names, in refusals, what an action is about that cannot be limited to resources: Systems Manager names
	// "arn:aws:ssm:REGION:ACCOUNT:*". Nil leaves it out, as EC2 and S3 do.
	AnyResource func(*Call) string
	// Uncontrolled says that service control policies do not limit the service's actions.
	Uncontrolled bool
	// Hostless says that no host names the service, which its signature and X-Amz-Target do: "postern.example.com" is the
	// name of a server, for all services.
	Hostless bool
	// ResourcePolicies tells of the resources that actions with the service's ActionPrefix are about whose they are and
	// which policies they have; nil where none has one, and every ARN names its owner.
	ResourcePolicies ResourcePolicies
	// Operations is the table.
	Operations []Operation
}

// service is a Service made ready: names filled in, rows indexed.
type service struct {
	Service
	byName map[string]*Operation
	known  map[string]bool
	routes []route
	// What follows are ConditionKeys, AbsentKeys, TagFamily and ResourceTypes with the keys in lower case.
	keyValues  map[string]func(Question) string
	absentKeys []string
	rowKeys    []string // what Keys gives
	tagFamily  string
	types      map[string]resourceType
}

// resourceType is a ResourceType with the names of its keys in lower case.
type resourceType struct {
	ResourceType
	idKey       string
	keys        map[string]func(context.Context, Resource) ([]string, error)
	tagFamilies map[string]TagsFunc
}

// ready checks a table and indexes it. Its errors are mistakes in the table.
func ready(s Service) (*service, error) {
	if s.SigningName == "" {
		s.SigningName = s.Name
	}
	if s.ActionPrefix == "" {
		s.ActionPrefix = s.SigningName
	}
	if s.BodyLimit == 0 {
		s.BodyLimit = DefaultBodyLimit
	}
	if s.Known == nil {
		s.Known = wire.Operations(s.Name)
	}
	s.StreamLimit = max(s.StreamLimit, s.BodyLimit)
	s.Operations = slices.Clone(s.Operations)
	r := &service{Service: s, byName: map[string]*Operation{}, known: map[string]bool{}}
	if err := r.readyKeys(); err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	for _, name := range s.Known {
		r.known[name] = true
	}
	for i := range r.Operations {
		op := &r.Operations[i]
		if err := r.add(op); err != nil {
			return nil, fmt.Errorf("operation %s:%s: %w", s.Name, op.Name, err)
		}
	}
	paths := map[string]string{}
	maps.Copy(paths, s.KnownPaths)
	if s.Protocol.HasPaths() {
		for _, name := range s.Known {
			if path := wire.Path(s.Name, name); r.byName[name] == nil && path != "" {
				index(paths, name, path)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		rt, err := parseRoute(&Operation{Name: name, Pattern: paths[name]})
		if err != nil {
			return nil, fmt.Errorf("operation %s:%s: %w", s.Name, name, err)
		}
		r.routes = append(r.routes, rt)
	}
	slices.SortStableFunc(r.routes, func(a, b route) int { return a.Compare(b.Pattern) })
	return r, nil
}

// readyKeys fills in what tells condition keys, by their names in lower case.
func (s *service) readyKeys() error {
	s.keyValues = map[string]func(Question) string{}
	s.tagFamily, s.types = strings.ToLower(s.TagFamily), map[string]resourceType{}
	for name, value := range s.ConditionKeys {
		switch {
		case value != nil:
			s.keyValues[strings.ToLower(name)] = value
		case s.Keys != nil:
			s.rowKeys = append(s.rowKeys, name)
		default:
			return fmt.Errorf("nothing gives the condition key %s", name)
		}
	}
	for name, reason := range s.AbsentKeys {
		if reason == "" || s.ConditionKeys[name] != nil {
			return fmt.Errorf("the condition key %s needs a value or a reason to have none, and not both", name)
		}
		s.absentKeys = append(s.absentKeys, strings.ToLower(name))
	}
	for kind, t := range s.ResourceTypes {
		r := resourceType{
			t, strings.ToLower(t.IDKey), map[string]func(context.Context, Resource) ([]string, error){}, map[string]TagsFunc{},
		}
		for name, tags := range t.TagFamilies {
			r.tagFamilies[strings.ToLower(name)] = tags
		}
		for name, value := range t.Keys {
			r.keys[strings.ToLower(name)] = value
		}
		s.types[kind] = r
	}
	return nil
}

func (s *service) add(op *Operation) error {
	if op.Pattern == "" && s.Protocol.HasPaths() && op.input != nil && wire.IsSDK(op.input) {
		op.Pattern = wire.Path(s.Name, op.Name)
	}
	if op.Action == "" {
		op.Action = s.ActionPrefix + ":" + op.Name
	}
	switch {
	case op.Name == "":
		return fmt.Errorf("has no name")
	case op.about.none():
		return fmt.Errorf("declares no resources: use Everything if the action has no resource type")
	case op.handle == nil && op.stream == nil:
		return fmt.Errorf("has no handler")
	case op.input != nil && wire.IsSDK(op.input) && !s.known[op.Name]:
		return fmt.Errorf("Amazon's service has no operation of this name")
	case s.byName[op.Name] != nil:
		return fmt.Errorf("stands in the table twice")
	case op.input != nil && !op.takesAll && len(op.takes) == 0:
		return fmt.Errorf("does not say which members of its input it takes: use Takes, or All")
	case op.takesAll && len(op.takes) > 0:
		return fmt.Errorf("takes all members of its input, and names some of them")
	case (op.Pattern == "") == s.Protocol.HasPaths():
		return fmt.Errorf("needs a pattern in the REST protocols, and none in others")
	}
	var err error
	if op.resources, err = op.about.compile(s.ResourceTypes, op.input); err != nil {
		return err
	}
	if err := s.declareKeys(op); err != nil {
		return err
	}
	op.reference, op.dryRun = action.Find(op.Action), -1
	if op.input != nil {
		if op.tagMembers, err = tagMembers(op.input); err != nil {
			return err
		}
		if f, ok := op.input.FieldByName("DryRun"); ok && s.Protocol == wire.EC2 {
			op.dryRun = f.Index[0]
		}
		op.codec = &wire.Codec{
			Protocol: s.Protocol, Operation: op.Name, Namespace: s.Namespace, Input: op.input, Output: op.output,
			Pattern: op.Pattern, Status: op.Status,
		}
		if s.Protocol.Binds() { // requests are told apart by it; other codecs wait for their first request
			if err := op.codec.Prepare(); err != nil {
				return err
			}
		}
		for _, member := range op.takes {
			if _, ok := op.input.FieldByName(member); !ok {
				return fmt.Errorf("takes %s, which %s does not have", member, op.input)
			}
		}
	}
	if op.Pattern != "" {
		route, err := parseRoute(op)
		if err != nil {
			return err
		}
		s.routes = append(s.routes, route)
	}
	s.byName[op.Name] = op
	return nil
}
