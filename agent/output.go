package agent

import (
	"context"
	"io"
	"path"
	"strings"

	"postern/agent/execute"
	"postern/agent/s3"
)

// objects returns a client of S3 that signs as the node.
func (a *Agent) objects() *s3.Client {
	return &s3.Client{
		HTTP:        a.HTTP,
		Endpoint:    func(region string) string { return a.Endpoint("s3", region) },
		Region:      a.Identity.Region(),
		Credentials: a.Identity.Credentials,
		Now:         a.Now,
		UserAgent:   "postern-agent/" + a.Version,
	}
}

// upload returns what puts a command's whole output into the bucket that it names, under the keys that Amazon's agent
// gives it; nil where it names none.
func (a *Agent) upload(b *job) execute.Upload {
	if b.ready.Bucket == "" {
		return nil
	}
	client, bucket := a.objects(), b.ready.Bucket
	above := path.Join(b.ready.Prefix, b.Command, a.Identity.Node())
	return func(ctx context.Context, s execute.Streams) (string, string, error) {
		prefix := above + "/" + strings.ReplaceAll(s.Action, ":", "")
		step := prefix + "/" + strings.ReplaceAll(s.Step, ":", "") + "/"
		for _, each := range []struct {
			name string
			text io.ReadSeeker
		}{{"stdout", s.Stdout}, {"stderr", s.Stderr}} {
			if each.text == nil {
				continue
			}
			if err := client.Put(ctx, bucket, step+each.name, each.text); err != nil {
				a.Log.Warn("output is not in S3", "command", b.Command, "error", err)
				return "", "", err
			}
		}
		return bucket, prefix, nil
	}
}
