package command

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/ssm/document/library"
	"postern/ssm/node"
)

// Bounds and defaults of a request, as Amazon has them.
const (
	DefaultTimeoutSeconds = 3600
	MinTimeoutSeconds     = 30
	MaxTimeoutSeconds     = 2_592_000
	DefaultMaxConcurrency = "50"
	DefaultMaxErrors      = "0"
	maxComment            = 100
	maxTargets            = 5
)

// Request asks for a command. Either Nodes or Targets says whom it is for. Zero values take Amazon's defaults.
type Request struct {
	// Document is a name or an ARN; Version "", "$DEFAULT", "$LATEST" or a number.
	Document string
	Version  string
	// Hash, where it is given, must be the SHA-256 of the document's content, in hexadecimal.
	Hash           string
	Nodes          []string
	Targets        []node.Filter
	Parameters     map[string][]string
	Comment        string
	TimeoutSeconds int
	MaxConcurrency string
	MaxErrors      string
	Output         Output
	// Permit is asked about every node that Targets select; its first error refuses the request. Nil permits all.
	Permit func(node string) error
}

// Send stores a command with its invocations and sets it going. When it returns, the command is durable.
func (s *Service) Send(ctx context.Context, scope scope.Scope, r Request) (*Command, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	doc, err := s.config.Documents.Find(ctx, scope, r.Document, r.Version)
	if err != nil {
		return nil, err
	}
	if r.Hash != "" && !strings.EqualFold(r.Hash, doc.Hash) {
		return nil, invalid("InvalidDocument", "the document's hash is %s, not %s", doc.Hash, r.Hash)
	}
	values, err := doc.Document.FromLists(r.Parameters)
	if err != nil {
		return nil, err
	}
	now := s.config.Now().UTC().Truncate(time.Microsecond)
	nodes, err := s.nodes(ctx, scope, r, doc, now)
	if err != nil {
		return nil, err
	}
	c := &Command{
		ID: uuid.NewString(), Scope: scope, Requested: now, Document: doc.Name, Version: doc.Version,
		Content: doc.Document.Content(), Given: r.Parameters, Wire: values.Wire(r.Parameters), Comment: r.Comment,
		Nodes: r.Nodes, Targets: r.Targets, TargetCount: len(nodes),
		TimeoutSeconds: r.TimeoutSeconds, Execute: doc.Document.Timeout(values),
		MaxConcurrency: r.MaxConcurrency, MaxErrors: r.MaxErrors, Output: r.Output,
	}
	c.Concurrency, _ = share(r.MaxConcurrency, len(nodes))
	c.Concurrency = max(c.Concurrency, 1)
	c.ErrorLimit, _ = share(r.MaxErrors, len(nodes))
	return c, s.start(ctx, c, nodes, doc.Document.PlatformTypes())
}

