package tunnel

import (
	"io"
	"log/slog"
)

// AttachOptions say what Attach runs.
type AttachOptions struct {
	// Command is the program, looked up in PATH, and its arguments.
	Command []string
	// Env is its environment; nil is this process's. Variables that name a bundle of certificates are added.
	Env []string
	// Stdin, Stdout and Stderr are its own; files are handed over as they are.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Log            *slog.Logger
	// Layer is the directory that takes what the command writes, and has it see its own processes only: the rest of this
	// machine stays as it is. Empty shares this machine's files and processes with the command.
	Layer string

	// userNamespace makes a user namespace even for root; tests set it.
	userNamespace bool
}

// attachment holds what the process in the new namespaces is told.
type attachment struct {
	Config  Config
	Command []string
	Layer   string
	Env     []string `json:"-"`
}

// arg0 tells this program that it is to become an attached command.
const arg0 = "postern-attached"

// Variables by which programs find certificates that are not the system's: Go and OpenSSL, the AWS CLI and SDKs,
// Python's requests, curl, Node.js.
var caVariables = []string{"SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
	"NODE_EXTRA_CA_CERTS"}
