// Package endpoint is the AWS API of package notes: a table of operations, and a handler for each.
package endpoint

import (
	"context"

	"postern/api"
	"postern/aws/scope"
	"postern/aws/wire"
	"postern/test/notes"
)

// New makes the endpoint.
func New(s *notes.Service) api.Service {
	h := handler{s}
	return api.Service{
		Name:          "notes",
		Protocol:      wire.JSON,
		TargetPrefix:  "Notes",
		ResourceTypes: api.Types("note"),
		Operations: []api.Operation{
			api.Op("PutNote", api.About("note/{Name}"), h.put, api.Takes("Name", "Text")),
			api.Op("GetNote", api.About("note/{Name}"), h.get, api.Takes("Name")),
		},
	}
}

// PutNoteInput is the input of PutNote. A service of AWS's has its types from the SDK's models.
type PutNoteInput struct{ Name, Text string }

// GetNoteInput is the input of GetNote.
type GetNoteInput struct{ Name string }

// NoteOutput is the output of both.
type NoteOutput struct{ Text string }

type handler struct{ notes *notes.Service }

func (h handler) put(ctx context.Context, c *api.Call, in *PutNoteInput) (*NoteOutput, error) {
	n := notes.Note{Scope: scopeOf(c), Name: in.Name, Text: in.Text}
	return &NoteOutput{Text: in.Text}, h.notes.Put(ctx, n)
}

func (h handler) get(_ context.Context, c *api.Call, in *GetNoteInput) (*NoteOutput, error) {
	n, err := h.notes.Get(scopeOf(c), in.Name)
	if err != nil {
		return nil, err
	}
	return &NoteOutput{Text: n.Text}, nil
}

func scopeOf(c *api.Call) scope.Scope { return scope.Scope{Account: c.Account, Region: c.Region} }
