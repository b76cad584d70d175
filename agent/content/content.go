package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"postern/agent/s3"
)

// Fetcher brings the content of one command.
type Fetcher struct {
	Objects *s3.Client
	// HTTP makes the requests for sources of type HTTP.
	HTTP *http.Client
	// Document returns the text of a document of Systems Manager; an empty version is the default one.
	Document func(ctx context.Context, name, version string) (string, error)
	// Dir is where destinations begin that are not absolute.
	Dir string
}

// Download does what a step of aws:downloadContent asks for, and returns where the content is.
func (f *Fetcher) Download(ctx context.Context, inputs map[string]any) (string, error) {
	var source struct {
		Path, URL, Name, AuthMethod, Username, Password string
		AllowInsecureDownload                           bool
	}
	info, err := text(inputs["sourceInfo"])
	if err != nil {
		return "", fmt.Errorf("sourceInfo: %w", err)
	}
	if err := json.Unmarshal([]byte(info), &source); err != nil {
		return "", fmt.Errorf("sourceInfo is not a JSON object of texts: %w", err)
	}
	at, _ := inputs["destinationPath"].(string)
	to := f.destination(at)
	switch kind, _ := inputs["sourceType"].(string); kind {
	case "S3":
		err = f.objects(ctx, strings.TrimSpace(source.Path), to)
	case "HTTP":
		p := page{
			url: strings.TrimSpace(source.URL), method: source.AuthMethod, user: source.Username, password: source.Password,
			insecure: source.AllowInsecureDownload,
		}
		err = f.page(ctx, p, to)
	case "SSMDocument":
		err = f.document(ctx, strings.TrimSpace(source.Name), to)
	case "GitHub", "Git":
		err = fmt.Errorf("sourceType %s is not implemented by this agent; it has S3, HTTP and SSMDocument", kind)
	default:
		err = fmt.Errorf("sourceType %q is not one of S3, HTTP, SSMDocument, GitHub and Git", kind)
	}
	return to, err
}

// text returns an input that is a JSON text, or a tree of what one says.
func text(input any) (string, error) {
	switch t := input.(type) {
	case nil:
		return "", errors.New("it is missing")
	case string:
		return t, nil
	}
	b, err := json.Marshal(input)
	return string(b), err
}

// destination returns the absolute path that a destinationPath means; it keeps a "/" at the end.
func (f *Fetcher) destination(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return f.Dir + "/" + path
}

// file returns the file that one piece of content becomes: in a destination that is a directory, or is to be one, it
// has the name given, and else the destination's.
func file(destination, name string) string {
	if info, err := os.Stat(destination); strings.HasSuffix(destination, "/") || err == nil && info.IsDir() {
		return filepath.Join(destination, name)
	}
	return destination
}

// save has a file written as a whole or not at all. Only this user may read and execute it, as with Amazon's agent.
func save(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, ".download-")
	if err != nil {
		return err
	}
	err = write(part)
	err = errors.Join(err, part.Chmod(0o700), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name()) // the error says what there is to know
	}
	return err
}

// document saves a document of Systems Manager, "NAME" or "NAME:VERSION", also by its ARN.
func (f *Fetcher) document(ctx context.Context, name, to string) error {
	if name == "" {
		return errors.New("sourceInfo has no name of a document")
	}
	text, err := f.Named(ctx, name)
	if err != nil {
		return err
	}
	bare, _ := SplitName(name)
	path := file(to, bare[strings.LastIndex(bare, "/")+1:]+".json")
	return save(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// Named returns the text of a document that is named as in SplitName.
func (f *Fetcher) Named(ctx context.Context, name string) (string, error) {
	bare, version := SplitName(name)
	return f.Document(ctx, bare, version)
}

// SplitName takes "NAME:VERSION" apart, where NAME may be an ARN.
func SplitName(name string) (bare, version string) {
	slash := strings.LastIndex(name, "/") + 1
	if strings.HasPrefix(name, "arn:") && slash == 0 {
		return name, ""
	}
	last, version, _ := strings.Cut(name[slash:], ":")
	return name[:slash] + last, version
}
