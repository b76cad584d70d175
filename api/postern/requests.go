package postern

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"postern/api"
	"postern/aws/iam"
)

// The bounds of what is kept of requests.
const (
	MaxRequests = 2048
	maxBytes    = 8 << 20 // of texts in explanations, over all requests
	maxError    = 1024    // bytes of an error's text
)

// Requests keeps the records of the latest requests, in memory and within bounds. It is safe for concurrent use; the
// zero value is ready.
type Requests struct {
	mu      sync.Mutex
	records []kept // a ring once it is full
	next    int    // the oldest, once it is full
	bytes   int
}

type kept struct {
	api.Record
	bytes int
}

// Add keeps a record, in the place of the oldest one where there is no room.
func (r *Requests) Add(rec api.Record) {
	k := kept{Record: compact(rec)}
	for _, j := range k.Judged {
		k.bytes += size(j.Explanation)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.records) < MaxRequests {
		r.records = append(r.records, k)
	} else {
		r.bytes -= r.records[r.next].bytes
		r.records[r.next] = k
		r.next = (r.next + 1) % MaxRequests
	}
	r.bytes += k.bytes
	for i := 0; r.bytes > maxBytes && i < len(r.records)-1; i++ { // the oldest lose their explanations
		r.forgetLocked((r.next + i) % len(r.records))
	}
}

// forgetLocked drops the explanations of one record.
func (r *Requests) forgetLocked(i int) {
	k := &r.records[i]
	if k.bytes == 0 {
		return
	}
	k.Judged = slices.Clone(k.Judged)
	for j := range k.Judged {
		k.Judged[j].Explanation = nil
	}
	r.bytes -= k.bytes
	k.bytes = 0
}

// Find returns the record of a request by its id.
func (r *Requests) Find(id string) (api.Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.records {
		if r.records[i].RequestID == id {
			return r.records[i].Record, true
		}
	}
	return api.Record{}, false
}

// compact keeps nothing of the request in memory but what is told of it.
func compact(rec api.Record) api.Record {
	rec.UserAgent = strings.Clone(rec.UserAgent[:min(len(rec.UserAgent), maxError)])
	rec.AccessKey, rec.Region = strings.Clone(rec.AccessKey), strings.Clone(rec.Region)
	rec.Judged = slices.Clone(rec.Judged)
	for i := range rec.Judged {
		rec.Judged[i].Resource = strings.Clone(rec.Judged[i].Resource)
	}
	if rec.Err != nil {
		text := rec.Err.Error()
		rec.Err = errors.New(strings.Clone(text[:min(len(text), maxError)]))
	}
	return rec
}

// size is about how many bytes an explanation holds.
func size(e *iam.Explanation) int {
	if e == nil {
		return 0
	}
	n := 256
	for _, p := range e.Policies {
		n += 64 + len(p.Name)
		for _, s := range p.Statements {
			n += 96 + len(s.Sid) + len(s.Why) + len(s.Text)
		}
	}
	for _, k := range e.Keys {
		n += 64 + len(k.Key)
		for _, v := range k.Values {
			n += 16 + len(v)
		}
	}
	return n
}
