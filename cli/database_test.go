package cli

import (
	"os"
	"strings"
	"testing"
)

// TestDatabaseURL: a password stands in the environment or in a file, and never in a flag or an error.
func TestDatabaseURL(t *testing.T) {
	const secret = "postgres://me:swordfish@db/postern"
	for _, row := range []struct {
		name, flag, environment string
		ephemeral               bool
		want, refused           string
	}{
		{name: "none"},
		{name: "environment", environment: secret, want: secret},
		{name: "flag", flag: "postgres://me@db/postern", environment: secret, want: "postgres://me@db/postern"},
		{name: "keywords", flag: "host=db user=me", want: "host=db user=me"},
		{name: "ephemeral", environment: secret, ephemeral: true},
		{name: "password in the flag", flag: secret, refused: "POSTERN_DATABASE"},
		{name: "password as a parameter", flag: "postgres://db/a?password=swordfish", refused: "POSTERN_DATABASE"},
		{name: "password as a keyword", flag: "host=db Password = swordfish", refused: "POSTERN_DATABASE"},
		{name: "unreadable", flag: "postgres://me:sword%fish@db/a", refused: "POSTERN_DATABASE"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv(databaseVariable, row.environment)
			f := serverFlags{database: row.flag, ephemeral: row.ephemeral}
			got, err := f.databaseURL()
			switch {
			case row.refused != "":
				if err == nil || !strings.Contains(err.Error(), row.refused) || strings.Contains(err.Error(), "fish") {
					t.Errorf("%q, %v", got, err)
				}
			case err != nil || got != row.want:
				t.Errorf("%q, %v; want %q", got, err, row.want)
			}
			if _, there := os.LookupEnv(databaseVariable); there {
				t.Error("it is still in the environment")
			}
		})
	}
}
