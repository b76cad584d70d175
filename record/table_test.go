package record_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/aws/fault"
	"postern/record"
)

// thing is a record of the tests.
type thing struct {
	ID, Scope, VPC string
	Owner          string
	Names          []string
	Ends           time.Time
}

var (
	thingsByOwner = &record.Index[thing]{Terms: func(x *thing) []record.Term {
		if x.Owner == "" {
			return nil
		}
		return []record.Term{{Value: x.Owner}}
	}}
	thingsByName = &record.Index[thing]{Grouped: true, Counted: true, Terms: func(x *thing) []record.Term {
		var out []record.Term
		for _, n := range x.Names {
			out = append(out, record.Term{Value: x.VPC, Sort: n})
		}
		return out
	}}
	thingsByEnd = &record.Index[thing]{Terms: func(x *thing) []record.Term {
		if x.Ends.IsZero() {
			return nil
		}
		return []record.Term{{Sort: record.Instant(x.Ends)}}
	}}
	things = &record.Kind[thing]{
		Name:    "thing",
		Key:     func(x *thing) string { return x.ID },
		Groups:  func(x *thing) []string { return []string{x.Scope, x.VPC} },
		Indexes: []*record.Index[thing]{thingsByOwner, thingsByName, thingsByEnd},
		Views:   func(_ *record.Tables, x *thing) []string { return []string{x.VPC, x.Owner} },
	}
	notes = &record.Kind[thing]{
		Name: "note", Key: func(x *thing) string { return x.ID },
		Groups: func(x *thing) []string { return []string{x.Scope} },
	}
	kinds = record.NewSet(things, notes)
)

// naive is a plain map that tables are compared with.
type naive map[string]*thing

func (m naive) where(holds func(*thing) bool) []string {
	var ids []string
	for id, x := range m {
		if holds(x) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func idsOf(all func(func(*thing) bool)) []string {
	var ids []string
	for x := range all {
		ids = append(ids, x.ID)
	}
	return ids
}

// version is tables with what should be in them.
type version struct {
	tables *record.Tables
	model  naive
}

func empty(t interface{ Fatal(...any) }) *record.Tables {
	r, err := record.Open(context.Background(), nothing{}, kinds, record.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Tables()
}

// TestTables draws changes, each from any version before, and looks at every version at the end: whatever copies share,
// none shows what was changed in another.
func TestTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := []version{{empty(t), naive{}}}
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("t-%02d", rapid.IntRange(0, 40).Draw(t, "id")) })
		for range rapid.IntRange(1, 15).Draw(t, "versions") {
			from := rapid.SampledFrom(versions).Draw(t, "from")
			p, model := record.NewPlan(from.tables, "a"), maps.Clone(from.model)
			for range rapid.IntRange(1, 20).Draw(t, "changes") {
				k := id.Draw(t, "thing")
				if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					things.Delete(p, k, false)
					delete(model, k)
					continue
				}
				x := drawThing(t, k)
				things.Put(p, x, false)
				model[k] = x
			}
			versions = append(versions, version{p.Tables, model})
		}
		for _, v := range versions {
			v.check(t)
		}
	})
}

// drawThing draws a thing: the groups follow from the id, as they do not change.
func drawThing(t *rapid.T, id string) *thing {
	some := []string{"", "x", "y", "z"}
	x := &thing{
		ID:    id,
		Scope: string('a' + id[3]%2),
		VPC:   "vpc-" + id[3:],
		Owner: rapid.SampledFrom(some).Draw(t, "owner"),
	}
	for _, n := range some[1:] {
		if rapid.Bool().Draw(t, n) {
			x.Names = append(x.Names, n)
		}
	}
	if h := rapid.IntRange(0, 5).Draw(t, "hour"); h > 0 {
		x.Ends = time.Unix(int64(h)*3600, 0)
	}
	return x
}

