package api

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"postern/aws/iam"
	"postern/network/vpc"
)

// Record describes one request and its answer: it is logged once and given to the audit hook once. It holds no secret.
type Record struct {
	Time      time.Time
	Duration  time.Duration
	RequestID string
	Method    string
	Service   string
	Operation string
	Region    string
	Account   string
	// Principal is the caller's ARN, or the managed node; empty for anonymous callers.
	Principal string
	AccessKey string
	SourceIP  string
	UserAgent string
	Origin    vpc.Origin
	Status    int
	// Code is the error's code as the caller saw it; empty on success.
	Code string
	// Judged holds the questions to the policy judge and its answers, in order: of what was allowed the first maxJudged.
	Judged []Judgement
	// Err is the whole inner error, for the log and for auditors only.
	Err error
}

// maxJudged is how many allowed judgements a Record holds.
const maxJudged = 32

// Judgement is one question to the policy judge and the answer.
type Judgement struct {
	// Action was asked for on Resource, an ARN or "*", which belongs to the account Owner ("" is the caller's own).
	Action, Resource, Owner string
	Decision                iam.Decision
	// Explanation is the whole reasoning, where the request was refused for it. It is not for the caller.
	Explanation *iam.Explanation
}

// secretKeys are the condition keys, in lower case, whose values are a secret between two parties.
var secretKeys = []string{"sts:externalid"}

// redact takes secrets out of an explanation.
func redact(e *iam.Explanation) {
	for i := range e.Keys {
		if k := &e.Keys[i]; slices.Contains(secretKeys, k.Key) && len(k.Values) > 0 {
			k.Values = []string{"(not recorded)"}
		}
	}
}

// statement says what decided about permission.
func (rec *Record) statement() string {
	if len(rec.Judged) == 0 {
		return ""
	}
	return rec.Judged[len(rec.Judged)-1].Decision.String()
}

// log writes the record as one line.
func (rec *Record) log(ctx context.Context, log *slog.Logger) {
	level := slog.LevelInfo
	if rec.Status >= 500 && rec.Status != 501 {
		level = slog.LevelError
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 18)
	add := func(a slog.Attr) {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	add(slog.String("request_id", rec.RequestID))
	add(slog.String("method", rec.Method))
	add(slog.String("service", rec.Service))
	add(slog.String("operation", rec.Operation))
	attrs = append(attrs, slog.Int("status", rec.Status), slog.Duration("duration", rec.Duration))
	add(slog.String("code", rec.Code))
	add(slog.String("principal", rec.Principal))
	add(slog.String("access_key", rec.AccessKey))
	add(slog.String("account", rec.Account))
	add(slog.String("region", rec.Region))
	add(slog.String("source_ip", rec.SourceIP))
	add(slog.String("interface", rec.Origin.Interface))
	add(slog.String("endpoint", rec.Origin.Endpoint))
	add(slog.String("statement", rec.statement()))
	if rec.Err != nil {
		attrs = append(attrs, slog.String("error", rec.Err.Error()))
	}
	log.LogAttrs(ctx, level, "request", attrs...)
}
