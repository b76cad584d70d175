package api

import "errors"

// ForeignPageError is an error of Config.Admit that keeps a request out because a web page sent it, and for nothing
// else. The resource that the request is for may let the page in (Service.AdmitsPage).
type ForeignPageError struct{ Err error }

// Error implements error.
func (e *ForeignPageError) Error() string { return e.Err.Error() }

// Unwrap returns the fault that the page is refused with.
func (e *ForeignPageError) Unwrap() error { return e.Err }

// admitsPage reports whether a request of a web page that is kept out is for a resource that lets the page in.
func (x *exchange) admitsPage() bool {
	var page *ForeignPageError
	if !errors.As(x.refused, &page) || x.service.AdmitsPage == nil || x.service.Protocol.IsForm() {
		return false
	}
	return x.route() == nil && x.service.AdmitsPage(x.call)
}