func (v version) check(t *rapid.T) {
	t.Helper()
	want := func(what string, got, want []string) {
		t.Helper()
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatalf("%s (-want +got):\n%s", what, d)
		}
	}
	want("all", idsOf(things.All(v.tables)), v.model.where(func(*thing) bool { return true }))
	for _, g := range []string{"a", "b", "vpc-3", "none"} {
		in := v.model.where(func(x *thing) bool { return x.Scope == g || x.VPC == g })
		want("in "+g, idsOf(things.In(v.tables, g)), in)
		if n := things.Count(v.tables, g); n != len(in) {
			t.Fatalf("%d in %s, want %d", n, g, len(in))
		}
	}
	for _, o := range []string{"x", "y", "none"} {
		want("of "+o, idsOf(thingsByOwner.Find(v.tables, o)), v.model.where(func(x *thing) bool { return x.Owner == o }))
	}
	named, terms := v.model.where(func(x *thing) bool { return x.VPC == "vpc-3" && slices.Contains(x.Names, "y") }), 0
	for _, x := range v.model {
		if x.VPC == "vpc-3" {
			terms += len(x.Names)
		}
	}
	x, ok := thingsByName.At(v.tables, record.Term{Value: "vpc-3", Sort: "y"})
	if ok != (len(named) > 0) || ok && x.ID != named[0] {
		t.Fatalf("named y: %v, want the first of %v", x, named)
	}
	if n := thingsByName.Count(v.tables, "vpc-3"); n != terms {
		t.Fatalf("%d names, want %d", n, terms)
	}
	end := time.Unix(3*3600, 0)
	ended := idsOf(thingsByEnd.Until(v.tables, "", record.Instant(end)))
	slices.Sort(ended)
	want("ended", ended, v.model.where(func(x *thing) bool { return !x.Ends.IsZero() && x.Ends.Before(end) }))
	var owners []string
	for _, x := range v.model {
		if x.Owner != "" {
			owners = append(owners, x.Owner)
		}
	}
	slices.Sort(owners)
	want("owners", slices.Collect(thingsByOwner.Values(v.tables)), slices.Compact(owners))
}

// TestIterateAndChange changes what it iterates over: each record is seen once, as it was at the beginning.
func TestIterateAndChange(t *testing.T) {
	p := record.NewPlan(empty(t), "a")
	const n = 500
	for i := range n {
		things.Put(p, &thing{ID: fmt.Sprintf("t-%03d", i), Scope: "a", VPC: "v", Owner: "x"}, false)
	}
	seen := 0
	for x := range thingsByOwner.Find(p.Tables, "x") {
		seen++
		moved := *x
		moved.Owner = "y"
		things.Put(p, &moved, false)
		things.Delete(p, fmt.Sprintf("t-%03d", n-seen), false)
	}
	if seen != n {
		t.Errorf("%d of %d were seen", seen, n)
	}
	if left := len(idsOf(thingsByOwner.Find(p.Tables, "x"))); left != 0 {
		t.Errorf("%d still have the old owner", left)
	}
}

// TestCopiesAtOnce has plans made of the same tables at once, beside readers. The race detector looks on.
func TestCopiesAtOnce(t *testing.T) {
	p := record.NewPlan(empty(t), "a")
	for i := range 1000 {
		things.Put(p, &thing{ID: fmt.Sprintf("t-%03d", i), Scope: "a", VPC: "v", Names: []string{"n"}}, false)
	}
	base := p.Tables
	shared := record.NewPlan(base, "a").Before()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			q := record.NewPlan(shared, "b")
			for i := range 200 {
				things.Put(q, &thing{ID: fmt.Sprintf("w-%d-%d", w, i), Scope: "b", VPC: "v"}, false)
				if x, ok := things.Get(q.Tables, fmt.Sprintf("t-%03d", i)); !ok || x.Scope != "a" {
					t.Errorf("t-%03d: %v", i, x)
				}
			}
			if n := things.Count(q.Tables, "b"); n != 200 {
				t.Errorf("writer %d sees %d of its own", w, n)
			}
		})
	}
	all.Wait()
}