// start stores the command and sends what may go at once. An invocation on a node of another platform than the
// document's ends here: its agent would skip every step and call that a success.
func (s *Service) start(ctx context.Context, c *Command, nodes []node.Node, platforms []string) error {
	entry, err := s.remember(c)
	if err != nil {
		return err
	}
	rows := make([]Row, len(nodes))
	released := make([]*Invocation, 0, min(len(nodes), c.Concurrency))
	for k, n := range nodes {
		i := &Invocation{
			Row: Row{
				CommandID: c.ID,
				Node:      n.ID,
				Scope:     c.Scope,
				Requested: c.Requested,
				Order:     k,
				Stage:     Held,
				Details:   Pending,
			},
			Name: first(n.Name, n.Information.ComputerName), Execute: c.Execute,
			Deliver: time.Duration(c.TimeoutSeconds) * time.Second,
		}
		switch {
		case !fits(n, platforms):
			i.end(InvalidPlatform, c.Requested)
		case len(released) < c.Concurrency:
			i.release(c.Requested)
			if s.config.Mailbox.Reachable(n.ID) {
				i.sent(c.Requested)
			}
			released = append(released, i)
		}
		rows[k] = i.row()
	}
	s.hold(c.ID, rows)
	if err := s.config.Store.Create(ctx, c.row(), rows); err != nil {
		s.forget(c.ID)
		s.released(c.ID)
		return err
	}
	s.stored(c.ID)
	if err := s.postAll(ctx, entry, released); err != nil {
		// The command is stored: what was not sent now is sent when its node comes, or times out.
		s.config.Log.Error("a command could not be sent at once", "command", c.ID, "error", err)
	}
	return nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// nodes finds whom the request is for, each once.
func (s *Service) nodes(
	ctx context.Context,
	scope scope.Scope,
	r Request,
	doc library.Version,
	now time.Time,
) ([]node.Node, error) {
	if len(r.Targets) > 0 {
		return s.targets(ctx, scope, r, now)
	}
	nodes, err := s.config.Nodes.Named(ctx, scope, r.Nodes)
	if err != nil {
		return nil, err
	}
	platforms := doc.Document.PlatformTypes()
	for _, n := range nodes {
		if !fits(n, platforms) {
			return nil, invalid("UnsupportedPlatformType", "document %s is for %s, and %s is %s",
				doc.Name, strings.Join(platforms, " and "), n.ID, n.Information.PlatformType)
		}
	}
	return nodes, nil
}

// targets finds whom a request's targets select, if it may be sent to all of them.
func (s *Service) targets(ctx context.Context, scope scope.Scope, r Request, now time.Time) ([]node.Node, error) {
	nodes, err := s.config.Nodes.Targets(ctx, scope, r.Targets, now)
	if err != nil || r.Permit == nil {
		return nodes, err
	}
	for _, n := range nodes {
		if err := r.Permit(n.ID); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// fits reports whether a document for some platforms runs on a node. A node that has not said what it is fits.
func fits(n node.Node, platforms []string) bool {
	p := n.Information.PlatformType
	return p == "" || containsFold(platforms, p)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(each string) bool { return strings.EqualFold(each, s) })
}

func invalid(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "command.Send", format, args...).WithCode(code)
}

// check holds the request against its bounds and puts in the defaults.
func (r *Request) check() error {
	if r.TimeoutSeconds == 0 {
		r.TimeoutSeconds = DefaultTimeoutSeconds
	}
	r.MaxConcurrency = first(r.MaxConcurrency, DefaultMaxConcurrency)
	r.MaxErrors = first(r.MaxErrors, DefaultMaxErrors)
	const validation = "ValidationException"
	concurrency, ok := share(r.MaxConcurrency, 100)
	_, errorsOK := share(r.MaxErrors, 100)
	switch {
	case r.Document == "":
		return fault.New(fault.Missing, "command.Send", "DocumentName is missing")
	case len(r.Nodes) == 0 && len(r.Targets) == 0:
		return invalid(validation, "InstanceIds or Targets must be given")
	case len(r.Nodes) > 0 && len(r.Targets) > 0:
		return invalid(validation, "InstanceIds and Targets cannot both be given")
	case len(r.Targets) > maxTargets:
		return invalid("InvalidTarget", "there are %d targets; %d are allowed", len(r.Targets), maxTargets)
	case r.TimeoutSeconds < MinTimeoutSeconds || r.TimeoutSeconds > MaxTimeoutSeconds:
		return invalid(
			validation,
			"TimeoutSeconds is %d; it is a number from %d to %d",
			r.TimeoutSeconds,
			MinTimeoutSeconds,
			MaxTimeoutSeconds,
		)
	case utf8.RuneCountInString(r.Comment) > maxComment:
		return invalid(validation, "Comment has more than %d characters", maxComment)
	case !ok || concurrency == 0:
		return invalid(
			validation,
			"MaxConcurrency %q is neither a number of 1 or more nor a percentage from 1%% to 100%%",
			r.MaxConcurrency,
		)
	case !errorsOK:
		return invalid(validation, "MaxErrors %q is neither a number nor a percentage from 0%% to 100%%", r.MaxErrors)
	}
	for _, id := range r.Nodes {
		if !validNode(id) {
			return invalid("InvalidInstanceId", "%q is not the id of a managed node", id)
		}
	}
	return nil
}

// validNode reports whether an id has the form of a node's: it stands in job ids, which agents take apart at dots.
func validNode(id string) bool {
	digits, ok := strings.CutPrefix(id, "i-")
	if !ok {
		digits, ok = strings.CutPrefix(id, "mi-")
	}
	return ok && len(digits) >= 1 && len(digits) <= 17 && strings.Trim(digits, "0123456789abcdef") == ""
}
