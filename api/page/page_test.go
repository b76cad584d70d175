package page_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"postern/api"
	"postern/api/page"
	"postern/aws/fault"
)

type filter struct {
	Name   *string
	Values []string
}

type listInput struct {
	Filters    []filter
	MaxResults *int32
	NextToken  *string
}

type otherInput listInput

type markerInput struct {
	Marker   *string
	MaxItems *int32
}

func same(s string) string { return s }

var here = &api.Call{Account: "000000000000", Region: "us-east-1", Service: &api.Service{TokenCode: "InvalidNextToken"}}

// TestNothingIsMissedOrRepeated: however a list changes between its pages, every row that is there all the time is seen
// once, and no row is seen twice.
func TestNothingIsMissedOrRepeated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{1,3}`)
		list := rapid.SliceOfDistinct(word, same).Draw(t, "list")
		always := slices.Clone(list)
		in := &listInput{MaxResults: aws.Int32(int32(rapid.IntRange(1, 4).Draw(t, "size")))}
		var seen []string
		for {
			rows, next, err := page.Of(here, in, 50, list, same)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) > int(*in.MaxResults) {
				t.Fatalf("%d rows on a page of %d", len(rows), *in.MaxResults)
			}
			seen = append(seen, rows...)
			if next == nil {
				break
			}
			in.NextToken = next
			gone := rapid.SliceOf(word).Draw(t, "gone")
			list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
			always = slices.DeleteFunc(always, func(s string) bool { return slices.Contains(gone, s) })
			for _, s := range rapid.SliceOf(word).Draw(t, "new") {
				if !slices.Contains(list, s) {
					list = append([]string{s}, list...)
				}
			}
		}
		for _, s := range always {
			if !slices.Contains(seen, s) {
				t.Fatalf("%s was there all the time and not seen in %q", s, seen)
			}
		}
		if sorted := slices.Compact(slices.Sorted(slices.Values(seen))); len(sorted) != len(seen) {
			t.Fatalf("seen twice: %q", seen)
		}
	})
}

// secondPage returns a token for what follows "b".
func secondPage(t *testing.T) string {
	t.Helper()
	_, next, err := page.Of(here, &listInput{MaxResults: aws.Int32(2)}, 50, []string{"a", "b", "c"}, same)
	if err != nil || next == nil {
		t.Fatal(next, err)
	}
	return *next
}

func TestATokenBelongsToItsQuestion(t *testing.T) {
	token := secondPage(t)
	elsewhere := *here
	elsewhere.Region = "eu-west-1"
	stranger := *here
	stranger.Account = "111111111111"
	for _, row := range []struct {
		name string
		call *api.Call
		in   any
		ok   bool
	}{
		{"the same question", here, &listInput{NextToken: &token}, true},
		{"another size", here, &listInput{NextToken: &token, MaxResults: aws.Int32(1)}, true},
		{"other filters", here, &listInput{NextToken: &token, Filters: []filter{{Name: aws.String("x")}}}, false},
		{"another operation", here, &otherInput{NextToken: &token}, false},
		{"another region", &elsewhere, &listInput{NextToken: &token}, false},
		{"another account", &stranger, &listInput{NextToken: &token}, false},
	} {
		p, err := page.Read(row.call, row.in, 50)
		switch {
		case row.ok && (err != nil || p.After != "b"):
			t.Errorf("%s: after %q, %v", row.name, p.After, err)
		case !row.ok && (fault.Of(err).Code != "InvalidNextToken" || fault.Of(err).Kind != fault.Invalid):
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// TestEveryChangeOfATokenIsRefused: no character can be changed, left out or added.
func TestEveryChangeOfATokenIsRefused(t *testing.T) {
	token := secondPage(t)
	changed := []string{token + "A", token[1:], token[:len(token)-1], "AAAA", "!", "eyJ"}
	for i := range token {
		for _, c := range "Ab0_" {
			if byte(c) != token[i] {
				changed = append(changed, token[:i]+string(c)+token[i+1:])
			}
		}
	}
	for _, text := range changed {
		if p, err := page.Read(here, &listInput{NextToken: &text}, 50); fault.Of(err).Code != "InvalidNextToken" {
			t.Errorf("%q was taken: after %q, %v", text, p.After, err)
		}
	}
}

func TestSizes(t *testing.T) {
	all := []string{"c", "a", "b"}
	for _, row := range []struct {
		in   any
		want string
		more bool
	}{
		{&listInput{}, "[a b]", true}, // the service's own size is 2 here
		{&listInput{MaxResults: aws.Int32(3)}, "[a b c]", false},
		{&listInput{MaxResults: aws.Int32(1)}, "[a]", true},
		{&listInput{NextToken: aws.String("")}, "[a b]", true},
		{&markerInput{MaxItems: aws.Int32(1)}, "[a]", true},
	} {
		rows, next, err := page.Of(here, row.in, 2, all, same)
		if got := fmt.Sprint(rows); err != nil || got != row.want || (next != nil) != row.more {
			t.Errorf("%+v: %s, %v, %v", row.in, got, next, err)
		}
	}
	rows, next, err := page.Of(here, &markerInput{}, 2, all[:2], same)
	if len(rows) != 2 || next != nil || err != nil {
		t.Errorf("a full last page: %v, %v, %v", rows, next, err)
	}
	if all[0] != "c" {
		t.Error("the list was changed")
	}
}

// TestAServiceWithoutACode: the fault has none, and the pipeline gives it the code for what is invalid.
func TestAServiceWithoutACode(t *testing.T) {
	bad := "AAAA"
	_, err := page.Read(&api.Call{}, &markerInput{Marker: &bad}, 50)
	if f := fault.Of(err); f.Kind != fault.Invalid || f.Code != "" {
		t.Errorf("%v", err)
	}
}

func TestNumbers(t *testing.T) {
	numbers := []int64{0, 1, 9, 10, 255, 256, 1 << 40}
	for i, n := range numbers[1:] {
		before := numbers[i]
		if page.Ascending(before) >= page.Ascending(n) || page.Descending(before) <= page.Descending(n) {
			t.Errorf("%s and %s are out of order", strconv.FormatInt(before, 10), strconv.FormatInt(n, 10))
		}
	}
}
