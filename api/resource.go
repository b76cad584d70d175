package api

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
)

// A ResourceType says how policies name the resources of one type. The zero value names them
// "arn:PARTITION:SERVICE:REGION:ACCOUNT:TYPE/ID", with the service's ActionPrefix and the call's region and account.
type ResourceType struct {
	// Service is the service in the ARN where it is another than ActionPrefix: a managed instance is EC2's instance.
	Service string
	// NoRegion and NoAccount leave a part of the ARN empty: roles have no region, public images no account.
	NoRegion, NoAccount bool
	// ARN names a resource by what a request calls it, where that is more than an id: a name whose path only the state
	// knows, an ARN in the place of a name. It gets "" for a request that does not say, and "*" for any resource.
	ARN func(c *Call, id string) string
	// Tags gives the tags of one resource, as the state has them while the request is authorised; nil for none, and for a
	// resource that is not there. It is asked when a policy is about them. After an error nobody knows them.
	Tags func(context.Context, Resource) (map[string]string, error)
	// TagFamilies give the tags that further families of condition keys tell, such as "s3:ExistingObjectTag/", as Tags
	// gives those of aws:ResourceTag/.
	TagFamilies map[string]TagsFunc
	// IDKey is the condition key whose value is the resource's own id: "ec2:VpcID". What is still to be made has none.
	IDKey string
	// Keys are the condition keys that follow from the state of one resource, such as "ec2:Vpc"; they give nil where it
	// has none, or is not there.
	Keys map[string]func(context.Context, Resource) ([]string, error)
}

// TagsFunc gives the tags of a resource.
type TagsFunc = func(context.Context, Resource) (map[string]string, error)

// Types makes ResourceTypes of types whose resources are named in the usual way.
func Types(names ...string) map[string]ResourceType {
	types := make(map[string]ResourceType, len(names))
	for _, name := range names {
		types[name] = ResourceType{}
	}
	return types
}

// ARN names a resource of one of the service's types as policies do; an empty id is any resource of the type, unless
// the type says otherwise.
func (c *Call) ARN(kind, id string) string {
	t := c.Service.ResourceTypes[kind]
	if t.ARN != nil {
		return t.ARN(c, id)
	}
	account := c.Account
	if t.NoAccount {
		account = ""
	}
	service, resource := cmp.Or(t.Service, c.Service.ActionPrefix), kind+"/"+cmp.Or(id, "*")
	if t.NoRegion {
		return arn.Global(c.Partition, service, account, resource).String()
	}
	return arn.New(service, c.Region, account, resource).String()
}

// Resources declares what an operation is about: the resources for which policies are asked.
type Resources struct {
	everything bool
	asked      bool
	templates  []string
	lookups    []lookup
}

// lookup is a function that finds resources, and the types of what it may find.
type lookup struct {
	input reflect.Type
	find  func(*Call, any) []string
	types []string
}

// Everything is the resource of operations that cannot be limited to one: "*".
var Everything = Resources{everything: true}

// AskedLater is about resources for each of which the handler asks (Call.Allow): one refusal does not end the request.
var AskedLater = Resources{asked: true}

// About declares resources by templates of a type and a member of the input: "subnet/{SubnetId}".
//
//	vpc/*                        any resource of the type, for one that is still to be made
//	subnet/{SubnetIds}           each of a list; any of the type where the request names none
//	subnet/{AddSubnetIds?}       each of a list; nothing where the request names none
//	subnet/{Placements.SubnetId} a member of a member, or of each member of a list
//	{RoleArn}                    the ARN that the request names; "*" where it names none
func About(templates ...string) Resources { return Resources{templates: templates} }

// Lookup declares resources that the request does not name and the state does, such as the route table of an
// association. find returns names such as "subnet/subnet-0123456789abcdef0", or ARNs, of the declared types. Where it
// finds none of a type, the operation is about any resource of it, unless the type ends with "?": "instance?".
func Lookup[In any](find func(*Call, *In) []string, types ...string) Resources {
	return Resources{lookups: []lookup{{
		input: reflect.TypeFor[In](),
		find:  func(c *Call, in any) []string { return find(c, in.(*In)) },
		types: types,
	}}}
}

// And declares further resources.
func (r Resources) And(more Resources) Resources {
	r.everything = r.everything || more.everything
	r.asked = r.asked || more.asked
	r.templates = slices.Concat(r.templates, more.templates)
	r.lookups = slices.Concat(r.lookups, more.lookups)
	return r
}

func (r Resources) none() bool {
	return !r.everything && !r.asked && len(r.templates) == 0 && len(r.lookups) == 0
}

// resources is a Resources made ready for one input type.
type resources struct {
	everything bool
	asked      bool
	templates  []template
	lookups    []lookup
}

// template is "kind/{member}" or "kind/*"; without kind the member is an ARN.
type template struct {
	kind     string
	member   []string
	optional bool
}

