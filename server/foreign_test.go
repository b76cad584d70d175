package server

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/sigv4"
)

const firstAccount, foreignAccount = "123456789012", "210987654321"

// idFor lists the kinds of resources that members mean, by the ends of their names without Id, Ids, Arn and Name. The
// first that fits is taken.
var idFor = []struct{ member, kind string }{
	{"SecurityGroupRule", "SecurityGroupRule"}, {"PrefixList", "PrefixList"}, {"Subnet", "Subnet"},
	{"VpcEndpointService", "Service"}, {"VpcEndpoint", "VpcEndpoint"}, {"VpcPeeringConnection", "VpcPeeringConnection"},
	{"NetworkInterface", "NetworkInterface"}, {"InternetGateway", "InternetGateway"}, {"NatGateway", "NatGateway"},
	{"RouteTable", "RouteTable"}, {"NetworkAcl", "NetworkAcl"}, {"DhcpOptions", "DhcpOptions"}, {"Vpc", "Vpc"},
	{"SecurityGroup", "SecurityGroup"}, {"Gateway", "InternetGateway"}, {"Allocation", "Allocation"},
	{"Service", "Service"}, {"AccessKey", "AccessKey"}, {"Policy", "Policy"}, {"Activation", "Activation"},
	{"ResolverRule", "ResolverRule"}, {"Bucket", "Bucket"},
}

// values holds what members need that name no resource, so that an input is looked at further.
var values = map[string]string{
	"CidrBlock": "10.99.0.0/24", "DestinationCidrBlock": "10.99.0.0/24", "PolicyDocument": mayAll,
	"AssumeRolePolicyDocument": trustSSM, "InstanceId": "i-0123456789abcdef0", "InstanceIds": "i-0123456789abcdef0",
	"PolicyInputList": mayAll, "AttachmentId": "eni-attach-0123456789abcdef0", "ImageId": "ami-0123456789abcdef0",
}

// idOf returns what the first account has of the kind that a member of an operation means, or the mark for the names
// of users, documents and the like.
func (f *everyKind) idOf(op, member string) (id string, is bool) {
	stem := strings.TrimSuffix(member, "s")
	for _, end := range []string{"Id", "Arn", "Name", "Key"} {
		stem = strings.TrimSuffix(stem, end)
	}
	switch {
	case member == "AssociationId" || member == "AssociationIds":
		for _, kind := range []string{"RouteTable", "NetworkAcl"} {
			if strings.Contains(op, kind) {
				return f.ids[kind+"Association"], true
			}
		}
		return f.ids["VpcCidr"], true
	case member == "GroupId", member == "GroupIds", member == "Groups", member == "SourceSecurityGroupName":
		return f.ids["SecurityGroup"], true
	case member == "ResourceId" || member == "Resources" || member == "ResourceIds":
		return f.ids["Vpc"], true
	case member == "PolicySourceArn" || member == "RoleArn":
		return "arn:aws:iam::" + firstAccount + ":role/" + commonName, true
	case member == "PermissionsBoundary":
		return f.ids["Policy"], true
	case member == "Account":
		return firstAccount, true
	case member == "AccountAlias" || member == "Bucket":
		return mark, true
	case slices.Contains(named, member):
		return commonName, true
	case stem == member:
		return "", false
	}
	for _, one := range idFor {
		if strings.HasSuffix(stem, one.member) && f.ids[one.kind] != "" {
			return f.ids[one.kind], true
		}
	}
	return "", false
}

// named are members that hold a name, which all resources of the first account share.
var named = []string{
	"UserName", "RoleName", "GroupName", "GroupNames", "InstanceProfileName", "PolicyName", "Name", "Names",
	"DocumentName",
}

// fill puts what the first account has into the members of an input that name resources, and reports which have it.
func (f *everyKind) fill(op string, v reflect.Value, member string) (filled bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && f.fill(op, v.Elem(), member)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled = f.fill(op, v.Field(i), v.Type().Field(i).Name) || filled
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			filled = f.fill(op, v.Index(i), member) || filled
		}
	case reflect.String:
		id, is := f.idOf(op, member)
		if value := values[member]; value != "" {
			id, is = value, true
		}
		if is && v.CanSet() && v.Type() == reflect.TypeFor[string]() {
			v.SetString(id)
			return true
		}
	}
	return filled
}

// inputs are requests for an operation that name what the first account has: with all members that it takes, with
// those alone that name resources, with each of them alone, and with none that need not be there.
func (f *everyKind) inputs(t *testing.T, op api.Operation) (all []any) {
	add := func(keep func(member string, filled bool) bool) {
		in, err := op.Codec().Example()
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(in).Elem()
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || !v.Field(i).CanSet() {
				continue
			}
			value := reflect.ValueOf(v.Field(i).Interface())
			filled := f.fill(op.Name, v.Field(i), field.Name)
			taken := slices.Contains(op.Members(), field.Name) && field.Name != "DryRun" && field.Name != "Filters"
			if taken && (keep(field.Name, filled) || values[field.Name] != "") {
				continue
			}
			v.Field(i).SetZero()
			if op.Codec().Validate(in) != nil && value.IsValid() { // a required one stays
				v.Field(i).Set(value)
				f.fill(op.Name, v.Field(i), field.Name)
			}
		}
		if !slices.ContainsFunc(all, func(other any) bool { return reflect.DeepEqual(in, other) }) {
			all = append(all, in)
		}
	}
	add(func(string, bool) bool { return true })
	add(func(_ string, filled bool) bool { return filled })
	add(func(string, bool) bool { return false })
	for _, one := range op.Members() {
		add(func(member string, filled bool) bool { return filled && member == one })
	}
	return all
}

