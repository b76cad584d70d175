package network

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"postern/aws/fault"
	"postern/record"
)

// Token remembers what a request with a client token made, so that the same request does not make it again.
type Token struct {
	// ID is "ACCOUNT/REGION/VERB/TOKEN".
	ID string
	// Request is a digest of the request, Result the id of what it made.
	Request, Result string
	Expires         time.Time
}

// tokensByEnd has client tokens by when they expire.
var tokensByEnd = &record.Index[Token]{Terms: func(t *Token) []record.Term {
	return []record.Term{{Sort: record.Instant(t.Expires)}}
}}

var tokenKind = declare(&kind[Token]{
	Kind: record.Kind[Token]{Name: "client-token", Indexes: []*record.Index[Token]{tokensByEnd}},
})

func (*Token) kind() declared { return tokenKind }
func (t *Token) key() string  { return t.ID }

// tokenLife is how long a client token is remembered.
const tokenLife = 24 * time.Hour

// recall returns the id of what an earlier request with the client token made, "" if there was none. The same token
// with another request is refused.
func (p *plan) recall(verb, token string, request any) (string, error) {
	if token == "" {
		return "", nil
	}
	if len(token) > 64 {
		return "", invalidValue("Value (%s) for parameter clientToken is invalid. It has more than 64 characters.", token)
	}
	t, ok := tokenKind.Get(p.Tables, p.tokenID(verb, token))
	if !ok || t.Expires.Before(p.now) {
		return "", nil
	}
	if t.Request != digest(request) {
		return "", refuse(fault.Conflict, "IdempotentParameterMismatch",
			"The client token '%s' was used before with other parameters", token)
	}
	return t.Result, nil
}

// remember keeps the result of a request with a client token, and drops tokens that have expired.
func (p *plan) remember(verb, token string, request any, result string) {
	if token == "" {
		return
	}
	for t := range tokensByEnd.Until(p.changes.Before(), "", record.Instant(p.now)) {
		p.forget(t)
	}
	p.note(&Token{ID: p.tokenID(verb, token), Request: digest(request), Result: result, Expires: p.now.Add(tokenLife)})
}

// asked is a request that may carry a client token.
type asked struct {
	verb, token string
	request     any
}

// once makes what was asked for, or finds what the same request with the same client token has made.
func once[T any](p *plan, a asked, k *kind[T], create func() (*T, error)) (*T, error) {
	id, err := p.recall(a.verb, a.token, a.request)
	if err != nil {
		return nil, err
	}
	if r, ok := k.Get(p.Tables, id); ok {
		return r, nil
	}
	r, err := create()
	if err == nil {
		p.remember(a.verb, a.token, a.request, k.Key(r))
	}
	return r, err
}

func (p *plan) tokenID(verb, token string) string {
	return p.scope.Account + "/" + p.scope.Region + "/" + verb + "/" + token
}

func digest(request any) string {
	text, err := json.Marshal(request)
	if err != nil {
		panic(fmt.Sprintf("network: request %T is not JSON: %v", request, err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