// compile checks a declaration against the input and the service's types.
func (r Resources) compile(types map[string]ResourceType, input reflect.Type) (resources, error) {
	out := resources{everything: r.everything, asked: r.asked, lookups: r.lookups}
	for _, text := range r.templates {
		t, err := parseTemplate(text)
		if err == nil && t.kind != "" {
			err = knownType(types, t.kind)
		}
		if err == nil && t.member != nil {
			err = checkMember(input, t.member)
		}
		if err != nil {
			return out, fmt.Errorf("is about %q: %w", text, err)
		}
		out.templates = append(out.templates, t)
	}
	for _, l := range r.lookups {
		if l.input != input && input != nil {
			return out, fmt.Errorf("looks resources up by %s, and its input is %s", l.input, input)
		}
		for _, kind := range l.types {
			if err := knownType(types, strings.TrimSuffix(kind, "?")); err != nil {
				return out, fmt.Errorf("looks resources up: %w", err)
			}
		}
	}
	return out, nil
}

func knownType(types map[string]ResourceType, kind string) error {
	if _, ok := types[kind]; !ok {
		return fmt.Errorf("the service has no resource type %q", kind)
	}
	return nil
}

func parseTemplate(text string) (template, error) {
	kind, rest, slash := strings.Cut(text, "/")
	if !slash {
		kind, rest = "", text
	}
	if slash && rest == "*" {
		return template{kind: kind}, nil
	}
	member, opens := strings.CutPrefix(rest, "{")
	member, closes := strings.CutSuffix(member, "}")
	member, optional := strings.CutSuffix(member, "?")
	if !opens || !closes || strings.ContainsAny(member, "{}") || slash && kind == "" {
		return template{}, fmt.Errorf(`a template is "type/{Member}", "type/*" or "{Member}"`)
	}
	return template{kind: kind, member: strings.Split(member, "."), optional: optional}, nil
}

// checkMember refuses a path of members that does not lead to a text, or to texts.
func checkMember(input reflect.Type, path []string) error {
	if input == nil {
		return fmt.Errorf("a stream has no members; look the resource up")
	}
	t := input
	for _, name := range path {
		t = element(t)
		if t.Kind() != reflect.Struct {
			return fmt.Errorf("%s has no members", t)
		}
		f, ok := t.FieldByName(name)
		if !ok {
			return fmt.Errorf("%s has no member %s", t, name)
		}
		t = f.Type
	}
	if element(t).Kind() != reflect.String {
		return fmt.Errorf("%s is no text", strings.Join(path, "."))
	}
	return nil
}

// element returns the type of what a pointer or a list holds.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// of names the resources that a call is about, each once. Lists that the request left empty may leave none.
func (r *resources) of(c *Call, in any) ([]string, error) {
	if r.everything {
		return []string{"*"}, nil
	}
	var out []string
	seen := map[string]bool{}
	add := func(resource string) {
		if !seen[resource] {
			seen[resource] = true
			out = append(out, resource)
		}
	}
	for _, t := range r.templates {
		t.expand(c, in, add)
	}
	for _, l := range r.lookups {
		if err := l.expand(c, in, add); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *template) expand(c *Call, in any, add func(string)) {
	if t.member == nil {
		add(c.ARN(t.kind, "*"))
		return
	}
	none := true
	texts(reflect.ValueOf(in), t.member, func(text string) {
		none = false
		if t.kind != "" {
			text = c.ARN(t.kind, text)
		}
		add(text)
	})
	switch {
	case !none || t.optional:
	case t.kind == "":
		add("*")
	default:
		add(c.ARN(t.kind, ""))
	}
}

// texts visits the texts at the end of a path of members that are not empty.
func texts(v reflect.Value, path []string, visit func(string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			texts(v.Elem(), path, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), path, visit)
		}
	case reflect.Struct:
		texts(v.FieldByName(path[0]), path[1:], visit)
	default:
		if v.Len() > 0 {
			visit(v.String())
		}
	}
}

func (l *lookup) expand(c *Call, in any, add func(string)) error {
	found := map[string]bool{}
	for _, name := range l.find(c, in) {
		kind := typeOf(name)
		named := !strings.HasPrefix(name, "arn:") && name != "*"
		if named && len(l.types) > 0 && !slices.Contains(l.types, kind) && !slices.Contains(l.types, kind+"?") {
			return fault.New(fault.Internal, "api.Lookup", "%s found %s and does not declare its type", c.Operation.Name, name)
		}
		found[kind] = true
		if named {
			_, id, _ := strings.Cut(name, "/")
			name = c.ARN(kind, id)
		}
		add(name)
	}
	for _, kind := range l.types {
		if !strings.HasSuffix(kind, "?") && !found[kind] {
			add(c.ARN(kind, ""))
		}
	}
	return nil
}

// typeOf is the type of a resource by its name or ARN.
func typeOf(name string) string {
	if parts, ok := arn.Split(name); ok {
		name = parts[len(parts)-1]
	}
	kind, _, _ := strings.Cut(name, "/")
	return kind
}
