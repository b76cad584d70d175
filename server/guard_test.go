package server

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/scope"
	"postern/aws/sigv4"
	"postern/services/identity"
)

// guarded opens a server in memory and makes a user in it to whom nothing is allowed.
func guarded(t *testing.T) (s *Server, stranger sigv4.Credentials) {
	t.Helper()
	s, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, strangerOf(t, s)
}

// strangerOf makes a user to whom nothing is allowed.
func strangerOf(t *testing.T, s *Server) sigv4.Credentials {
	t.Helper()
	who := identity.NewUser{Account: DefaultAccount, Name: "stranger"}
	if _, err := s.identity.CreateUser(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	key, err := s.identity.CreateAccessKey(t.Context(), DefaultAccount, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	return sigv4.Credentials{AccessKey: key.ID, Secret: key.Secret}
}

// TestEveryOperationIsGuarded walks the tables of the server that ships.
func TestEveryOperationIsGuarded(t *testing.T) {
	s, stranger := guarded(t)
	before := s.network.State()
	apitest.Guard(t, s.api.Handler, stranger, time.Now())
	if s.network.State() != before {
		t.Error("strangers have changed the network")
	}
	if made := s.compute.Instances(scope.Scope{Account: DefaultAccount, Region: apitest.Region}); len(made) > 0 {
		t.Errorf("strangers have made instances: %v", made)
	}
}

// TestEveryOperationAsksForPermission calls each with every member of its input left out: a table row whose resources
// come from the input must not name none then, because nobody would be asked.
func TestEveryOperationAsksForPermission(t *testing.T) {
	s, stranger := guarded(t)
	for _, service := range s.api.Handler.Services() {
		for _, op := range service.Operations {
			if op.Codec() == nil || op.Auth != api.Signed {
				continue
			}
			t.Run(service.Name+"/"+op.Name, func(t *testing.T) {
				r, body, err := apitest.Request(service, op, reflect.New(op.Codec().Input).Interface())
				if err != nil {
					t.Fatal(err)
				}
				if err := apitest.Sign(r, body, service, stranger, time.Now()); err != nil {
					t.Fatal(err)
				}
				if status, answer := apitest.Do(s.api.Handler, r); status/100 != 4 {
					t.Errorf("called by a stranger with nothing: %d %s", status, answer)
				}
			})
		}
	}
}

// TestEveryOperationDeclares its action, in a form that policies can name.
func TestEveryOperationDeclares(t *testing.T) {
	s, _ := guarded(t)
	seen := map[string]bool{}
	for _, service := range s.api.Handler.Services() {
		if len(service.Operations) == 0 {
			t.Errorf("%s has no operations", service.Name)
		}
		for _, op := range service.Operations {
			name := service.Name + "." + op.Name
			if seen[name] {
				t.Errorf("%s stands in the table twice", name)
			}
			seen[name] = true
			if prefix, verb, ok := strings.Cut(op.Action, ":"); !ok || prefix == "" || verb == "" ||
				strings.ContainsAny(op.Action, "*? ") {
				t.Errorf("%s declares the action %q", name, op.Action)
			}
		}
	}
	for _, name := range []string{
		"ssm.SendCommand", "ec2.RunInstances", "iam.CreateRole", "sts.GetCallerIdentity", "ec2messages.GetMessages",
	} {
		if !seen[name] {
			t.Errorf("%s is in no table", name)
		}
	}
}
