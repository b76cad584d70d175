package query

import (
	"context"
	"reflect"
	"strconv"
	"strings"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/scope"
	"postern/network"
)

// Keys are the condition keys of a type of resource, each with what tells its value.
type Keys = map[string]func(context.Context, api.Resource) ([]string, error)

// KeyValues are the values of condition keys by a resource's record, "" for none.
type KeyValues[T any] map[string]func(api.Resource, T) string

// Of makes what tells the condition keys of resources of the network. One that is not there has none.
func Of[T any](
	n *network.Service, find func(*network.State, scope.Scope, string) (T, error), values KeyValues[T],
) Keys {
	return Found(func(r api.Resource) (T, error) { return find(n.State(), ScopeOfResource(r), r.ID) }, values)
}

// Found is Of for resources that others keep.
func Found[T any](find func(api.Resource) (T, error), values KeyValues[T]) Keys {
	keys := Keys{}
	for name, value := range values {
		keys[name] = func(_ context.Context, r api.Resource) ([]string, error) {
			found, err := find(r)
			if err != nil {
				return nil, nil
			}
			if v := value(r, found); v != "" {
				return []string{v}, nil
			}
			return nil, nil
		}
	}
	return keys
}

// ScopeOfResource is where a resource that policies are asked about is.
func ScopeOfResource(r api.Resource) scope.Scope {
	return scope.Scope{Account: r.Account, Region: r.Region}
}

// Tags tells the tags of a resource of the network.
func Tags(n *network.Service) func(context.Context, api.Resource) (map[string]string, error) {
	return func(_ context.Context, r api.Resource) (map[string]string, error) {
		held := map[string]string{}
		for _, t := range n.State().TagsOf(ScopeOfResource(r), r.ID) {
			held[t.Key] = t.Value
		}
		return held, nil
	}
}

// Beside names another resource of the owner of one, as condition keys such as ec2:Vpc do; "" for no id.
func Beside(r api.Resource, kind, id string) string {
	if id == "" {
		return ""
	}
	return arn.New("ec2", r.Region, r.Account, kind+"/"+id).String()
}

// The condition keys of what a request makes of a resource.
const (
	Attribute       = "ec2:Attribute"
	AttributeFamily = "ec2:Attribute/" // the name of a member of the request follows
)

// AttributeKeys are the condition keys of a request that modifies a resource: the members that are plain values, or
// hold nothing but one, and the member Attribute by itself (EC2 User Guide, "ec2:Attribute condition key").
func AttributeKeys(c *api.Call, in any) map[string][]string {
	if !strings.HasPrefix(c.Operation.Name, "Modify") {
		return nil
	}
	keys := map[string][]string{}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		text, ok := plain(v.Field(i))
		if !ok {
			continue
		}
		keys[AttributeFamily+name] = []string{text}
		if len(text) > api.MaxKeyValue { // a policy of an endpoint
			keys[AttributeFamily+name] = []string{}
		}
		if name == "Attribute" {
			keys[Attribute] = []string{text}
		}
	}
	return keys
}

// plain is the text of a value, of one that is pointed to, and of the only member Value of a structure. It is not there
// where the request does not set it.
func plain(v reflect.Value) (text string, ok bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "", false
		}
		return plain(v.Elem())
	case reflect.Struct:
		if v.NumField() != 1 || v.Type().Field(0).Name != "Value" {
			return "", false
		}
		return plain(v.Field(0))
	case reflect.String:
		return v.String(), v.Len() > 0
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	}
	return "", false
}