// TestReads compares what plans have read with what they looked at.
func TestReads(t *testing.T) {
	base := record.NewPlan(empty(t), "")
	for _, id := range []string{"t-1", "t-2"} {
		things.Put(base, &thing{ID: id, Scope: "a", VPC: "v", Owner: "x", Names: []string{"n"}}, false)
	}
	for what, c := range map[string]struct {
		group string
		look  func(*record.Plan)
		want  []record.Read
	}{
		"one": {"a", func(p *record.Plan) { things.Get(p.Tables, "t-1") }, []record.Read{{Kind: "thing", ID: "t-1"}}},
		"one that is not there": {"a", func(p *record.Plan) { things.Get(p.Tables, "t-9") },
			[]record.Read{{Kind: "thing", ID: "t-9"}}},
		"all": {"a", func(p *record.Plan) { idsOf(things.All(p.Tables)) }, []record.Read{{Kind: "thing"}}},
		"a group": {
			"a", func(p *record.Plan) { idsOf(things.In(p.Tables, "v")) }, []record.Read{{Kind: "thing", Group: "v"}},
		},
		"a count": {
			"a", func(p *record.Plan) { things.Count(p.Tables, "v") }, []record.Read{{Kind: "thing", Group: "v"}},
		},
		"a limit that is far": {"a", func(p *record.Plan) { things.Fits(p.Tables, "a", 1, 10_000) }, nil},
		"a limit that is near": {"a", func(p *record.Plan) { things.Fits(p.Tables, "a", 1, 3) },
			[]record.Read{{Kind: "thing", Group: "a"}}},
		"an index": {"a", func(p *record.Plan) { idsOf(thingsByOwner.Find(p.Tables, "x")) },
			[]record.Read{{Kind: "thing", Group: "a"}}},
		"an index of groups": {"a", func(p *record.Plan) { thingsByName.At(p.Tables, record.Term{Value: "v", Sort: "n"}) },
			[]record.Read{{Kind: "thing", Group: "v"}}},
		"an index, for nobody": {"", func(p *record.Plan) { idsOf(thingsByOwner.Find(p.Tables, "x")) },
			[]record.Read{{Kind: "thing", ID: "t-1"}, {Kind: "thing", ID: "t-2"}}},
		"what it changes": {"a", func(p *record.Plan) {
			things.Get(p.Tables, "t-1")
			things.Delete(p, "t-1", false)
		}, nil},
	} {
		p := record.NewPlan(base.Tables, c.group)
		c.look(p)
		commit, err := p.Commit()
		if d := gocmp.Diff(c.want, commit.Reads); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, d)
		}
	}
}

// TestPlan checks what a plan commits: of each record the last that was planned, with its groups.
func TestPlan(t *testing.T) {
	base := record.NewPlan(empty(t), "a")
	things.Put(base, &thing{ID: "t-1", Scope: "a", VPC: "v"}, false)
	things.Put(base, &thing{ID: "t-2", Scope: "a", VPC: "v"}, false)
	p := record.NewPlan(base.Tables, "a")
	notes.Put(p, &thing{ID: "n", Scope: "a"}, true)
	things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "v", Owner: "x"}, false)
	things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "v", Owner: "y"}, true)
	things.Delete(p, "t-2", true)
	things.Put(p, &thing{ID: "t-3", Scope: "a", VPC: "w"}, false)
	things.Delete(p, "t-3", false)
	commit, err := p.Commit()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range commit.Changes {
		got = append(got, fmt.Sprint(c.Kind, " ", c.ID, " ", c.Groups, " ", c.Delete))
	}
	want := []string{"note n [a] false", "thing t-1 [a v] false", "thing t-2 [a v] true", "thing t-3 [] true"}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	var views []string
	for _, e := range p.Edits() {
		e.Views(p.Before(), p.Tables, func(v string) { views = append(views, v) })
	}
	slices.SortFunc(views, cmp.Compare)
	if d := gocmp.Diff([]string{"", "v", "v", "y"}, views); d != "" {
		t.Errorf("views (-want +got):\n%s", d)
	}
}

// TestGroupsStay refuses a change of the groups of a record.
func TestGroupsStay(t *testing.T) {
	base := record.NewPlan(empty(t), "a")
	things.Put(base, &thing{ID: "t-1", Scope: "a", VPC: "v"}, false)
	p := record.NewPlan(base.Tables, "a")
	things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "w"}, false)
	if _, err := p.Commit(); !fault.Is(err, fault.Internal) {
		t.Errorf("commit: %v, want a fault of kind Internal", err)
	}
}

func TestSetRefuses(t *testing.T) {
	refused := func(what string, make func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: taken", what)
			}
		}()
		make()
	}
	refused(
		"two kinds of one name",
		func() { record.NewSet(&record.Kind[thing]{Name: "x"}, &record.Kind[thing]{Name: "x"}) },
	)
	refused("a kind in two sets", func() { record.NewSet(things) })
}
