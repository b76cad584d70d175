package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
)

// recordingFormat is the version of the files that a Recording is kept in.
const recordingFormat = 1

// Recording holds what the APIs answered. It can be asked in their place: the same questions get the same answers. No
// header of a request is in it, so no credentials and no signature; what it holds are descriptions of networks,
// instances and their tags, managed nodes and IAM roles with their policies.
type Recording struct {
	Format int       `json:"format"`
	Region string    `json:"region"`
	At     time.Time `json:"at"`
	// Of says what was asked about.
	Of      Selection `json:"of"`
	Answers []Answer  `json:"answers"`

	asked map[string]*Answer // by their keys
}

// Answer holds what an API answered to one request.
type Answer struct {
	// Operation is the request's, such as "DescribeVpcs", and Request its body.
	Operation string `json:"operation"`
	Request   string `json:"request"`
	Status    int    `json:"status"`
	Type      string `json:"type,omitempty"`
	Body      string `json:"body"`
}

// Recorder is an HTTP client that keeps the answers it gets. It may be used by several goroutines at once.
type Recorder struct {
	client aws.HTTPClient

	mu        sync.Mutex // guards what follows
	recording Recording
	places    map[string]int // of the answers, by their keys
}

// NewRecorder makes a recorder of what a client is answered about nodes of a region.
func NewRecorder(client aws.HTTPClient, region string, of Selection, at time.Time) *Recorder {
	return &Recorder{
		client: client, places: map[string]int{},
		recording: Recording{Format: recordingFormat, Region: region, Of: of, At: at},
	}
}

// Recording returns what was answered so far.
func (r *Recorder) Recording() *Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.recording
	out.Answers = slices.Clone(out.Answers)
	return &out
}

// Do implements aws.HTTPClient.
func (r *Recorder) Do(req *http.Request) (*http.Response, error) {
	body, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	one := Answer{
		Operation: operationOf(req, body), Request: body, Status: res.StatusCode,
		Type: res.Header.Get("Content-Type"), Body: string(answer),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keepLocked(one)
	return res, nil
}

// keepLocked keeps an answer, in the place of an earlier one to the same request.
func (r *Recorder) keepLocked(one Answer) {
	if i, ok := r.places[one.key()]; ok {
		r.recording.Answers[i] = one
		return
	}
	r.places[one.key()] = len(r.recording.Answers)
	r.recording.Answers = append(r.recording.Answers, one)
}

func (a *Answer) key() string { return a.Operation + "\n" + a.Request }

func bodyOf(req *http.Request) (string, error) {
	if req.GetBody == nil {
		return "", errors.New("the request's body cannot be read twice")
	}
	body, err := req.GetBody()
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), err
}

// operationOf returns the operation of a request of the protocols that the doctor's clients speak.
func operationOf(req *http.Request, body string) string {
	if target := req.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return ""
	}
	return form.Get("Action")
}

// ReadRecording reads a recording as WriteTo writes it. It fails with Invalid for what is none, and for one of a newer
// version.
func ReadRecording(from io.Reader) (*Recording, error) {
	r := new(Recording)
	if err := json.NewDecoder(from).Decode(r); err != nil {
		return nil, fault.New(fault.Invalid, "doctor.ReadRecording", "it holds no answers that doctor has saved: %w", err)
	}
	switch {
	case r.Format > recordingFormat:
		return nil, fault.New(fault.Invalid, "doctor.ReadRecording",
			"a newer version of Postern has saved it (format %d, and this one knows %d): use that version",
			r.Format, recordingFormat)
	case r.Format < 1 || r.Region == "":
		return nil, fault.New(fault.Invalid, "doctor.ReadRecording", "it holds no answers that doctor has saved")
	}
	r.asked = make(map[string]*Answer, len(r.Answers))
	for i := range r.Answers {
		r.asked[r.Answers[i].key()] = &r.Answers[i]
	}
	return r, nil
}

// WriteTo implements io.WriterTo.
func (r *Recording) WriteTo(to io.Writer) (int64, error) {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return 0, err
	}
	n, err := to.Write(append(text, '\n'))
	return int64(n), err
}

// Do implements aws.HTTPClient: it answers as the API did.
func (r *Recording) Do(req *http.Request) (*http.Response, error) {
	body, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	operation := operationOf(req, body)
	a, ok := r.asked[operation+"\n"+body]
	if !ok {
		return nil, fmt.Errorf("%s was not asked like this when the file was saved: save one for these nodes", operation)
	}
	return &http.Response{
		Status: http.StatusText(a.Status), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {a.Type}},
		ContentLength: int64(len(a.Body)), Body: io.NopCloser(strings.NewReader(a.Body)), Request: req,
	}, nil
}

// accountNumber is an account's, as it stands in ARNs and members.
var accountNumber = regexp.MustCompile(`\b[0-9]{12}\b`)

// Redact puts other numbers in the place of those of accounts, the same everywhere.
func (r *Recording) Redact() {
	given := map[string]string{}
	replace := func(text string) string {
		return accountNumber.ReplaceAllStringFunc(text, func(number string) string {
			if given[number] == "" {
				given[number] = fmt.Sprintf("%012d", 111111111111+len(given))
			}
			return given[number]
		})
	}
	for i := range r.Answers {
		a := &r.Answers[i]
		a.Request, a.Body = replace(a.Request), replace(a.Body)
	}
}
