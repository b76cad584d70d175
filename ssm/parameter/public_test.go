package parameter_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/scope"
	"postern/record"
	"postern/ssm/parameter"
)

const latest = "/aws/service/ami-amazon-linux-latest/"

// newPublic makes a service with public parameters, and one parameter of the scope's own.
func newPublic(t *testing.T) *parameter.Service {
	t.Helper()
	s := parameter.New(parameter.Config{Records: new(record.Memory), Public: func(in scope.Scope) []parameter.Public {
		if in != here {
			return nil
		}
		return []parameter.Public{
			{Name: latest + "al2023", Image: "ami-2", Modified: noon.Add(time.Hour)},
			{Name: latest + "al2023", Image: "ami-1", Modified: noon},
			{Name: latest + "amzn2", Image: "ami-2", Modified: noon},
			{Name: "/aws/service/debian/12", Image: "ami-3", Modified: noon},
		}
	}})
	put(t, s, "/mine", "x")
	return s
}

// TestPublic: public parameters have the images that are known as them, the newest as the latest version, and belong to
// no account.
func TestPublic(t *testing.T) {
	s := newPublic(t)
	for _, tt := range []struct{ name, value, code string }{
		{latest + "al2023", "ami-2", ""},
		{"arn:aws:ssm:us-east-1::parameter" + latest + "al2023", "ami-2", ""},
		{latest + "al2023:1", "ami-1", ""},
		{latest + "al2023:3", "", "ParameterVersionNotFound"},
		{latest + "al2023:0", "", "ParameterVersionNotFound"},
		{latest + "al2023:latest", "", "ParameterVersionNotFound"},
		{latest + "windows", "", "ParameterNotFound"},
		{"/AWS/service/debian/12", "", "ParameterNotFound"},
		{"arn:aws:ssm:us-east-1::parameter/mine", "", "ParameterNotFound"},
		{"arn:aws:ssm:eu-west-1::parameter" + latest + "al2023", "", "ParameterNotFound"},
	} {
		p, err := s.Get(t.Context(), here, tt.name)
		want(t, tt.name, err, tt.code)
		if p.Value != tt.value {
			t.Errorf("%s is %q, want %q", tt.name, p.Value, tt.value)
		}
	}
	if got := parameter.ARN(here, latest+"al2023"); got != "arn:aws:ssm:us-east-1::parameter"+latest+"al2023" {
		t.Errorf("its ARN is %s", got)
	}
	_, missing, err := s.GetAll(t.Context(), here, []string{latest + "amzn2", latest + "none"})
	if err != nil || !cmp.Equal(missing, []string{latest + "none"}) {
		t.Errorf("missing %v, %v", missing, err)
	}
}

func TestPublicByPath(t *testing.T) {
	s := newPublic(t)
	for _, tt := range []struct {
		q    parameter.Query
		want string
		more bool
	}{
		{parameter.Query{Path: latest, Limit: 10}, "ami-2:2 ami-2:1 ", false},
		{parameter.Query{Path: latest, Limit: 1}, "ami-2:2 ", true},
		{parameter.Query{Path: latest, Limit: 1, After: latest + "al2023"}, "ami-2:1 ", false},
		{parameter.Query{Path: "/aws/service", Limit: 10}, "", false},
		{parameter.Query{Path: "/aws", Limit: 10, Recursive: true}, "ami-2:2 ami-2:1 ami-3:1 ", false},
		{
			parameter.Query{
				Path:      "/aws",
				Limit:     10,
				Recursive: true,
				Filters:   []parameter.Filter{{Key: "Type", Values: []string{"StringList"}}},
			},
			"", false,
		},
		{parameter.Query{Path: "/", Limit: 10, Recursive: true}, "x:1 ", false},
	} {
		page, more, err := s.ByPath(t.Context(), here, tt.q)
		got := ""
		for _, p := range page {
			got += p.Value + ":" + string(rune('0'+p.Number)) + " "
		}
		if err != nil || got != tt.want || more != tt.more {
			t.Errorf("%+v: %q %t (%v), want %q %t", tt.q, got, more, err, tt.want, tt.more)
		}
	}
}

func TestCheckPublicName(t *testing.T) {
	for name, good := range map[string]bool{
		latest + "al2023": true, "/aws/other": false, "aws/service/x": false, "/aws/service/a b": false, "/mine": false,
	} {
		if err := parameter.CheckPublicName(name); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
