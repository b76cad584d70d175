package server

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/sigv4"
)

// TestEveryListRefusesAForgedToken walks the tables of all services: no list takes a token that no answer of its held.
func TestEveryListRefusesAForgedToken(t *testing.T) {
	s, _ := guarded(t)
	root, err := s.identity.CreateAccessKey(t.Context(), DefaultAccount, "")
	if err != nil {
		t.Fatal(err)
	}
	lists := 0
	for _, service := range s.api.Handler.Services() {
		for _, op := range service.Operations {
			token := tokenMember(op)
			if token == "" || op.Auth != api.Signed {
				continue
			}
			lists++
			in := reflect.New(op.Codec().Input)
			forged := "Zm9yZ2VkLCBhbmQgbG9uZyBlbm91Z2ggZm9yIGEga2V5"
			in.Elem().FieldByName(token).Set(reflect.ValueOf(&forged))
			r, body, err := apitest.Request(service, op, in.Interface())
			if err != nil {
				t.Fatal(err)
			}
			key := sigv4.Credentials{AccessKey: root.ID, Secret: root.Secret}
			if err := apitest.Sign(r, body, service, key, time.Now()); err != nil {
				t.Fatal(err)
			}
			if status, answer := apitest.Do(s.api.Handler, r); status == http.StatusOK {
				t.Errorf("%s:%s takes a forged %s: %s", service.Name, op.Name, token, answer)
			}
		}
	}
	if lists < 60 {
		t.Errorf("only %d lists are seen", lists)
	}
}

// tokenMember is the member of an operation's input by which it asks for the next page, or empty.
func tokenMember(op api.Operation) string {
	for _, name := range []string{"NextToken", "Marker"} {
		if op.Input() == nil {
			return ""
		}
		if f, ok := op.Input().FieldByName(name); ok && f.Type == reflect.TypeFor[*string]() {
			return name
		}
	}
	return ""
}
