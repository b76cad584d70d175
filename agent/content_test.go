package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/ssm/document"
	"postern/ssm/mgs"
)

// download is a step of aws:downloadContent.
func download(kind, info, to string) string {
	return fmt.Sprintf(`{"action":"aws:downloadContent","name":"get","inputs":{"sourceType":%q,"sourceInfo":%s,`+
		`"destinationPath":%q}}`, kind, info, to)
}

func documentOf(steps ...string) string {
	return `{"schemaVersion":"2.2","mainSteps":[` + strings.Join(steps, ",") + `]}`
}

func script(line string) string {
	return fmt.Sprintf(`{"action":"aws:runShellScript","name":"run","inputs":{"runCommand":[%q]}}`, line)
}

// content makes a service with objects and documents in it, and an agent that it has reached.
func contentService(t *testing.T) (*service, *channel) {
	s := newService(t)
	s.objects = map[string]string{
		"eu-west-1/far/dir/a.sh": "echo a $1", "eu-west-1/far/dir/sub/b": "b", "eu-west-1/far/dir/": "",
		"us-east-1/near/a b+c": "spaced", "us-east-1/near/evil/../../x": "x",
	}
	s.documents = map[string]string{
		"Hello:": `{"schemaVersion":"2.2","parameters":{"who":{"type":"String"}},"mainSteps":[` +
			script("echo hi {{ who }}") + `,{"action":"aws:runShellScript","name":"two","inputs":{"runCommand":["exit 4"]}}]}`,
		"Again:2": documentOf(`{"action":"aws:runDocument","name":"d","inputs":{"documentType":"SSMDocument",` +
			`"documentPath":"Again:2"}}`),
	}
	run(t, s.agent())
	return s, s.channel()
}

