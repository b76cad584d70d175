package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
)

// page is a source of type HTTP.
type page struct {
	url, method, user, password string
	insecure                    bool
}

// page saves what a web server answers to a GET. In a directory it gets a name of Amazon's agent, which nobody can
// foretell: who needs the name gives it in destinationPath.
func (f *Fetcher) page(ctx context.Context, p page, to string) error {
	u, err := url.Parse(p.url)
	switch {
	case err != nil:
		return err
	case p.url == "":
		return errors.New("sourceInfo has no url")
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("url %q is none of http or https", p.url)
	case u.Scheme == "http" && !p.insecure:
		return fmt.Errorf("url %q is not secure, and allowInsecureDownload is not true", p.url)
	case p.method == "Digest":
		return errors.New("authMethod Digest is not implemented by this agent; it has None and Basic")
	case p.method != "" && p.method != "None" && p.method != "Basic":
		return fmt.Errorf("authMethod %q is not one of None, Basic and Digest", p.method)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	if p.method == "Basic" {
		r.SetBasicAuth(p.user, p.password)
	}
	answer, err := f.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: HTTP %s", u.Redacted(), answer.Status)
	}
	return save(file(to, "download"+strconv.Itoa(rand.Int())), func(w io.Writer) error {
		n, err := io.Copy(w, answer.Body)
		if err == nil && answer.ContentLength >= 0 && n != answer.ContentLength {
			err = fmt.Errorf("GET %s: %d bytes came of %d", u.Redacted(), n, answer.ContentLength)
		}
		return err
	})
}
