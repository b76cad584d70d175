package document

import (
	"embed"
	"io/fs"
	"strings"
	"sync"
)

// The documents that carry Amazon's names. They are written for Postern, and take the parameters that Amazon's take.
//
//go:embed owned/*.json
var ownedFiles embed.FS

// Owned is a document that belongs to the service itself, under the name that Amazon gives it.
type Owned struct {
	Name string
	// Text is the document as it was written, in JSON.
	Text     string
	Document *Document
}

var owned = sync.OnceValue(func() []Owned {
	entries, err := fs.ReadDir(ownedFiles, "owned")
	if err != nil {
		panic("document: " + err.Error())
	}
	var out []Owned
	for _, e := range entries {
		b, err := ownedFiles.ReadFile("owned/" + e.Name())
		if err != nil {
			panic("document: " + err.Error())
		}
		d, err := Check(b, JSON)
		if err != nil {
			panic("document: " + e.Name() + ": " + err.Error())
		}
		out = append(out, Owned{Name: strings.TrimSuffix(e.Name(), ".json"), Text: string(b), Document: d})
	}
	return out
})

// AllOwned lists the documents that belong to the service, by name.
func AllOwned() []Owned { return owned() }

// FindOwned finds one of them.
func FindOwned(name string) (Owned, bool) {
	for _, o := range owned() {
		if o.Name == name {
			return o, true
		}
	}
	return Owned{}, false
}