func TestDownloadContent(t *testing.T) {
	s, c := contentService(t)
	dir := t.TempDir()
	far := `{"path":"https://far.s3.eu-west-1.amazonaws.com/dir"}`
	web := func(more string) string { return fmt.Sprintf(`{"url":%q%s}`, s.url+"/page", more) }
	for n, tt := range []struct{ kind, info, to, run, says, fails string }{
		{"S3", far, "", "ls -R .; sh a.sh b", ".:\na.sh\nsub\n\n./sub:\nb\na b\n", ""},
		{"S3", `{"path":"https://s3.us-east-1.amazonaws.com/near/a+b%2Bc"}`, "", "cat 'a b+c'", "spaced", ""},
		{"S3", `{"path":"https://near.s3.amazonaws.com/a%20b%2Bc"}`, dir + "/new", "cat " + dir + "/new", "spaced", ""},
		{
			"S3", `"{\"path\":\"https://s3-us-east-1.amazonaws.com/near/a+b%2Bc\"}"`, dir, "cat '" + dir + "/a b+c'",
			"spaced", "",
		},
		{"S3", `{"path":"https://near.s3.amazonaws.com/evil"}`, "", "", "", "a file outside of"},
		{"S3", `{"path":"https://near.s3.amazonaws.com/none"}`, "", "", "", "HTTP 404 NoSuchKey"},
		{"S3", `{"path":"https://closed.s3.amazonaws.com/x"}`, "", "", "", "GET s3://closed/x: HTTP 403 AccessDenied"},
		{"S3", `{"path":"https://example.com/near/x"}`, "", "", "", "is not https://s3.REGION"},
		{"S3", `{}`, "", "", "", "sourceInfo has no path"},
		{"HTTP", web(`,"authMethod":"Basic","username":"u","password":"p"`), "page.txt", "cat page.txt", "u:p", ""},
		{"HTTP", web(""), "", "cat download*", ":", ""},
		{"HTTP", `{"url":"http://127.0.0.1:1/"}`, "", "", "", "allowInsecureDownload"},
		{"HTTP", web(`,"authMethod":"Digest"`), "", "", "", "Digest is not implemented"},
		{"SSMDocument", `{"name":"arn:aws:ssm:us-east-1:000000000000:document/Again:2"}`, "x/", "ls x", "Again.json\n", ""},
		{"GitHub", `{"owner":"o"}`, "", "", "", "sourceType GitHub is not implemented"},
		{"Bzr", `{}`, "", "", "", `sourceType "Bzr" is not one of`},
	} {
		command := fmt.Sprintf("c%d", n)
		steps := []string{download(tt.kind, tt.info, tt.to)}
		if tt.run != "" {
			steps = append(steps, script(tt.run))
		}
		c.job(command, documentOf(steps...), nil)
		status, got, _ := c.outcome(command)
		switch {
		case tt.fails != "" && (status != mgs.Failed || !strings.Contains(got["get"].StandardError, tt.fails)):
			t.Errorf("%s %s: %s %q, want %q", tt.kind, tt.info, status, got["get"].StandardError, tt.fails)
		case tt.fails == "" && (status != mgs.Success || got["run"].StandardOutput != tt.says):
			t.Errorf("%s %s: %s %+v %+v, want %q", tt.kind, tt.info, status, got["get"], got["run"], tt.says)
		}
	}
	if left, err := filepath.Glob(dir + "/.download-*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if info, err := os.Stat(dir + "/new"); err != nil || info.Mode() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestRunDocument(t *testing.T) {
	_, c := contentService(t)
	for n, tt := range []struct{ inputs, stdout, stderr string }{
		{
			`"documentType":"SSMDocument","documentPath":"Hello","documentParameters":{"who":"you"}`, "hi you\n",
			"failed to run commands: exit status 4",
		},
		{`"documentType":"SSMDocument","documentPath":"Hello"`, "", "parameter who must be given"},
		{`"documentType":"SSMDocument","documentPath":"Again:2"`, "", "more than 3 deep"},
		{`"documentType":"SSMDocument","documentPath":"None"`, "", "InvalidDocument"},
		{`"documentType":"LocalPath","documentPath":"/none"`, "", "no such file"},
		{`"documentType":"Remote","documentPath":"x"`, "", "neither SSMDocument nor LocalPath"},
	} {
		command := fmt.Sprintf("c%d", n)
		c.job(command, documentOf(`{"action":"aws:runDocument","name":"d","inputs":{`+tt.inputs+`}}`), nil)
		status, got, _ := c.outcome(command)
		d := got["d"]
		if status != mgs.Failed || d.StandardOutput != tt.stdout || !strings.Contains(d.StandardError, tt.stderr) ||
			d.Code == 0 {
			t.Errorf("%s: %s %+v", tt.inputs, status, d)
		}
	}
}

// TestOwnedDocumentsWithContent runs the documents that carry Amazon's names.
func TestOwnedDocumentsWithContent(t *testing.T) {
	_, c := contentService(t)
	for n, tt := range []struct {
		name, step, says string
		parameters       map[string]any
		status           mgs.Status
	}{
		{"AWS-RunRemoteScript", "runShellScript", "a b c\n", map[string]any{
			"sourceType": "S3", "sourceInfo": map[string]any{"path": "https://far.s3.eu-west-1.amazonaws.com/dir/"},
			"commandLine": "sh a.sh 'b c'",
		}, mgs.Success},
		{"AWS-RunDocument", "runDocument", "hi all\n", map[string]any{
			"sourceType": "SSMDocument", "sourceInfo": map[string]any{"name": "Hello"},
			"documentParameters": map[string]any{"who": "all"},
		}, mgs.Failed},
	} {
		owned, ok := document.FindOwned(tt.name)
		if !ok {
			t.Fatal(tt.name)
		}
		command := fmt.Sprintf("c%d", n)
		c.job(command, owned.Text, tt.parameters)
		status, got, _ := c.outcome(command)
		if status != tt.status || got[tt.step].StandardOutput != tt.says {
			t.Errorf("%s: %s %+v, %+v", tt.name, status, got[tt.step], got["downloadContent"])
		}
	}
}

// getDocument answers from the service's documents.
func (s *service) getDocument(w http.ResponseWriter, c call) {
	name, version := fmt.Sprint(c.body["Name"]), ""
	if v, ok := c.body["DocumentVersion"].(string); ok {
		version = v
	}
	text, ok := s.documents[name[strings.LastIndex(name, "/")+1:]+":"+version]
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"__type":"InvalidDocument","message":"none"}`)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"Content": text})
}

func servePage(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	fmt.Fprintf(w, "%s:%s", user, password)
}
