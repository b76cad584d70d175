package main

import (
	"strings"
	"testing"
)

// TestWrite: an action's resources have the keys that it says, or else those of their type; families end where their
// variable begins, and keys of other identity providers are left out.
func TestWrite(t *testing.T) {
	data := files{
		"actions/notes.json": []byte(`{
			"tag": {"name": "Tag", "conditionKeys": ["aws:TagKeys", "aws:RequestTag/${TagKey}"], "resourceTypes": [
				{"name": "note", "required": true, "conditionKeys": []},
				{"name": "shelf", "required": false, "conditionKeys": ["notes:Colour", "notes:Colour"]}]},
			"look": {"name": "Look", "conditionKeys": ["idp.example:sub", "saml:sub"], "resourceTypes": []}
		}`),
		"resourceTypes/notes.json": []byte(`{
			"note": {"key": "note", "arn": "arn:${Partition}:notes:${Region}:${Account}:note/${Id}",
				"conditionKeys": ["notes:resourceTag/tag-key", "notes:resourceTag/${TagKey}", "notes:Context:${Key}",
					"notes:Tag/<key>"]},
			"shelf": {"key": "shelf", "arn": "arn:${Partition}:notes:::shelf", "conditionKeys": ["notes:Height"]}
		}`),
	}
	table, err := generate(data, "notes")
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(table), "\n")
	const want = "keys 1 aws:RequestTag/ aws:TagKeys\n" +
		"keys 2 notes:Colour\n" +
		"keys 3 notes:Context: notes:Tag/ notes:resourceTag/\n" +
		"type note arn:*:notes:*:*:note/*\n" +
		"type shelf arn:*:notes:::shelf\n" +
		"action Look 0\n" +
		"action Tag 1 note!:3 shelf:2\n"
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

// TestWriteRefuses what is no reference any more.
func TestWriteRefuses(t *testing.T) {
	for text, says := range map[string]string{
		`{}`: "no actions",
		`{"a":{"name":"A","resourceTypes":[{"name":"what"}]}}`: "no resource type",
		`[]`: "actions/notes.json",
	} {
		_, err := generate(files{"actions/notes.json": []byte(text)}, "notes")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
