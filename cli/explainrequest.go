package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/aws/postern"
)

// explainRequest tells why a request was answered as it was.
func (a *app) explainRequest(cmd *cobra.Command, id string) error {
	cl, _, err := a.open()
	if err != nil {
		return err
	}
	out, err := cl.postern.DescribeRequest(cmd.Context(), &postern.DescribeRequestInput{RequestId: id})
	if err != nil {
		return err
	}
	if a.json() {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(out.Request)
	}
	return tellRequest(cmd.OutOrStdout(), &out.Request)
}

// tellRequest prints a request for people.
func tellRequest(w io.Writer, r *postern.Request) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("request %s at %s", r.RequestId, r.Time)
	line("  %s:%s, answered %d %s", r.Service, r.Operation, r.Status, r.Code)
	who := r.Principal
	if who == "" {
		who = "anonymous"
	}
	from := r.SourceIp
	if r.Endpoint != "" {
		from = r.Endpoint + " (" + r.Interface + ")"
	}
	line("  by %s from %s", plainLine(who), plainLine(from))
	for i := range r.Judged {
		j := &r.Judged[i]
		line("may it %s on %s?", j.Action, plainLine(j.Resource))
		line("  %s", plainLine(j.Decision))
		for _, p := range j.Policies {
			tellPolicy(line, &p)
		}
		for _, k := range j.Keys {
			value := strings.Join(k.Values, ", ")
			switch {
			case k.Unknown:
				value = "(not known)"
			case len(k.Values) == 0:
				value = "(absent)"
			}
			line("  %s = %s", k.Name, plainLine(value))
		}
		if j.Left > 0 {
			line("  and %d statements and keys more", j.Left)
		}
	}
	if len(r.Judged) == 0 && r.Error != "" {
		line("  no policy was asked: %s", plainLine(r.Error))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tellPolicy(line func(string, ...any), p *postern.Policy) {
	line("  %s %q: %d of %d statements are about the action", p.Kind, p.Name, len(p.Statements), p.Total)
	for _, s := range p.Statements {
		name := fmt.Sprintf("statement %d", s.Number)
		if s.Sid != "" {
			name += " (" + plainLine(s.Sid) + ")"
		}
		switch {
		case s.Applies && s.Why == "":
			line("    %s, %s: applies", name, s.Effect)
		case s.Applies:
			line("    %s, %s: applies: %s", name, s.Effect, s.Why)
		default:
			line("    %s, %s: does not apply: %s", name, s.Effect, plainLine(s.Why))
		}
	}
}
