package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"postern/record"
	"postern/record/recordtest"
)

// TestListReadsOneGroup: what is listed by its group is found by an index that ends with the id, so that nothing of
// another group is read and nothing is sorted.
func TestListReadsOneGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path).Set("ssm")
	err := s.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) {
		return []record.Change{
			recordtest.Put("node", "a", "1", "1/here"), recordtest.Put("node", "b", "1", "1/there"),
			recordtest.Put("node", "none", "1"),
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), record.Listing{Kind: "node", Group: "1/there"})
	if err != nil || len(list) != 1 || list[0].ID != "b" {
		t.Errorf("listed %v, %v", list, err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`EXPLAIN QUERY PLAN SELECT body FROM records
		WHERE (set_name = 'ssm' AND kind = 'node' AND deleted = 0) AND
			(` + open(t, "").Dialect().FirstGroup + ` = '1/there') AND (id > 'a') ORDER BY id LIMIT 5`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	want := "SEARCH records USING INDEX records_by_group (set_name=? AND kind=? AND <expr>=? AND id>?)"
	if got := strings.Join(steps, "; "); got != want || rows.Err() != nil {
		t.Errorf("the plan is %q, %v; want %q", got, rows.Err(), want)
	}
}
