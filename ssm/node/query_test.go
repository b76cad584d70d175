package node_test

import (
	"fmt"
	"postern/aws/fault"
	"postern/ssm/node"
	"slices"
	"strings"
	"testing"
)

// newFleet makes three instances and a node that is none. It returns all ids in their order, and that of the latter.
func newFleet(t *testing.T) (w *world, ids []string, mi string) {
	t.Helper()
	w = newWorld()
	mi = w.register(t)
	ids = []string{mi}
	for i := range 3 {
		id := fmt.Sprintf("i-%017d", i)
		ids = append(ids, id)
		told := node.Information{PlatformType: "Linux", AgentVersion: fmt.Sprint(i)}
		want(t, "ping", w.Ping(t.Context(), here, id, told, noon), "")
	}
	w.tags = map[string]map[string]string{ids[1]: {"role": "web"}, ids[2]: {"role": "db", "x": ""}}
	slices.Sort(ids)
	return w, ids, mi
}

func filter(key string, values ...string) []node.Filter {
	return []node.Filter{{Key: key, Values: values}}
}

func TestList(t *testing.T) {
	w, ids, mi := newFleet(t)
	for _, tt := range []struct {
		name    string
		filters []node.Filter
		want    string
	}{
		{"all", nil, "0 1 2 mi"},
		{"ids", filter("InstanceIds", ids[0], mi), "0 mi"},
		{"alias", filter("InstanceId", ids[0]), "0"},
		{"version", filter("AgentVersion", "1", "2"), "1 2"},
		{"status", filter("PingStatus", "Online"), "0 1 2"},
		{"type", filter("ResourceType", "ManagedInstance"), "mi"},
		{"platform", filter("PlatformTypes", "Linux"), "0 1 2"},
		{"role", filter("IamRole", "Nodes"), "mi"},
		{"own tag", filter("tag:site", "harbour", "x"), "mi"},
		{"EC2 tag", filter("tag:role", "web"), "0"},
		{"tag key", filter("tag-key", "role"), "0 1"},
		{"both", append(filter("tag-key", "role"), filter("tag:x", "")...), "1"},
		{"none", filter("AssociationStatus", "Success"), ""},
	} {
		views, next, err := w.List(t.Context(), here, node.Query{Filters: tt.filters}, noon)
		var got []string
		for _, v := range views {
			if v.ID == mi {
				got = append(got, "mi")
			} else {
				got = append(got, v.ID[len(v.ID)-1:])
			}
		}
		if err != nil || next != "" || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v %q, %v; want %s", tt.name, got, next, err, tt.want)
		}
	}
}

func TestPages(t *testing.T) {
	w, ids, _ := newFleet(t)
	var paged []string
	for after, pages := "", 0; ; pages++ {
		views, next, err := w.List(t.Context(), here, node.Query{After: after, Limit: 2}, noon)
		if err != nil || pages > 2 {
			t.Fatal(err, pages)
		}
		for _, v := range views {
			paged = append(paged, v.ID)
		}
		if after = next; after == "" {
			break
		}
	}
	if !slices.Equal(paged, ids) {
		t.Errorf("pages give %v, want %v", paged, ids)
	}
}

func TestNamedAndTargets(t *testing.T) {
	w, ids, mi := newFleet(t)
	_, _, err := w.List(t.Context(), here, node.Query{Filters: filter("Colour", "red")}, noon)
	want(t, "unknown filter", err, "InvalidFilterKey")
	_, err = w.Named(t.Context(), here, []string{mi, "i-9"})
	want(t, "unknown id", err, "InvalidInstanceId")
	if nodes, err := w.Named(t.Context(), here, []string{mi, ids[0], mi}); err != nil || len(nodes) != 2 ||
		nodes[0].ID != mi {
		t.Errorf("named %v, %v", nodes, err)
	}
	if nodes, err := w.Targets(t.Context(), here, filter("tag:role", "web", "db"), noon); err != nil || len(nodes) != 2 {
		t.Errorf("targets %v, %v", nodes, err)
	}
	_, err = w.Targets(t.Context(), here, filter("Name", "x"), noon)
	want(t, "bad target", err, "InvalidTarget")
	_, err = w.Targets(t.Context(), here, filter("resource-groups:Name", "x"), noon)
	if !fault.Is(err, fault.NotImplemented) {
		t.Errorf("resource groups: %v", err)
	}
}
