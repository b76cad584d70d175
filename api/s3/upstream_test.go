package s3_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // ETags
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// upstream keeps objects in memory, as little of S3 as the tests of translations need. What is kept on disks is tested
// with the real one.
type upstream struct {
	mu      sync.Mutex
	objects map[string]*kept // by path
	buckets map[string]bool
	seen    []*http.Request // without bodies
	trailer http.Header     // of the last one
	parts   []byte
}

type kept struct {
	data   []byte
	header http.Header
	tags   string
}

func newUpstream() *upstream {
	return &upstream{objects: map[string]*kept{}, buckets: map[string]bool{}}
}

// Do implements the upstream of services/s3.
func (u *upstream) Do(r *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, r)
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	u.trailer = r.Trailer
	w := httptest.NewRecorder()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch query := r.URL.Query(); {
	case key == "" && query.Has("delete"):
		u.deleteAll(w, bucket, body)
	case key == "" && query.Has("versions"):
		_, _ = io.WriteString(w, "<ListVersionsResult></ListVersionsResult>")
	case key == "" && r.Method == http.MethodGet:
		u.list(w, bucket, query.Get("prefix"))
	case key == "":
		u.buckets[bucket] = r.Method == http.MethodPut
	default:
		u.object(w, r, body)
	}
	return w.Result(), nil
}

func refuse(w http.ResponseWriter, status int, code, more string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>the upstream's words</Message>"+more+
		"<BucketName>inner</BucketName></Error>")
}

func (u *upstream) object(w http.ResponseWriter, r *http.Request, body []byte) {
	o := u.objects[r.URL.Path]
	query := r.URL.Query()
	switch {
	case query.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><Bucket>inner</Bucket><UploadId>u</UploadId>"+
			"</InitiateMultipartUploadResult>")
	case query.Has("uploadId"):
		u.upload(w, r, body)
	case r.Method == http.MethodDelete && query.Has("tagging"):
		o.tags = ""
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && query.Has("tagging"):
		o.tags = string(body)
	case r.Method == http.MethodPut:
		sum := md5.Sum(body) //nolint:gosec // ETags
		o = &kept{data: body, header: http.Header{"Etag": {`"` + hex.EncodeToString(sum[:]) + `"`}}}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") || name == "Content-Type" {
				o.header[name] = values
			}
		}
		if from := r.Header.Get("X-Amz-Copy-Source"); from != "" {
			plain, _ := url.PathUnescape(from)
			o.data = u.objects["/"+plain].data
			_, _ = io.WriteString(w, "<CopyObjectResult><ETag>copied</ETag></CopyObjectResult>")
		}
		u.objects[r.URL.Path] = o
		w.Header().Set("Etag", o.header.Get("Etag"))
	case r.Method == http.MethodDelete:
		delete(u.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case o == nil:
		refuse(w, http.StatusNotFound, "NoSuchKey", "<Key>k</Key>")
	case query.Has("tagging"):
		_, _ = io.WriteString(w, o.tags)
	default:
		for name, values := range o.header {
			w.Header()[name] = values
		}
		http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), bytes.NewReader(o.data))
	}
}

// upload keeps the parts of the one upload one behind the other.
func (u *upstream) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.Method {
	case http.MethodPut:
		u.parts = append(u.parts, body...)
		w.Header().Set("Etag", `"part"`)
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			_, _ = io.WriteString(w, "<CopyPartResult><ETag>part</ETag></CopyPartResult>")
		}
	case http.MethodPost:
		u.objects[r.URL.Path] = &kept{data: u.parts, header: http.Header{}}
		u.parts = nil
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><Bucket>inner</Bucket><Location>inner</Location>"+
			"<ETag>whole</ETag></CompleteMultipartUploadResult>")
	case http.MethodDelete:
		u.parts = nil
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = io.WriteString(w, "<ListPartsResult><Bucket>inner</Bucket><Owner><ID>inner</ID></Owner></ListPartsResult>")
	}
}

func (u *upstream) list(w http.ResponseWriter, bucket, prefix string) {
	var keys []string
	for path := range u.objects {
		if key, ok := strings.CutPrefix(path, "/"+bucket+"/"); ok && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	_, _ = io.WriteString(w, "<ListBucketResult><Name>inner</Name>")
	for _, key := range keys {
		_, _ = io.WriteString(w, "<Contents><Owner><ID>inner</ID></Owner><Key>")
		_ = xml.EscapeText(w, []byte(key))
		_, _ = io.WriteString(w, "</Key></Contents>")
	}
	_, _ = io.WriteString(w, "</ListBucketResult>")
}

func (u *upstream) deleteAll(w http.ResponseWriter, bucket string, body []byte) {
	var asked struct {
		Object []struct{ Key string }
	}
	if err := xml.Unmarshal(body, &asked); err != nil {
		refuse(w, http.StatusBadRequest, "MalformedXML", "")
		return
	}
	_, _ = io.WriteString(w, "<DeleteResult>")
	for _, o := range asked.Object {
		delete(u.objects, "/"+bucket+"/"+o.Key)
		_, _ = io.WriteString(w, "<Deleted><Key>"+o.Key+"</Key></Deleted>")
	}
	_, _ = io.WriteString(w, "</DeleteResult>")
}
