package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // of the older version
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// form is a form on its way into a bucket.
type form struct {
	fields     [][2]string
	conditions []any
	expires    time.Duration // 0 is an hour
	name, file string
	bucket     string // empty is "bucket"
	origin     string
	// spoil changes what is sent.
	spoil func(body string) string
}

// with returns the form with more fields, each with its condition.
func (f form) with(pairs ...string) form {
	f.fields, f.conditions = append([][2]string{}, f.fields...), append([]any{}, f.conditions...)
	for i := 0; i < len(pairs); i += 2 {
		f.fields = append(f.fields, [2]string{pairs[i], pairs[i+1]})
		f.conditions = append(f.conditions, map[string]string{pairs[i]: pairs[i+1]})
	}
	return f
}

func sum(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return string(mac.Sum(nil))
}

// sign adds policy and signature, as the S3 API Reference says.
func (f form) sign(access, secret string) form {
	now := time.Now().UTC()
	day := now.Format("20060102")
	f = f.with("x-amz-algorithm", "AWS4-HMAC-SHA256", "x-amz-credential", access+"/"+day+"/us-east-1/s3/aws4_request",
		"x-amz-date", now.Format("20060102T150405Z"))
	if f.expires == 0 {
		f.expires = time.Hour
	}
	text, _ := json.Marshal(map[string]any{
		"expiration": now.Add(f.expires).Format("2006-01-02T15:04:05.000Z"), "conditions": f.conditions,
	})
	policy := base64.StdEncoding.EncodeToString(text)
	key := sum(sum(sum(sum("AWS4"+secret, day), "us-east-1"), "s3"), "aws4_request")
	f.fields = append(f.fields, [2]string{"policy", policy},
		[2]string{"x-amz-signature", hex.EncodeToString([]byte(sum(key, policy)))})
	return f
}

// body writes the form as browsers do.
func (f form) body() (text, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range f.fields {
		_ = w.WriteField(field[0], field[1])
	}
	if f.name != "" {
		part, _ := w.CreateFormFile("file", f.name)
		_, _ = io.WriteString(part, f.file)
	}
	w.Close()
	text = b.String()
	if f.spoil != nil {
		text = f.spoil(text)
	}
	return text, w.FormDataContentType()
}

