package doctor_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/doctor"
)

// post sends a form with a secret header, and returns the answer.
func post(t *testing.T, client interface {
	Do(*http.Request) (*http.Response, error)
}, url, body, target string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIASECRET")
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// TestRecording: what the APIs answered, refusals too, is answered again from the file; no header is in it, and with
// Redact no account's number.
func TestRecording(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/xml")
		if strings.Contains(string(body), "Denied") {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, "owner 123456789012 and 210987654321, id 1234567890123; "+string(body)+
			r.Header.Get("X-Amz-Target"))
	}))
	defer server.Close()
	of := doctor.Selection{VPCs: []string{"vpc-1"}}
	recorder := doctor.NewRecorder(server.Client(), "eu-west-1", of, time.Unix(1_800_000_000, 0).UTC())
	requests := [][2]string{
		{"Action=DescribeVpcs&Version=2016-11-15", ""}, {"Action=Denied", ""}, {`{"a":1}`, "AmazonSSM.One"},
		{`{"a":1}`, "AmazonSSM.Two"}, {"Action=DescribeVpcs&Version=2016-11-15", ""},
	}
	var said []string
	for _, r := range requests {
		_, text, err := post(t, recorder, server.URL, r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, text)
	}
	var file bytes.Buffer
	if _, err := recorder.Recording().WriteTo(&file); err != nil || strings.Contains(file.String(), "AKIASECRET") {
		t.Fatalf("%v: %s", err, &file)
	}
	recording, err := doctor.ReadRecording(bytes.NewReader(file.Bytes()))
	if err != nil || recording.Region != "eu-west-1" || len(recording.Of.VPCs) != 1 || len(recording.Answers) != 4 {
		t.Fatalf("%+v, %v", recording, err)
	}
	asked := calls
	for i, r := range requests {
		status, text, err := post(t, recording, "https://ec2.eu-west-1.amazonaws.com/", r[0], r[1])
		want := http.StatusOK
		if strings.Contains(r[0], "Denied") {
			want = http.StatusForbidden
		}
		if err != nil || text != said[i] || status != want {
			t.Errorf("request %d: %d %q, %v", i, status, text, err)
		}
	}
	if _, _, err := post(t, recording, "https://x/", "Action=DescribeSubnets", ""); err == nil ||
		!strings.Contains(err.Error(), "DescribeSubnets was not asked") {
		t.Errorf("what was not asked: %v", err)
	}
	if calls != asked {
		t.Errorf("%d requests left the file", calls-asked)
	}
	recording.Redact()
	got := recording.Answers[0].Body
	if !strings.HasPrefix(got, "owner 111111111111 and 111111111112, id 1234567890123;") {
		t.Errorf("redacted: %s", got)
	}
}

// TestReadRecordingRefuses what is no file of answers.
func TestReadRecordingRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                              "holds no answers",
		"<html>":                        "holds no answers",
		`{"format":1`:                   "holds no answers",
		`{}`:                            "holds no answers",
		`{"format":1}`:                  "holds no answers",
		`{"format":2,"region":"r"}`:     "a newer version",
		`{"format":-1,"region":"r"}`:    "holds no answers",
		`{"format":"1","region":"r"}`:   "holds no answers",
		`{"format":1,"answers":"none"}`: "holds no answers",
	} {
		if _, err := doctor.ReadRecording(strings.NewReader(text)); !fault.Is(err, fault.Invalid) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzReadRecording: whatever is in a file, it is read or refused.
func FuzzReadRecording(f *testing.F) {
	f.Add(`{"format":1,"region":"us-east-1","answers":[{"operation":"A","request":"Action=A","status":200,"body":"x"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := doctor.ReadRecording(strings.NewReader(text))
		if err != nil {
			return
		}
		r.Redact()
		var again bytes.Buffer
		if _, err := r.WriteTo(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := doctor.ReadRecording(&again); err != nil {
			t.Errorf("written and read again: %v", err)
		}
	})
}
