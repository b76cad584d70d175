package command

import (
	"context"
	"time"

	"postern/aws/scope"
)

// Stage says how far an invocation has come, coarser than its status: the dispatcher and the clock ask for it.
// The numbers stand in databases and do not change.
type Stage int

// The stages.
const (
	// Held waits until the command's MaxConcurrency lets it go.
	Held Stage = 0
	// Queued may be delivered, and is not known to have been accepted by its node.
	Queued Stage = 1
	// Running was accepted by its node.
	Running Stage = 2
	// Cancelling waits for the node's answer to a cancellation.
	Cancelling Stage = 3
	// Ended has its last status.
	Ended Stage = 4
)

// CommandRow is a stored command. What is beside Body is what it is found by; Body is JSON that only this package
// reads. Nothing of it but Body ever changes.
type CommandRow struct {
	ID    string
	Scope scope.Scope
	// Requested is the moment at which the command was sent, to the microsecond.
	Requested time.Time
	Body      []byte
}

// Row is a stored invocation: one command on one node. CommandID and Node together are unique.
type Row struct {
	CommandID string
	Node      string
	Scope     scope.Scope
	// Requested is the command's; Order is the invocation's place among the command's, from 0.
	Requested time.Time
	Order     int
	// These change, with Body.
	Stage Stage
	// Details is the invocation's StatusDetails.
	Details string
	// Due is the next moment at which the clock alone changes the invocation; zero means never.
	Due  time.Time
	Body []byte
}

// Key names an invocation.
type Key struct {
	CommandID string
	Node      string
}

// Key returns the row's name.
func (r Row) Key() Key { return Key{r.CommandID, r.Node} }

// Place is a place in the one order in which rows are listed: newest first, then by command, then by Order. The zero
// Place is before every row.
type Place struct {
	Requested time.Time
	CommandID string
	Order     int
}

// Query selects rows: those for which all of its fields that are not zero hold.
type Query struct {
	Scope     scope.Scope
	CommandID string
	Node      string
	Stages    []Stage
	// DueBy selects rows whose Due is set and not after it.
	DueBy time.Time
	// After selects rows after a place in the order, for pages.
	After Place
	// Limit is the most rows to return; 0 means all.
	Limit int
}

// Count counts the invocations of a command that have the same Stage and Details.
type Count struct {
	CommandID string
	Stage     Stage
	Details   string
	N         int
}

// Store keeps commands and invocations. Its methods may be called at once from several goroutines and, where several
// servers share one store, from several processes. What a method returned nil for is durable; a fault of kind
// Unavailable says that the store cannot take it. It must take 10,000 rows in one call.
type Store interface {
	// Create writes a new command with all its invocations, or nothing.
	Create(ctx context.Context, c CommandRow, rows []Row) error
	// Commands returns those of the commands that exist, in any order.
	Commands(ctx context.Context, ids ...string) ([]CommandRow, error)
	// ListCommands returns a scope's commands after a place (Order is ignored), newest first and then by id.
	ListCommands(ctx context.Context, scope scope.Scope, after Place, limit int) ([]CommandRow, error)
	// UpdateCommand is one transaction that puts what change makes of a command's Body in its place. An unknown id is
	// a fault of kind NotFound. change may be called more than once; its error undoes the update and is returned.
	UpdateCommand(ctx context.Context, id string, change func(body []byte) ([]byte, error)) error
	// Update is one transaction: it reads those of the rows that exist, in any order, gives them to change, and writes
	// Stage, Details, Due and Body of the rows that change returns. change may be called more than once.
	Update(ctx context.Context, keys []Key, change func(found []Row) (changed []Row, err error)) error
	// Rows returns the rows that a query selects, in their order.
	Rows(ctx context.Context, q Query) ([]Row, error)
	// Tally counts the invocations of commands by Stage and Details, in any order.
	Tally(ctx context.Context, commandIDs ...string) ([]Count, error)
	// Forget deletes commands that were requested before a moment, with their invocations.
	Forget(ctx context.Context, before time.Time) error
}