// post sends a form.
func (r *rig) post(t *testing.T, f form) (*http.Response, string) {
	t.Helper()
	bucket := f.bucket
	if bucket == "" {
		bucket = "bucket"
	}
	body, kind := f.body()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *r.Root().BaseEndpoint+"/"+bucket,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "s3.us-east-1.amazonaws.com"
	q.Header.Set("Content-Type", kind)
	q.Header.Set("X-Amz-Meta-Header", "of nobody")
	if f.origin != "" {
		q.Header.Set("Origin", f.origin)
	}
	c := *r.Root().HTTPClient.(*http.Client)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// keyOf is the key that a client signs with.
func keyOf(t *testing.T, c *s3.Client) (access, secret string) {
	t.Helper()
	k, err := c.Options().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.AccessKeyID, k.SecretAccessKey
}

// upload is a form that is in order but for its signature.
var upload = form{
	fields: [][2]string{{"key", "up/${filename}"}}, name: `C:\dir\a b.txt`, file: "data",
	conditions: []any{map[string]string{"bucket": "bucket"}, []any{"starts-with", "$key", "up/"}},
}

// TestForms: a form uploads its file, with what its fields say of it, and is answered as it wants to be.
func TestForms(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	access, secret := keyOf(t, c)
	ignored := upload
	ignored.fields = append([][2]string{{"x-ignore-me", "1"}}, upload.fields...)
	for name, row := range map[string]struct {
		form   form
		status int
		text   string
	}{
		"plain":          {upload, http.StatusNoContent, ""},
		"200":            {upload.with("success_action_status", "200"), http.StatusOK, ""},
		"201":            {upload.with("success_action_status", "201"), http.StatusCreated, "<Key>up/a b.txt</Key>"},
		"another status": {upload.with("success_action_status", "404"), http.StatusNoContent, ""},
		"no URL":         {upload.with("success_action_redirect", "nowhere"), http.StatusNoContent, ""},
		"ignored":        {ignored, http.StatusNoContent, ""},
	} {
		answer, text := r.post(t, row.form.sign(access, secret))
		if answer.StatusCode != row.status || !strings.Contains(text, row.text) || row.text == "" && text != "" ||
			answer.Header.Get("Etag") == "" || !strings.HasSuffix(answer.Header.Get("Location"), "/up/a%20b.txt") {
			t.Errorf("%s: %d %v %s", name, answer.StatusCode, answer.Header, text)
		}
	}
}

// TestWhatFormsSayOfObjects: fields are what headers of other requests are.
func TestWhatFormsSayOfObjects(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	access, secret := keyOf(t, c)
	full := upload.with("Content-Type", "text/x", "x-amz-meta-owner", "ann", "acl", "private",
		"success_action_redirect", "https://app.example/done?a=b", "tagging",
		"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
		"x-amz-checksum-sha256", "OmFRLzGNpGQIBhvVTjWd5H/Kwo6k9TqiA8VJpD0fIQo=")
	full.file = "data"
	answer, text := r.post(t, full.sign(access, secret))
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, "BadDigest") {
		t.Errorf("a wrong checksum: %d %s", answer.StatusCode, text)
	}
	digest := sha256.Sum256([]byte("data"))
	full.fields, full.conditions = full.fields[:len(full.fields)-1], full.conditions[:len(full.conditions)-1]
	full = full.with("x-amz-checksum-sha256", base64.StdEncoding.EncodeToString(digest[:]))
	answer, text = r.post(t, full.sign(access, secret))
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther ||
		!strings.HasPrefix(to, "https://app.example/done?a=b&bucket=bucket&etag=%22") ||
		!strings.HasSuffix(to, "%22&key=up%2Fa+b.txt") {
		t.Errorf("%d %s %s", answer.StatusCode, to, text)
	}
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("up/a b.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := io.ReadAll(got.Body); string(data) != "data" || *got.ContentType != "text/x" ||
		got.Metadata["owner"] != "ann" || got.Metadata["header"] != "" || aws.ToInt32(got.TagCount) != 1 {
		t.Errorf("%q, %+v", data, got)
	}
}

// TestPresignedForms: forms of the SDK, and of the older version of signatures.
func TestPresignedForms(t *testing.T) {
	r := keptRig(t)
	c := r.root(t, "bucket")
	access, secret := keyOf(t, c)
	big := strings.Repeat("0123456789abcdef", 1<<19)
	p, err := s3.NewPresignClient(c).PresignPostObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("big"),
	}, func(o *s3.PresignPostOptions) {
		o.Conditions = []any{[]any{"content-length-range", 1, 8 << 20}}
	})
	if err != nil {
		t.Fatal(err)
	}
	f := form{name: "x", file: big}
	for name, value := range p.Values {
		f.fields = append(f.fields, [2]string{name, value})
	}
	if answer, text := r.post(t, f); answer.StatusCode != http.StatusNoContent {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	if got, err := get(c, "bucket", "big"); err != nil || got != big {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	policy := base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2099-01-01T00:00:00Z","conditions":[` +
		`{"bucket":"bucket"},{"key":"old"}]}`))
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(policy))
	older := form{name: "x", file: "old", fields: [][2]string{
		{"key", "old"}, {"AWSAccessKeyId", access}, {"policy", policy},
		{"signature", base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}}
	if answer, text := r.post(t, older); answer.StatusCode != http.StatusNoContent {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	older.fields[3][1] = "AAAA"
	if answer, text := r.post(t, older); !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
}

// refusal is a form and what it is refused for.
type refusal struct {
	form form
	want string
}

// changed is upload with changes that are made behind its signer's back.
func changed(access, secret string, change func(f *form)) form {
	f := upload.sign(access, secret)
	change(&f)
	return f
}

// unlikePolicies are forms that are not as their policies say.
func unlikePolicies(access, secret string) map[string]refusal {
	ranged := func(least, most any) form {
		f := upload
		f.conditions = append([]any{[]any{"content-length-range", least, most}}, f.conditions...)
		return f.sign(access, secret)
	}
	expired, unconditional := upload, upload
	expired.expires = -time.Minute
	unconditional.conditions = []any{map[string]string{"bucket": "bucket"}}
	moved := changed(access, secret, func(f *form) { f.fields[0][1] = "down/x" })
	elsewhere := changed(access, secret, func(f *form) { f.bucket = "other" })
	more := changed(access, secret, func(f *form) { f.fields = append(f.fields, [2]string{"x-amz-meta-a", "b"}) })
	return map[string]refusal{
		"another signature":   {upload.sign(access, secret+"x"), "SignatureDoesNotMatch"},
		"no such key":         {upload.sign("AKIANOBODY0000000000", secret), "InvalidAccessKeyId"},
		"expired":             {expired.sign(access, secret), "Invalid according to Policy: Policy expired."},
		"another key":         {moved, `Policy Condition failed: ["starts-with", "$key", "up/"]`},
		"another bucket":      {elsewhere, `Policy Condition failed: ["eq", "$bucket", "bucket"]`},
		"one field more":      {more, "Extra input fields: x-amz-meta-a"},
		"no condition of key": {unconditional.sign(access, secret), "Extra input fields: key"},
		"too large":           {ranged(1, 3), "EntityTooLarge"},
		"too small":           {ranged("5", "6"), "EntityTooSmall"},
		"no range":            {ranged(6, 5), "InvalidPolicyDocument"},
		"no policy": {changed(access, secret, func(f *form) { f.fields[len(f.fields)-2][1] = "AAAA" }),
			"SignatureDoesNotMatch"},
		"another region": {changed(access, secret, func(f *form) {
			f.fields[2][1] = strings.Replace(f.fields[2][1], "us-east-1", "eu-west-1", 1)
		}), "InvalidArgument"},
	}
}

// malformedForms are forms that cannot be taken whatever their policies say.
func malformedForms(access, secret string) map[string]refusal {
	spoilt := func(spoil func(body string) string) form {
		return changed(access, secret, func(f *form) { f.spoil = spoil })
	}
	long := upload.with("x-amz-meta-a", strings.Repeat("a", 20<<10))
	return map[string]refusal{
		"key twice": {upload.with("key", "up/b").sign(access, secret), "InvalidArgument"},
		"no key": {changed(access, secret, func(f *form) { f.fields = f.fields[1:] }),
			"Bucket POST must contain a field named 'key'"},
		"no signature": {changed(access, secret, func(f *form) { f.fields = f.fields[:len(f.fields)-1] }),
			"'x-amz-signature'"},
		"no file": {changed(access, secret, func(f *form) { f.name = "" }), "IncorrectNumberOfFilesInPostRequest"},
		"broken off": {spoilt(func(body string) string { return body[:strings.LastIndex(body, "data")+2] }),
			"IncompleteBody"},
		"no form":    {spoilt(func(string) string { return "key=k" }), "POST"},
		"long field": {long.sign(access, secret), "MaxPostPreDataLengthExceeded"},
		"a customer's key": {upload.with("x-amz-server-side-encryption-customer-algorithm", "AES256").sign(access, secret),
			"NotImplemented"},
		"a class": {upload.with("x-amz-storage-class", "GLACIER").sign(access, secret), "NotImplemented"},
		"tags":    {upload.with("tagging", "<Tagging>").sign(access, secret), "MalformedXML"},
		"without a name": {spoilt(func(body string) string { return strings.Replace(body, `name="key"`, `no="key"`, 1) }),
			"MalformedPOSTRequest"},
	}
}

// TestFormsAreRefused for what is in them, and nothing of them is an object.
func TestFormsAreRefused(t *testing.T) {
	r := newRig(t)
	access, secret := keyOf(t, r.root(t, "bucket"))
	all := unlikePolicies(access, secret)
	maps.Copy(all, malformedForms(access, secret))
	for name, row := range all {
		answer, text := r.post(t, row.form)
		if answer.StatusCode < 400 || !strings.Contains(html.UnescapeString(text), row.want) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, text)
		}
	}
	if len(r.upstream.objects) != 0 {
		t.Errorf("%d objects", len(r.upstream.objects))
	}
}

