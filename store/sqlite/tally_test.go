package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestTallyReadsNoInvocation: an index has all that is counted by, in the order of the groups.
func TestTallyReadsNoInvocation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var id, parent, unused int
	var step string
	row := db.QueryRow(`EXPLAIN QUERY PLAN SELECT command_id, stage, details, COUNT(*) FROM invocations
		WHERE (command_id IN ('a', 'b')) GROUP BY command_id, stage, details`)
	const want = "SEARCH invocations USING COVERING INDEX invocations_by_status (command_id=?)"
	if err := row.Scan(&id, &parent, &unused, &step); err != nil || step != want {
		t.Errorf("the plan begins with %q, %v; want %q", step, err, want)
	}
}
