package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/record"
	"postern/record/recordtest"
	"postern/store/postgres/postgrestest"
)

// TestListReadsOneGroup: what is listed by its group is found by an index, whose order is that of the list.
func TestListReadsOneGroup(t *testing.T) {
	address := postgrestest.URL(t)
	s := open(t, address).Set("ssm")
	err := s.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) {
		changes := make([]record.Change, 2000)
		for n := range changes {
			changes[n] = recordtest.Put("node", fmt.Sprintf("%04d", n), "1", "1/here")
		}
		return append(changes, recordtest.Put("node", "mine", "1", "1/there"), recordtest.Put("node", "none", "1")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), record.Listing{Kind: "node", Group: "1/there"})
	if err != nil || len(list) != 1 || list[0].ID != "mine" {
		t.Errorf("listed %v, %v", list, err)
	}
	run(t, address, "ANALYZE records")
	rows, err := raw(t, address).Query(`EXPLAIN SELECT body FROM records
		WHERE (set_name = 'ssm' AND kind = 'node' AND deleted = 0) AND (` + open(t, address).Dialect().FirstGroup +
		` = '1/there') AND (id > '0') ORDER BY id LIMIT 5`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	plan := strings.Join(steps, "\n")
	if rows.Err() != nil || !strings.Contains(plan, "Index Scan using records_by_group") ||
		strings.Contains(plan, "Filter") || strings.Contains(plan, "Sort") {
		t.Errorf("%v; the plan is\n%s", rows.Err(), plan)
	}
}
