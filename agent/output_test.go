package agent_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/ssm/mgs"
)

// bucketRegions are where the buckets of the service's S3 are.
var bucketRegions = map[string]string{
	"near": "us-east-1", "far": "eu-west-1", "closed": "us-east-1", "bad": "us-east-1",
	"amazon-ssm-us-east-1": "us-east-1",
}

// serveObjects plays S3: a bucket is in one region only, "closed" refuses and "bad" keeps something else.
func (s *service) serveObjects(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	if _, err := s.verify(r, body); err != nil {
		s.t.Errorf("%s %s: %v", r.Method, path, err)
	}
	region, rest, _ := strings.Cut(path, "/")
	bucket, key, _ := strings.Cut(rest, "/")
	home := bucketRegions[bucket]
	w.Header().Set("X-Amz-Bucket-Region", home)
	switch {
	case home == "":
		refuseObject(w, http.StatusNotFound, "NoSuchBucket")
	case home != region:
		refuseObject(w, http.StatusMovedPermanently, "PermanentRedirect")
	case bucket == "closed":
		refuseObject(w, http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodPut:
		sum := md5.Sum(body)
		if r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) ||
			r.Header.Get("X-Amz-Acl") != "bucket-owner-full-control" {
			s.t.Errorf("headers %v", r.Header)
		}
		if bucket == "bad" {
			sum[0]++
		}
		s.mu.Lock()
		s.objects[path] = string(body)
		s.mu.Unlock()
		w.Header().Set("Etag", fmt.Sprintf(`"%x"`, sum))
	case r.Method == http.MethodGet && key == "":
		s.listObjects(w, path+"/", r.URL.Query().Get("prefix"))
	case r.Method == http.MethodGet:
		s.mu.Lock()
		content, ok := s.objects[path]
		s.mu.Unlock()
		if !ok {
			refuseObject(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("Etag", fmt.Sprintf(`"%x"`, md5.Sum([]byte(content))))
		io.WriteString(w, content)
	}
}

func refuseObject(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (s *service) listObjects(w http.ResponseWriter, bucket, prefix string) {
	type object struct{ Key string }
	var list struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if key, ok := strings.CutPrefix(name, bucket); ok && strings.HasPrefix(key, prefix) {
			list.Contents = append(list.Contents, object{key})
		}
	}
	xml.NewEncoder(w).Encode(list)
}

// into is a document's content whose output goes into a bucket.
func into(t *testing.T, command, document, bucket, prefix string) mgs.Job {
	t.Helper()
	job := jobFor(t, command, document, nil)
	var c mgs.CommandContent
	if err := json.Unmarshal([]byte(job.Content), &c); err != nil {
		t.Fatal(err)
	}
	c.OutputS3BucketName, c.OutputS3KeyPrefix = bucket, prefix
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	job.Content = string(text)
	return job
}

func TestOutputToS3(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	const node = "/i-0123456789abcdef0/awsrunShellScript/"
	long := shell(`yes 0123456789 | head -c 100000`, `echo oops >&2`, `exit 3`)
	for _, tt := range []struct{ bucket, prefix, says, key string }{
		{"near", "logs/a b+", "", "us-east-1/near/logs/a b+/c0" + node + "run/"},
		{"far", "", "", "eu-west-1/far/c1" + node + "run/"},
		{"closed", "", "PUT s3://closed/c2" + node + "run/stdout: HTTP 403 AccessDenied: no", ""},
		{"bad", "", "the object's ETag is", ""},
		{"none", "", "HEAD s3://none: HTTP 404 NoSuchBucket", ""},
	} {
		command := fmt.Sprintf("c%d", slices.Index([]string{"near", "far", "closed", "bad", "none"}, tt.bucket))
		c.send(mgs.AgentJob, into(t, command, long, tt.bucket, tt.prefix))
		status, steps, _ := c.outcome(command)
		got := steps["run"]
		if status != mgs.Failed || got.Code != 3 || !strings.HasSuffix(got.StandardOutput, mgs.TruncatedMark) {
			t.Errorf("%s: %s, code %d, output ends in %q", tt.bucket, status, got.Code, got.StandardOutput[23900:])
		}
		const own = "oops\nfailed to run commands: exit status 3"
		if tt.says != "" {
			if !strings.HasPrefix(got.StandardError, own+"\nfailed to put the output into S3: ") ||
				!strings.Contains(got.StandardError, tt.says) || got.OutputS3BucketName != "" || got.OutputS3KeyPrefix != "" {
				t.Errorf("%s: error output %q, in %q", tt.bucket, got.StandardError, got.OutputS3BucketName)
			}
			continue
		}
		s.mu.Lock()
		stdout, stderr := s.objects[tt.key+"stdout"], s.objects[tt.key+"stderr"]
		s.mu.Unlock()
		if len(stdout) != 100000 || stderr != own || got.StandardError != own {
			t.Errorf("%s: %d bytes of output, error output %q; the reply has %q", tt.bucket, len(stdout), stderr,
				got.StandardError)
		}
		prefix := strings.TrimSuffix(tt.key[strings.Index(tt.key, tt.bucket)+len(tt.bucket)+1:], "/run/")
		if got.OutputS3BucketName != tt.bucket || got.OutputS3KeyPrefix != prefix {
			t.Errorf("%s: the reply names %s, %s", tt.bucket, got.OutputS3BucketName, got.OutputS3KeyPrefix)
		}
	}
}

// TestEmptyOutputIsNotInS3: a stream that has nothing is no object, and what does not run has no output.
func TestEmptyOutputIsNotInS3(t *testing.T) {
	s := newService(t)
	run(t, s.agent())
	c := s.channel()
	c.send(mgs.AgentJob, into(t, "c1", shell("true"), "near", "p"))
	if status, _, _ := c.outcome("c1"); status != mgs.Success {
		t.Errorf("status %s", status)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.objects) != 0 {
		t.Errorf("objects %v", s.objects)
	}
}
