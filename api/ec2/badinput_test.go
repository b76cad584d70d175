package ec2_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"postern/aws/scope"
)

// idCodes are Amazon's codes for an id that names nothing and for one that can name nothing, by the prefix of ids.
var idCodes = map[string]struct{ missing, malformed string }{
	"vpc":            {"InvalidVpcID.NotFound", "InvalidVpcID.Malformed"},
	"subnet":         {"InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"},
	"rtb":            {"InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed"},
	"igw":            {"InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed"},
	"acl":            {"InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed"},
	"sg":             {"InvalidGroup.NotFound", "InvalidGroupId.Malformed"},
	"sgr":            {"InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleId.Malformed"},
	"eni":            {"InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed"},
	"vpce":           {"InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed"},
	"vpce-svc":       {"InvalidVpcEndpointServiceId.NotFound", "InvalidVpcEndpointServiceId.Malformed"},
	"vpce-nfn":       {"InvalidConnectionNotification", "InvalidConnectionNotification"},
	"pl":             {"InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed"},
	"pcx":            {"InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.Malformed"},
	"dopt":           {"InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionsId.Malformed"},
	"rtbassoc":       {"InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed"},
	"aclassoc":       {"InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed"},
	"eni-attach":     {"InvalidAttachmentID.NotFound", "InvalidNetworkInterfaceAttachmentId.Malformed"},
	"vpc-cidr-assoc": {"InvalidVpcCidrBlockAssociationID.NotFound", "InvalidVpcCidrBlockAssociationID.Malformed"},
	"eipalloc":       {"InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed"},
	"eipassoc":       {"InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed"},
	"nat":            {"NatGatewayNotFound", "NatGatewayMalformed"},
	"fl":             {"InvalidFlowLogId.NotFound", "InvalidFlowLogId.NotFound"},
	"i":              {"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"},
	"ami":            {"InvalidAMIID.NotFound", "InvalidAMIID.Malformed"},
	"key":            {"InvalidKeyPair.NotFound", "InvalidKeyPair.NotFound"},
	"iip-assoc":      {"InvalidAssociationID.NotFound", "InvalidAssociationID.NotFound"},
}

// otherCodes are the exceptions, by operation, member and what is wrong with it.
var otherCodes = map[string]string{
	"DeleteVpcEndpointServiceConfigurations ServiceIds missing": "InvalidVpcEndpointService.NotFound",
	"DeleteVpcEndpointServiceConfigurations ServiceIds foreign": "InvalidVpcEndpointService.NotFound",
	// Nobody is there who could verify.
	"StartVpcEndpointServicePrivateDnsVerification": "UnsupportedOperation",
}

