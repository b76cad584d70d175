package api_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/api"
	"postern/api/apitest"
	"postern/api/page"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// A tiny operation, in the two places that a new one has: a row of the table, and a handler.
// docs/adding-an-operation.md shows it, and the tests below prove what it gets of the pipeline without saying a word
// about it.

type describeNotesInput struct {
	Colour     *string
	DryRun     *bool
	MaxResults *int32
	NextToken  *string
	NoteIds    []string `json:"NoteId"`
}

type note struct {
	NoteId string `json:"noteId"`
}

type describeNotesOutput struct {
	NextToken *string `json:"nextToken"`
	Notes     []note  `json:"noteSet"`
}

// notes is a service with a list of notes.
type notes struct{ held []note }

func (n *notes) operations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeNotes",
			api.About("note/{NoteIds}"),
			n.describeNotes,
			api.Takes("MaxResults", "NextToken", "NoteIds")),
	}
}

func (n *notes) describeNotes(_ context.Context, c *api.Call, in *describeNotesInput) (*describeNotesOutput, error) {
	asked := slices.DeleteFunc(slices.Clone(n.held), func(one note) bool {
		return len(in.NoteIds) > 0 && !slices.Contains(in.NoteIds, one.NoteId)
	})
	rows, next, err := page.Of(c, in, 100, asked, func(one note) string { return one.NoteId })
	return &describeNotesOutput{NextToken: next, Notes: rows}, err
}

func (n *notes) service(operations []api.Operation) api.Service {
	return api.Service{
		Name: "notes", Protocol: wire.EC2, Version: "2026-11-28", TokenCode: "InvalidNextToken",
		ResourceTypes: api.Types("note"), Operations: operations,
	}
}

