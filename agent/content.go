package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"postern/agent/content"
	"postern/agent/execute"
	"postern/ssm/mgs"
)

// downloadDir is the directory of downloads, below the agent's own. A command's are removed when it is forgotten.
const downloadDir = "downloads"

// downloads is where the downloads of a command are that have no place of their own; empty where the agent has no
// directory.
func (a *Agent) downloads(command string) string {
	if a.Dir == "" {
		return ""
	}
	return filepath.Join(a.Dir, downloadDir, command)
}

func (a *Agent) fetcher(dir string) *content.Fetcher {
	return &content.Fetcher{Objects: a.objects(), HTTP: a.HTTP, Document: a.getDocument, Dir: dir}
}

// downloadContent does the work of aws:downloadContent.
func (a *Agent) downloadContent(ctx context.Context, _ *execute.Job, o execute.On, in map[string]any) execute.Outcome {
	if o.Downloads == "" {
		return execute.Failure(errors.New("the agent has no directory for downloads"))
	}
	to, err := a.fetcher(o.Downloads).Download(ctx, in)
	if err != nil {
		return execute.Failure(err)
	}
	return execute.Outcome{Status: mgs.Success, Stdout: "Content downloaded to " + to + "\n"}
}

// runDocument does the work of aws:runDocument.
func (a *Agent) runDocument(ctx context.Context, j *execute.Job, o execute.On, in map[string]any) execute.Outcome {
	path, _ := in["documentPath"].(string)
	if path == "" {
		return execute.Failure(errors.New("documentPath is missing"))
	}
	var text string
	var err error
	switch kind, _ := in["documentType"].(string); kind {
	case "SSMDocument":
		text, err = a.fetcher(o.Downloads).Named(ctx, path)
	case "LocalPath":
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.Downloads, path)
		}
		var b []byte
		b, err = os.ReadFile(path)
		text = string(b)
	default:
		err = fmt.Errorf("documentType %q is neither SSMDocument nor LocalPath", kind)
	}
	if err != nil {
		return execute.Failure(err)
	}
	return j.RunDocument(ctx, o, text, in["documentParameters"])
}

// getDocument reads a document with the node's own permissions.
func (a *Agent) getDocument(ctx context.Context, name, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return "", err
	}
	in := struct {
		Name            string
		DocumentVersion string `json:",omitempty"`
	}{name, version}
	var out struct{ Content string }
	err = a.call(ctx, targetSSM+"GetDocument", a.signWith(c, "ssm"), in, &out)
	return out.Content, err
}
