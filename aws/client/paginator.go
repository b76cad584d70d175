package client

import (
	"context"
	"errors"
)

// Paginator asks for one page after the other.
type Paginator[Out any] struct {
	fetch func(context.Context, *string) (*Out, *string, error)
	token *string
	begun bool
}

// NewPaginator makes a paginator of a function that returns the page of a token and the token of the next, which is nil
// or empty after the last. token is that of the first page, usually nil.
func NewPaginator[Out any](token *string, fetch func(context.Context, *string) (*Out, *string, error)) *Paginator[Out] {
	return &Paginator[Out]{fetch: fetch, token: token}
}

// HasMorePages reports whether there is a page to ask for.
func (p *Paginator[Out]) HasMorePages() bool { return !p.begun || p.token != nil && *p.token != "" }

// NextPage asks for the next page.
func (p *Paginator[Out]) NextPage(ctx context.Context) (*Out, error) {
	if !p.HasMorePages() {
		return nil, errors.New("there are no more pages")
	}
	out, token, err := p.fetch(ctx, p.token)
	if err != nil {
		return nil, err
	}
	p.begun, p.token = true, token
	return out, nil
}