// newNotes is a pipeline with the service. Questions holds what the judge was asked about.
func newNotes(t *testing.T, n *notes) (h *api.Handler, r *rig, questions *[]string) {
	t.Helper()
	r, questions = newRig(t), new([]string)
	h, err := api.New(api.Config{
		Services: []api.Service{n.service(n.operations())}, Region: "us-east-1", Identities: r, Now: r.clock,
		Guards: guardFunc(func(q api.Question) { *questions = append(*questions, q.Resource) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, r, questions
}

// callNotes calls the operation as the rig's user.
func callNotes(t *testing.T, h *api.Handler, parameters string) (status int, code string, out describeNotesOutput) {
	t.Helper()
	body := "Action=DescribeNotes&Version=2026-11-28&" + parameters
	r := httptest.NewRequest(http.MethodPost, "https://notes.us-east-1.amazonaws.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	at := sigv4.Target{Region: "us-east-1", Service: "notes", Time: now}
	if err := sigv4.Sign(r, []byte(body), user, at); err != nil {
		t.Fatal(err)
	}
	status, answer := apitest.Do(h, r)
	var read struct {
		Code  string   `xml:"Errors>Error>Code"`
		Next  *string  `xml:"nextToken"`
		Notes []string `xml:"noteSet>item>noteId"`
	}
	if err := xml.Unmarshal([]byte(answer), &read); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, id := range read.Notes {
		out.Notes = append(out.Notes, note{id})
	}
	out.NextToken = read.Next
	return status, read.Code, out
}

// TestAnAddedOperationIsGuarded: nobody and strangers get nothing, and the judge is asked about what the row says.
func TestAnAddedOperationIsGuarded(t *testing.T) {
	h, r, questions := newNotes(t, &notes{held: []note{{"n-1"}}})
	for _, tt := range []struct{ parameters, want string }{
		{
			"NoteId.1=n-1&NoteId.2=n-2",
			"[arn:aws:notes:us-east-1:000000000000:note/n-1 arn:aws:notes:us-east-1:000000000000:note/n-2]",
		},
		{"", "[arn:aws:notes:us-east-1:000000000000:note/*]"},
	} {
		*questions = nil
		if status, code, _ := callNotes(t, h, tt.parameters); status != 200 {
			t.Errorf("%d %s", status, code)
		}
		if got := fmt.Sprint(*questions); got != tt.want {
			t.Errorf("%s asks about %s, want %s", tt.parameters, got, tt.want)
		}
	}
	r.policy = ""
	apitest.Guard(t, h, user, now)
}

// TestAnAddedOperationRefusesWhatItDoesNotTake: by the member's name.
func TestAnAddedOperationRefusesWhatItDoesNotTake(t *testing.T) {
	h, r, _ := newNotes(t, &notes{})
	for _, tt := range []struct {
		parameters, code string
	}{
		{"Colour=red", "UnsupportedOperation"},
		{"Color=red", "UnknownParameter"},
		{"MaxResults=many", "InvalidParameterValue"},
		{"NextToken=forged", "InvalidNextToken"},
		{"DryRun=true", "DryRunOperation"},
		{"DryRun=true&Colour=red", "UnsupportedOperation"},
	} {
		if _, code, _ := callNotes(t, h, tt.parameters); code != tt.code {
			t.Errorf("%s: %s, want %s", tt.parameters, code, tt.code)
		}
	}
	r.policy = ""
	if _, code, _ := callNotes(t, h, "DryRun=true"); code != "UnauthorizedOperation" {
		t.Errorf("a stranger's dry run: %s", code)
	}
}

// TestAnAddedOperationHasPages: nothing is missed or repeated while notes come and go.
func TestAnAddedOperationHasPages(t *testing.T) {
	n := &notes{held: []note{{"n-4"}, {"n-2"}, {"n-1"}, {"n-3"}}}
	h, _, _ := newNotes(t, n)
	_, code, first := callNotes(t, h, "MaxResults=2")
	if code != "" || fmt.Sprint(first.Notes) != "[{n-1} {n-2}]" || first.NextToken == nil {
		t.Fatalf("%s %+v", code, first)
	}
	n.held = []note{{"n-0"}, {"n-3"}, {"n-4"}, {"n-2b"}}
	_, code, second := callNotes(t, h, "MaxResults=5&NextToken="+url.QueryEscape(*first.NextToken))
	if code != "" || fmt.Sprint(second.Notes) != "[{n-2b} {n-3} {n-4}]" || second.NextToken != nil {
		t.Errorf("%s %+v", code, second)
	}
	_, code, _ = callNotes(t, h, "MaxResults=2&NoteId.1=n-3&NextToken="+url.QueryEscape(*first.NextToken))
	if code != "InvalidNextToken" {
		t.Errorf("the token of another question: %s", code)
	}
}

// TestAMistakeInARowStopsTheServer: the message names the row, and what is wrong with it.
func TestAMistakeInARowStopsTheServer(t *testing.T) {
	n := &notes{}
	for _, tt := range []struct {
		about api.Resources
		takes []string
		says  []string
	}{
		{api.About("note/{NoteId}"), []string{"NoteIds"}, []string{"notes:DescribeNotes", "NoteId"}},
		{api.About("memo/{NoteIds}"), []string{"NoteIds"}, []string{"notes:DescribeNotes", `"memo"`}},
		{api.About("note/{MaxResults}"), []string{"NoteIds"}, []string{"notes:DescribeNotes", "MaxResults is no text"}},
		{api.About("note/NoteIds"), []string{"NoteIds"}, []string{"notes:DescribeNotes", "a template is"}},
		{api.About("note/{NoteIds}"), []string{"Notes"}, []string{"notes:DescribeNotes", "takes Notes"}},
		{api.About("note/{NoteIds}"), nil, []string{"notes:DescribeNotes", "which members"}},
	} {
		row := api.Op("DescribeNotes", tt.about, n.describeNotes, api.Takes(tt.takes...))
		_, err := api.New(api.Config{Services: []api.Service{n.service([]api.Operation{row})}})
		for _, says := range tt.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v does not say %q", err, says)
			}
		}
	}
}
