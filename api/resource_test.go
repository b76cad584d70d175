package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/aws/iam"
	"postern/aws/wire"
)

type placement struct{ SubnetId *string }

type tierInput struct {
	Name, RoleArn *string
	Kind          string
	Subnets, Gone []string
	Placements    []placement
	Count         *int32
}

// asked makes a pipeline with one operation and returns the resources that the judge is asked about for one request.
func asked(t *testing.T, about api.Resources, body string) []string {
	t.Helper()
	r := newRig(t)
	var resources []string
	h, err := api.New(api.Config{
		Services: []api.Service{tiers(about)}, Region: "us-east-1", Identities: r, Now: r.clock,
		Guards: guardFunc(func(q api.Question) { resources = append(resources, q.Resource) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request{host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.PutTier", body: body}.build(t))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return resources
}

type guardFunc func(api.Question)

func (f guardFunc) Guard(_ context.Context, q api.Question, _ *iam.Policies) error {
	f(q)
	return nil
}

func tiers(about api.Resources) api.Service {
	return api.Service{
		Name: "ssm", Protocol: wire.JSON, TargetPrefix: "AmazonSSM", Known: []string{"PutTier"},
		ResourceTypes: map[string]api.ResourceType{
			"tier":   {},
			"subnet": {Service: "ec2"},
			"role":   {Service: "iam", NoRegion: true},
			"image":  {Service: "ec2", NoAccount: true},
			"named": {ARN: func(c *api.Call, id string) string {
				return "arn:aws:ssm:" + c.Region + ":" + c.Account + ":named" + "/" + strings.ToUpper(id)
			}},
		},
		Operations: []api.Operation{
			api.Op(
				"PutTier", about, func(context.Context, *api.Call, *tierInput) (*tierInput, error) { return nil, nil }, api.All,
			),
		},
	}
}

func TestAbout(t *testing.T) {
	const here = "arn:aws:ssm:us-east-1:000000000000:"
	const ec2 = "arn:aws:ec2:us-east-1:000000000000:"
	lookup := func(found ...string) api.Resources {
		return api.Lookup(func(*api.Call, *tierInput) []string { return found }, "tier", "subnet?")
	}
	for _, row := range []struct {
		name  string
		about api.Resources
		body  string
		want  []string
	}{
		{"a member", api.About("tier/{Name}"), `{"Name":"a"}`, []string{here + "tier/a"}},
		{"an enum", api.About("tier/{Kind}"), `{"Kind":"a"}`, []string{here + "tier/a"}},
		{"a member that is missing", api.About("tier/{Name}"), `{}`, []string{here + "tier/*"}},
		{"a new one", api.About("tier/*"), `{"Name":"a"}`, []string{here + "tier/*"}},
		{"a list", api.About("subnet/{Subnets}"), `{"Subnets":["a","b","a"]}`, []string{ec2 + "subnet/a", ec2 + "subnet/b"}},
		{"an empty list", api.About("subnet/{Subnets}"), `{}`, []string{ec2 + "subnet/*"}},
		{"a list that may be empty", api.About("tier/*", "subnet/{Subnets?}"), `{}`, []string{here + "tier/*"}},
		{"a list that may be empty and is not", api.About("tier/*", "subnet/{Subnets?}"), `{"Subnets":["a"]}`,
			[]string{here + "tier/*", ec2 + "subnet/a"}},
		{"nothing at all", api.About("subnet/{Subnets?}"), `{}`, []string{"*"}},
		{"members of members", api.About("subnet/{Placements.SubnetId}"),
			`{"Placements":[{"SubnetId":"a"},{},{"SubnetId":"b"}]}`,
			[]string{ec2 + "subnet/a", ec2 + "subnet/b"}},
		{"an ARN", api.About("{RoleArn}"), `{"RoleArn":"arn:aws:iam::1:role/r"}`, []string{"arn:aws:iam::1:role/r"}},
		{"an ARN that is missing", api.About("{RoleArn}"), `{}`, []string{"*"}},
		{
			"an ARN in the place of an id", api.About("tier/{Name}"), `{"Name":"arn:aws:ssm:::x"}`,
			[]string{here + "tier/arn:aws:ssm:::x"},
		},
		{"without a region", api.About("role/{Name}"), `{"Name":"r"}`, []string{"arn:aws:iam::000000000000:role/r"}},
		{"without an account", api.About("image/{Name}"), `{"Name":"i"}`, []string{"arn:aws:ec2:us-east-1::image/i"}},
		{"named by the type", api.About("named/{Name}"), `{"Name":"a"}`, []string{here + "named/A"}},
		{"named by the type and missing", api.About("named/{Name}"), `{}`, []string{here + "named/"}},
		{"looked up", lookup("tier/a", "subnet/b"), `{}`, []string{here + "tier/a", ec2 + "subnet/b"}},
		{"looked up as an ARN", lookup(ec2 + "tier/a"), `{}`, []string{ec2 + "tier/a"}},
		{"looked up in vain", lookup(), `{}`, []string{here + "tier/*"}},
		{
			"both", api.About("subnet/{Subnets}").And(lookup("tier/a")), `{"Subnets":["b"]}`,
			[]string{ec2 + "subnet/b", here + "tier/a"},
		},
		{"everything", api.Everything, `{"Name":"a"}`, []string{"*"}},
	} {
		if got := asked(t, row.about, row.body); !slices.Equal(got, row.want) {
			t.Errorf("%s: asked about %q, want %q", row.name, got, row.want)
		}
	}
}

func TestMistakesInAbout(t *testing.T) {
	for _, row := range []struct {
		about api.Resources
		want  string
	}{
		{api.About("tier/{Colour}"), `is about "tier/{Colour}": api_test.tierInput has no member Colour`},
		{api.About("subnet/{Placements.Colour}"), "api_test.placement has no member Colour"},
		{api.About("tier/{Name.Id}"), "string has no members"},
		{api.About("subnet/{Placements}"), "Placements is no text"},
		{api.About("tier/{Count}"), "Count is no text"},
		{api.About("house/{Name}"), `the service has no resource type "house"`},
		{api.About("tier/Name"), `a template is "type/{Member}", "type/*" or "{Member}"`},
		{api.About("/{Name}"), "a template is"},
		{api.About("tier"), "a template is"},
		{
			api.Lookup(func(*api.Call, *tierInput) []string { return nil }, "house?"),
			`the service has no resource type "house"`,
		},
		{api.Lookup(func(*api.Call, *placement) []string { return nil }, "tier"), "its input is api_test.tierInput"},
	} {
		_, err := api.New(api.Config{Now: time.Now, Services: []api.Service{tiers(row.about)}})
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "PutTier") {
			t.Errorf("%v: got %v, want %s", row.about, err, row.want)
		}
	}
}

// TestALookupFindsWhatItDeclares: a type that the row does not declare is a mistake in the table, and is not judged.
func TestALookupFindsWhatItDeclares(t *testing.T) {
	r := newRig(t)
	h, err := api.New(api.Config{
		Services: []api.Service{
			tiers(api.Lookup(func(*api.Call, *tierInput) []string { return []string{"role/r"} }, "tier")),
		},
		Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request{host: "ssm.us-east-1.amazonaws.com", target: "AmazonSSM.PutTier", body: `{}`}.build(t))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