// ask sends a signed request and returns it with the answer, both without what differs from request to request.
func (s *Server) ask(
	t *testing.T, who sigv4.Credentials, service api.Service, op api.Operation, in any,
) (request, answer string, status int) {
	t.Helper()
	r, body, err := apitest.Request(service, op, in)
	if err != nil {
		return "", "", 0 // no such input can be written
	}
	request = r.URL.String() + " " + fmt.Sprint(r.Header) + " " + string(body)
	if err := apitest.Sign(r, body, service, who, time.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.api.Handler.ServeHTTP(w, r)
	return request, passing.ReplaceAllString(w.Body.String(), "…"), w.Code
}

// passing are the parts of answers that differ from request to request.
var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}` +
	`|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)

// stored are the records of all sets, by their keys.
func (s *Server) stored(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, set := range []string{setIdentity, setCompute, setMachines, setNetwork, setS3, "ssm", "server"} {
		feed, err := s.state.Set(set).Since(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range feed.Changes {
			if c.Kind != "access-key-use" { // written by the clock
				all[set+" "+c.Kind+" "+c.ID] = fmt.Sprint(c.Version, c.Groups, string(c.Body))
			}
		}
	}
	return all
}

// told are the words of the first account that no answer to another one may hold: the mark, the account's number, and
// the ids in its records.
func told(records map[string]string) []string {
	ids := regexp.MustCompile(`\b([a-z]+-)+[0-9a-f]{17}\b|\bA[A-Z]{3}[A-Z2-7]{16,17}\b`)
	found := map[string]bool{mark: true, firstAccount: true}
	for _, body := range records {
		for _, id := range ids.FindAllString(body, -1) {
			found[id] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// echoes holds the operations that succeed and repeat what the request names, and why.
var echoes = map[string]string{
	"ec2:DeleteVpcEndpoints":                     "says of each endpoint that it does not exist",
	"ec2:DeleteVpcEndpointServiceConfigurations": "says of each service that it does not exist",
}

// shared holds the kinds of records that do not say whose they are, and why.
var shared = map[string]string{
	"revocation":     "ends the credentials of a node by its id, whose account is in them",
	"public-address": "is out of the pool of all accounts, and says which address or interface holds it",
}

// TestForeignAccountSeesNothing calls every operation of every service as the administrator of another account, with
// the first account's resources in all members that name some. No answer holds what the request did not, none that
// succeeds holds anything of the first account, and its state and what it is told of it are the same afterwards.
func TestForeignAccountSeesNothing(t *testing.T) {
	s, err := Open(t.Context(), Config{Account: firstAccount, ObjectStore: "/proc/self/exe"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	f := fillAccount(t, s)
	words := told(s.stored(t))
	key, err := s.identity.EnsureAccount(t.Context(), foreignAccount)
	if err != nil {
		t.Fatal(err)
	}
	own := sigv4.Credentials{AccessKey: s.identity.root.ID, Secret: s.identity.root.Secret}
	foreign := sigv4.Credentials{AccessKey: key.ID, Secret: key.Secret}
	views, before := s.views(t, f, own), s.stored(t)
	asked := map[int]int{}
	for _, service := range s.api.Handler.Services() {
		for _, op := range service.Operations {
			if op.Codec() == nil {
				continue // it is a stream, of a node
			}
			for _, in := range f.inputs(t, op) {
				request, answer, status := s.ask(t, foreign, service, op, in)
				asked[status/100]++
				for _, word := range leaked(words, request, answer, status, echoes[service.Name+":"+op.Name] != "") {
					t.Errorf("%s:%s tells of %s: %d %.400s\nasked %.300s", service.Name, op.Name, word, status, answer, request)
				}
			}
		}
	}
	if asked[2] < 100 || asked[4] < 500 {
		t.Errorf("answered by class of status: %v", asked)
	}
	after := s.stored(t)
	for id, was := range before {
		if after[id] != was {
			t.Errorf("%s was changed:\n%s\n%s", id, was, after[id])
		}
	}
	for id, is := range after {
		_, there := before[id]
		if !there && !strings.Contains(id+is, foreignAccount) && shared[strings.Fields(id)[1]] == "" {
			t.Errorf("%s was made, and is not the foreign account's: %s", id, is)
		}
	}
	if diff := cmp.Diff(views, s.views(t, f, own)); diff != "" {
		t.Errorf("the first account sees (-before +after) %s", diff)
	}
}

// leaked returns the words that an answer holds and may not: an error may repeat what the request has said.
func leaked(words []string, request, answer string, status int, echo bool) []string {
	return slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		return !strings.Contains(answer, word) || (status/100 != 2 || echo) && strings.Contains(request, word)
	})
}

// views are the answers of all operations that only read to the first account itself.
func (s *Server) views(t *testing.T, f *everyKind, own sigv4.Credentials) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, service := range s.api.Handler.Services() {
		for _, op := range service.Operations {
			reads := strings.HasPrefix(op.Name, "Describe") || strings.HasPrefix(op.Name, "List") ||
				strings.HasPrefix(op.Name, "Get")
			if op.Codec() == nil || !reads || service.Name == "sts" || service.Name == "ec2messages" ||
				op.Name == "GetAccessKeyLastUsed" {
				continue
			}
			for i, in := range f.inputs(t, op) {
				if _, answer, status := s.ask(t, own, service, op, in); status == 200 {
					all[fmt.Sprint(service.Name, ":", op.Name, " ", i)] = answer
				}
			}
		}
	}
	return all
}