// TestFormsAreJudged as their signer, or as nobody.
func TestFormsAreJudged(t *testing.T) {
	r := newRig(t)
	root := r.root(t, "bucket", "open")
	ctx := t.Context()
	writer := r.user(t, "writer", allow(`"s3:PutObject"`,
		`{"StringEquals":{"s3:authType":"POST","s3:RequestObjectTag/k":"v"},"StringLike":{"s3:x-amz-acl":"priv*"}}`,
		`{"Effect":"Allow","Action":"s3:PutObjectTagging","Resource":"*"}`))
	tagging := "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
	other := strings.Replace(tagging, ">v<", ">w<", 1)
	told := upload.with("tagging", tagging, "acl", "private")
	for name, row := range map[string]struct {
		form   form
		status int
	}{
		"what it may":     {told, http.StatusNoContent},
		"without tags":    {upload.with("acl", "private"), http.StatusForbidden},
		"with other tags": {upload.with("acl", "private", "tagging", other), http.StatusForbidden},
	} {
		if answer, text := r.post(t, row.form.sign(keyOf(t, writer))); answer.StatusCode != row.status {
			t.Errorf("%s: %d %s", name, answer.StatusCode, text)
		}
	}
	if err := put(writer, "bucket", "up/k", "x"); code(err) != "AccessDenied" {
		t.Errorf("what is no form: %v", err)
	}
	stranger := r.user(t, "stranger", "")
	if answer, text := r.post(t, upload.sign(keyOf(t, stranger))); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger: %d %s", answer.StatusCode, text)
	}
	_, err := root.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("open")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = root.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("open"), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject",
		"Resource":"arn:aws:s3:::open/up/*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]int{"open": http.StatusNoContent, "bucket": http.StatusForbidden} {
		f := upload
		f.bucket = bucket
		if answer, text := r.post(t, f); answer.StatusCode != want {
			t.Errorf("nobody's form into %s: %d %s", bucket, answer.StatusCode, text)
		}
	}
}