var idForm = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)*)-[0-9a-f]{8,17}$`)

// nameOf is the operation that an input is for.
func nameOf(in any) string { return strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input") }

// do calls the operation that an input is for. What fails inside an answer is the call's failure here.
func (l *harness) do(in any, options ...func(*sdk.Options)) (out any, err error) {
	l.t.Helper()
	args := []reflect.Value{reflect.ValueOf(l.ctx), reflect.ValueOf(in)}
	for _, o := range options {
		args = append(args, reflect.ValueOf(o))
	}
	got := reflect.ValueOf(l.Client).MethodByName(nameOf(in)).Call(args)
	if err, ok := got[1].Interface().(error); ok {
		return nil, err
	}
	if failed := got[0].Elem().FieldByName("Unsuccessful"); failed.IsValid() && failed.Len() > 0 {
		e := failed.Index(0).Interface().(types.UnsuccessfulItem).Error
		return nil, &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}
	}
	return got[0].Interface(), nil
}

// unchecked lets the client send what its own checks would keep back, once.
func unchecked(o *sdk.Options) {
	o.Retryer = aws.NopRetryer{}
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		_, _ = s.Initialize.Remove("OperationInputValidation") // an operation without required members has none
		return nil
	})
}

// clone copies an input deeply.
func clone(in any) any {
	text, err := json.Marshal(in)
	out := reflect.New(reflect.TypeOf(in).Elem()).Interface()
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// place is one text somewhere in an input.
type place struct {
	path string
	at   reflect.Value
}

// texts are all places of an input that hold text.
func texts(v reflect.Value, path string) (out []place) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out = texts(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				out = append(out, texts(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."))...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, texts(v.Index(i), path)...)
		}
	case reflect.String:
		if v.String() != "" {
			out = append(out, place{path, v})
		}
	}
	return out
}

// bad is an input with which a call must fail.
type bad struct {
	what, member string
	in           any
	codes        []string
}

// badTexts makes inputs in which one text is wrong in one way each.
func (f *everything) badTexts(good any) (out []bad) {
	n := len(texts(reflect.ValueOf(good), ""))
	for i := range n {
		set := func(what, text string, codes ...string) {
			in := clone(good)
			p := texts(reflect.ValueOf(in), "")[i]
			p.at.SetString(text)
			out = append(out, bad{what, p.path, in, codes})
		}
		p := texts(reflect.ValueOf(good), "")[i]
		text := p.at.String()
		switch m := idForm.FindStringSubmatch(text); {
		case m != nil:
			codes, known := idCodes[m[1]]
			if !known {
				f.t.Fatalf("%s %s: no codes for ids like %s", nameOf(good), p.path, text)
			}
			set("malformed", m[1]+"-x", codes.malformed)
			set("missing", m[1]+"-0123456789abcdef0", codes.missing)
			if id := f.foreign[m[1]]; id != "" {
				set("foreign", id, codes.missing)
			}
			if m[1] != "vpc" && p.path != "Resources" { // tags are put on any kind
				set("another kind's", f.vpc, codes.malformed)
			}
		case isPrefix(text):
			set("no range", "banana", "InvalidParameterValue")
			set("a range too long", "10.0.0.0/33", "InvalidParameterValue")
		case isAddress(text):
			set("no address", "10.0.1.999", "InvalidParameterValue")
			set("an address elsewhere", "192.0.2.1", "InvalidParameterValue", "InvalidAddress.NotInSubnet")
		case p.at.Type() != reflect.TypeFor[string]():
			set("none of the choices", "banana", "InvalidParameterValue", "InvalidParameter")
		}
	}
	return out
}

func isPrefix(text string) bool  { _, err := netip.ParsePrefix(text); return err == nil }
func isAddress(text string) bool { _, err := netip.ParseAddr(text); return err == nil }

// badMembers makes inputs without one of the members that the client's model requires, and with tags that nothing may
// have.
func (f *everything) badMembers(good any) (out []bad) {
	v := reflect.ValueOf(good).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() || v.Field(i).IsZero() {
			continue
		}
		in := clone(good)
		field := reflect.ValueOf(in).Elem().Field(i)
		field.SetZero()
		var invalid smithy.InvalidParamsError
		if _, err := f.do(in, stopped); errors.As(err, &invalid) {
			out = append(out, bad{"absent", name, clone(in), []string{"MissingParameter"}})
		}
		if name != "TagSpecifications" {
			continue
		}
		tags := func(what string, spec ...types.TagSpecification) {
			in := clone(good)
			reflect.ValueOf(in).Elem().Field(i).Set(reflect.ValueOf(spec))
			out = append(out, bad{what, name, in, []string{"InvalidParameterValue"}})
		}
		kind := v.Field(i).Interface().([]types.TagSpecification)[0].ResourceType
		tags("tags of another kind", types.TagSpecification{ResourceType: "placement-group", Tags: someTags("k")})
		tags("no tag", types.TagSpecification{ResourceType: kind})
		tags("one key twice", types.TagSpecification{ResourceType: kind, Tags: append(someTags("k"), someTags("k")...)})
		tags("Amazon's key", types.TagSpecification{ResourceType: kind, Tags: someTags("aws:k")})
		tags("no key", types.TagSpecification{ResourceType: kind, Tags: someTags("")})
		tags("a long key", types.TagSpecification{ResourceType: kind, Tags: someTags(strings.Repeat("k", 129))})
	}
	return out
}

var errStopped = errors.New("not sent")

// stopped has the client check an input and not send it.
func stopped(o *sdk.Options) {
	o.Retryer = aws.NopRetryer{}
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("stop",
			func(
				context.Context, middleware.InitializeInput, middleware.InitializeHandler,
			) (middleware.InitializeOutput, middleware.Metadata, error) {
				return middleware.InitializeOutput{}, middleware.Metadata{}, errStopped
			}), middleware.After)
	})
}

// mutating are the operations of the table that change something.
func (l *harness) mutating() []string {
	var out []string
	for _, s := range l.handler.Services() {
		for _, op := range s.Operations {
			if !slices.ContainsFunc([]string{
				"Describe", "Get", "List", "Search",
			}, func(p string) bool { return strings.HasPrefix(op.Name, p) }) {
				out = append(out, op.Name)
			}
		}
	}
	return out
}

// standing is all that a call could change: the version of the network, which grows with every change, and the
// instances, images and key pairs.
func (l *harness) standing() string {
	scope := scope.Scope{Account: account, Region: region}
	text, err := json.MarshalIndent([]any{
		l.network.State().Version(), l.compute.Instances(scope), l.compute.Images(scope), l.compute.KeyPairs(scope),
	}, "", " ")
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// TestEveryMutatingCallIsTested: whoever adds one gives it a good input.
func TestEveryMutatingCallIsTested(t *testing.T) {
	f := newEverything(t)
	have := map[string]bool{}
	for _, make := range goodInputs {
		name := nameOf(make(f))
		if have[name] {
			t.Errorf("%s has two good inputs", name)
		}
		have[name] = true
	}
	for _, name := range f.mutating() {
		if !have[name] {
			t.Errorf("%s has no good input in goodInputs", name)
		}
		delete(have, name)
	}
	for name := range have {
		t.Errorf("%s is no operation", name)
	}
}

// TestBadInput calls every mutating operation with inputs in which one thing is wrong: absent, malformed, of nothing,
// another account's, another kind's. It is refused with Amazon's code and has changed nothing. With DryRun alone
// nothing is changed either. Then the good input succeeds.
func TestBadInput(t *testing.T) {
	for _, make := range goodInputs {
		f := newEverything(t)
		good := make(f)
		name := nameOf(good)
		t.Run(name, func(t *testing.T) {
			f.t = t
			before := f.standing()
			refused := func(b bad) {
				t.Helper()
				_, err := f.do(b.in, unchecked)
				want := b.codes
				if c, ok := otherCodes[name+" "+b.member+" "+b.what]; ok {
					want = []string{c}
				}
				if got := code(err); !slices.Contains(want, got) {
					t.Errorf("%s %s: code %q (%v), want %q", b.member, b.what, got, err, want)
				}
				if diff := cmp.Diff(before, f.standing()); diff != "" {
					before = f.standing()
					t.Errorf("%s %s: it was refused, and changed (-before +after)\n%s", b.member, b.what, diff)
				}
			}
			for _, b := range slices.Concat(f.badTexts(good), f.badMembers(good)) {
				refused(b)
			}
			dry := clone(good)
			if flag := reflect.ValueOf(dry).Elem().FieldByName("DryRun"); flag.IsValid() {
				flag.Set(reflect.ValueOf(aws.Bool(true)))
				refused(bad{"only asked for", "DryRun", dry, []string{"DryRunOperation"}})
			}
			if _, err := f.do(good); err != nil && otherCodes[name] != code(err) {
				t.Errorf("the good input: %v", err)
			}
		})
	}
}

// TestClientTokens repeats each call that takes a client token: the same request makes nothing again, another one with
// the same token is refused.
func TestClientTokens(t *testing.T) {
	f := newEverything(t)
	for _, make := range goodInputs {
		good := make(f)
		field := reflect.ValueOf(good).Elem().FieldByName("ClientToken")
		if !field.IsValid() || field.IsNil() {
			continue
		}
		t.Run(nameOf(good), func(t *testing.T) {
			f.t = t
			first, err := f.do(good)
			if err != nil {
				t.Fatal(err)
			}
			before := f.standing()
			again, err := f.do(good)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := idsIn(first), idsIn(again); !slices.Equal(a, b) {
				t.Errorf("made %v, and again %v", a, b)
			}
			another := clone(good)
			specs := reflect.ValueOf(another).Elem().FieldByName("TagSpecifications")
			if specs.IsValid() && specs.Len() > 0 {
				specs.Index(0).FieldByName("Tags").Set(reflect.ValueOf(someTags("another")))
			} else {
				reflect.ValueOf(another).Elem().FieldByName("ConnectionEvents").Set(reflect.ValueOf([]string{"Delete"}))
			}
			_, err = f.do(another)
			wantCode(t, "another request", err, "IdempotentParameterMismatch")
			long := clone(good)
			reflect.ValueOf(long).Elem().FieldByName("ClientToken").Set(reflect.ValueOf(aws.String(strings.Repeat("t", 65))))
			_, err = f.do(long)
			wantCode(t, "a long token", err, "InvalidParameterValue")
			if nameOf(good) == "RunInstances" { // what was made goes on to boot meanwhile
				return
			}
			if diff := cmp.Diff(before, f.standing()); diff != "" {
				t.Errorf("it changed (-before +after)\n%s", diff)
			}
		})
	}
}

// idsIn are the ids in an answer.
func idsIn(out any) (ids []string) {
	for _, p := range texts(reflect.ValueOf(out), "") {
		if idForm.MatchString(p.at.String()) {
			ids = append(ids, fmt.Sprintf("%s=%s", p.path, p.at.String()))
		}
	}
	slices.Sort(ids)
	return ids
}

// rootFileSystem is a directory that an image may be made of.
func rootFileSystem(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := os.ReadFile("/bin/sh")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "bin", "sh"), shell, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
