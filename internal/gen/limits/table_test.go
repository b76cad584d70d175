package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestWrite: of what requests can hold, each shape that has a limit gets a line, a structure one that names its
// members; an operation's own input is called after the operation.
func TestWrite(t *testing.T) {
	const source = `{
		"operations": {
			"GetThing": {"input": {"shape": "GetThingRequest"}},
			"Ping": {}
		},
		"shapes": {
			"GetThingRequest": {"type": "structure", "members": {
				"name": {"shape": "Name"}, "Tags": {"shape": "TagMap"}, "list": {"shape": "Names"},
				"free": {"shape": "Free"}, "deep": {"shape": "Deep"}, "Secret": {"shape": "Secret"}
			}},
			"Deep": {"type": "structure", "members": {"self": {"shape": "Deep"}, "kind": {"shape": "Kind"}}},
			"Free": {"type": "string"},
			"Name": {"type": "string", "min": 1, "max": 8, "pattern": "[a-z ]+"},
			"Names": {"type": "list", "member": {"shape": "Name"}, "max": 5},
			"Frees": {"type": "list", "member": {"shape": "Free"}},
			"TagMap": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Free"}},
			"Kind": {"type": "string", "enum": ["a b", "c"]},
			"Secret": {"type": "string", "min": 3, "sensitive": true},
			"Answer": {"type": "string", "max": 1}
		}
	}`
	var m model
	if err := json.Unmarshal([]byte(source), &m); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	m.write(&b)
	const want = "Deep { Kind:Kind\n" +
		"GetThingInput { Secret:Secret Tags:TagMap List:Names Name:Name\n" +
		"Kind |a b|c\n" +
		"Name 1..8 ~[a-z ]+\n" +
		"Names ..5 >Name\n" +
		"Secret 3.. !\n" +
		"TagMap <Name\n"
	if b.String() != want {
		t.Errorf("\n%s\nwant\n%s", b.String(), want)
	}
}
