package scope_test

import (
	"testing"

	"postern/aws/scope"
)

func TestKeys(t *testing.T) {
	s := scope.Scope{Account: "111122223333", Region: "eu-west-1"}
	key := s.Key("/app/db/password")
	if key != "111122223333/eu-west-1//app/db/password" {
		t.Errorf("key = %s", key)
	}
	if got, name, ok := scope.Parse(key); !ok || got != s || name != "/app/db/password" {
		t.Errorf("Parse(%s) = %v, %q, %v", key, got, name, ok)
	}
	if _, _, ok := scope.Parse("i-0123"); ok {
		t.Error("an id without a scope was taken apart")
	}
}
