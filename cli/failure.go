package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/aws/fault"
)

// Exit codes of the command. `run`, like ssh, gives the remote command's own, and exitOurs for everything else.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNoServer    = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
	exitOurs        = 255
)

// usageError is a mistake in what was typed.
type usageError struct {
	err error
	// usage tells how to write it; empty where err does.
	usage string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// mistyped makes a usageError.
func mistyped(format string, args ...any) error { return &usageError{err: fmt.Errorf(format, args...)} }

// ended ends a command for which all has been said, with an exit code.
type ended int

func (e ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// errSilent is the answer no: it ends a command that has said everything already.
const errSilent = ended(exitFailed)

// apiError is an error that a service answers with, whichever client has read it.
type apiError interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// failure is an error as it is told: to people in one line, and with --output json as an object.
type failure struct {
	// Code is the service's own error code; of the command's own failures "Usage", "NoServer", "Interrupted" or "Failed".
	Code    string `json:"code"`
	Message string `json:"message"`
	Exit    int    `json:"exit_code"`
	// usage tells how to write it.
	usage string
}

// describe explains an error to the person who typed the command. endpoint names the server that was asked, if any.
func describe(err error, endpoint string) failure {
	var usage *usageError
	var missing *pflag.NotExistError
	var api apiError
	var unjudged *notJudgedError
	if errors.As(err, &unjudged) && !fault.Is(err, fault.Invalid) && !errors.As(err, &usage) {
		f := describe(unjudged.err, endpoint)
		f.Exit = exitNotJudged
		return f
	}
	switch {
	case errors.As(err, &usage):
		return failure{"Usage", fault.Text(err), exitUsage, usage.usage}
	case errors.As(err, &missing), isFlagError(err):
		return failure{"Usage", flagMistake(err), exitUsage, ""}
	case errors.Is(err, context.Canceled):
		return failure{"Interrupted", "interrupted", exitInterrupted, ""}
	case errors.As(err, &api):
		return failure{api.ErrorCode(), answerOf(api), exitFailed, ""}
	case endpoint != "" && otherAuthority(err):
		return failure{"NoServer",
			fmt.Sprintf("another Postern, with another CA, answers at %s: is --data right, or the CA in AWS_CA_BUNDLE?",
				endpoint), exitNoServer, ""}
	case endpoint != "" && unreachable(err):
		return failure{"NoServer", (&noAnswerError{endpoint}).Error(), exitNoServer, ""}
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Missing):
		return failure{"Usage", fault.Text(err), exitUsage, ""}
	}
	var none *noConnectionError
	if errors.As(err, &none) {
		return failure{"NoServer", none.Error(), exitNoServer, ""}
	}
	return failure{"Failed", fault.Text(err), exitFailed, ""}
}

// answerOf returns the service's message with its code, by which people search.
func answerOf(err apiError) string {
	if err.ErrorMessage() == "" {
		return err.ErrorCode()
	}
	return err.ErrorCode() + ": " + err.ErrorMessage()
}

// flagMistake tells how a flag's value is written, in place of what some parser says.
func flagMistake(err error) string {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err.Error()
	}
	f := value.GetFlag()
	var form errForm
	if errors.As(err, &form) {
		return fmt.Sprintf("--%s %q: %v", f.Name, value.GetValue(), form)
	}
	return fmt.Sprintf("--%s %q: must be of the kind %s", f.Name, value.GetValue(), f.Value.Type())
}

func isFlagError(err error) bool {
	var value *pflag.InvalidValueError
	var needs *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	return errors.As(err, &value) || errors.As(err, &needs) || errors.As(err, &syntax)
}

// otherAuthority reports whether the server's certificate was made by a CA that is not ours.
func otherAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &verification)
}

// unreachable reports whether a request got no answer at all.
func unreachable(err error) bool {
	var request *url.Error
	var network *net.OpError
	var name *net.DNSError
	var silent *noAnswerError
	return errors.As(err, &request) || errors.As(err, &network) || errors.As(err, &name) || errors.As(err, &silent)
}

// tell prints a failure and returns the exit code.
func (a *app) tell(cmd *cobra.Command, err error) int {
	var code ended
	if errors.As(err, &code) {
		return int(code)
	}
	f := describe(err, a.endpoint)
	var missing *pflag.NotExistError
	if errors.As(err, &missing) && cmd != nil {
		if near := nearest(missing.GetSpecifiedName(), flagNames(cmd)); near != "" {
			f.Message += fmt.Sprintf("; did you mean --%s?", near)
		}
	}
	if cmd != nil && cmd.Annotations[likeSSH] != "" && f.Exit != exitInterrupted {
		f.Exit = exitOurs
	}
	if a.wantsJSON() {
		_ = json.NewEncoder(a.options.Stderr).Encode(map[string]failure{"error": f}) // there is nobody else to tell
		return f.Exit
	}
	fmt.Fprintf(a.options.Stderr, "postern: %s\n", f.Message)
	switch {
	case f.usage != "":
		fmt.Fprintf(a.options.Stderr, "usage: %s\n", f.usage)
	case f.Code == "Usage" && cmd != nil:
		fmt.Fprintf(a.options.Stderr, "see %s --help\n", cmd.CommandPath())
	}
	return f.Exit
}

// likeSSH is the annotation of commands whose exit code is somebody else's: their own failures have one of their own.
const likeSSH = "exit code of what was run"

// wantsJSON reports whether a program reads the answer. A mistake in the flags may stand before --output was read.
func (a *app) wantsJSON() bool {
	if a.json() {
		return true
	}
	for i, arg := range a.options.Args {
		if arg == "--" {
			break
		}
		if arg == "--output=json" || arg == "--output" && i+1 < len(a.options.Args) && a.options.Args[i+1] == "json" {
			return true
		}
	}
	return false
}

// takes checks how many arguments a command has, and shows how it is written.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least && least == most:
			return &usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), counted(least)), cmd.UseLine()}
		case len(args) < least:
			return &usageError{fmt.Errorf("%s needs at least %s", cmd.CommandPath(), counted(least)), cmd.UseLine()}
		case most >= 0 && len(args) > most:
			return &usageError{fmt.Errorf("%s does not take %q", cmd.CommandPath(), args[most]), cmd.UseLine()}
		}
		return nil
	}
}

func counted(n int) string {
	if n == 1 {
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// subcommands refuses a word that is none of a command's own commands.
func subcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	why := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		why += "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return &usageError{err: errors.New(why)}
}

// group makes a command that only holds others: without one it shows what there is, and fails unless it is the root.
func group(cmd *cobra.Command) {
	cmd.Args = subcommands
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.HasParent() {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return &usageError{err: fmt.Errorf("%s what? %s", cmd.CommandPath(), strings.Join(names, ", "))}
	}
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// nearest returns the candidate that a misspelt word most likely means, or empty.
func nearest(word string, candidates []string) string {
	best, least := "", 3
	for _, c := range candidates {
		d := distance(word, c)
		if strings.HasPrefix(c, word) && len(word) > 2 {
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to be changed, added, taken away or swapped with their neighbour (the optimal string
// alignment distance).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
