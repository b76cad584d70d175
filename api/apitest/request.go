package apitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"postern/api"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// Request writes a request for an operation as an SDK would. in is a pointer to the operation's input, or nil for one
// with every member set to something that the service's model allows. The request is not signed.
func Request(service api.Service, op api.Operation, in any) (*http.Request, []byte, error) {
	url := "https://" + host(service) + "/"
	if op.Codec() == nil {
		method, path, _ := strings.Cut(op.Pattern, " ")
		r, err := http.NewRequest(method, strings.TrimSuffix(url, "/")+fillPath(path), nil)
		return r, nil, err
	}
	if in == nil {
		var err error
		if in, err = op.Codec().Example(); err != nil {
			return nil, nil, err
		}
	}
	if service.Protocol.Binds() {
		return boundRequest(strings.TrimSuffix(url, "/"), op, in)
	}
	body, err := op.Codec().AppendRequest(nil, in, service.Version)
	if err != nil {
		return nil, nil, err
	}
	method := http.MethodPost
	if service.Protocol == wire.REST {
		var path string
		method, path, _ = strings.Cut(op.Pattern, " ")
		url = strings.TrimSuffix(url, "/") + fillPath(path)
	}
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	switch service.Protocol {
	case wire.JSON:
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", service.TargetPrefix+"."+op.Name)
	case wire.REST:
		r.Header.Set("Content-Type", "application/json")
	default:
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	return r, body, nil
}

// boundRequest writes a request whose members stand in the path, the query and headers too.
func boundRequest(url string, op api.Operation, in any) (*http.Request, []byte, error) {
	m, err := op.Codec().EncodeRequest(in)
	if err != nil {
		return nil, nil, err
	}
	if m.Stream != nil {
		if m.Body, err = io.ReadAll(m.Stream); err != nil {
			return nil, nil, err
		}
	}
	if op.TakesForm() {
		m.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		m.Body = []byte("--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nKey\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ndata\r\n--b--\r\n")
	}
	if url += m.Path; m.Query != "" {
		url += "?" + m.Query
	}
	r, err := http.NewRequest(m.Method, url, bytes.NewReader(m.Body))
	if err != nil {
		return nil, nil, err
	}
	for name, values := range m.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.HashBody(m.Body))
	return r, m.Body, nil
}

// Region is the region that Request addresses.
const Region = "us-east-1"

func host(s api.Service) string {
	if s.Global {
		return s.Name + ".amazonaws.com"
	}
	return s.Name + "." + Region + ".amazonaws.com"
}

// fillPath puts a value in the place of each wildcard.
func fillPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "i-0123456789abcdef0"
		}
	}
	return strings.Join(parts, "/")
}

// Sign signs a request with an access key, for its service and Region.
func Sign(r *http.Request, body []byte, service api.Service, c sigv4.Credentials, now time.Time) error {
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := service.SigningName
	if name == "" {
		name = service.Name
	}
	return sigv4.Sign(r, body, c, sigv4.Target{Region: Region, Service: name, Time: now})
}
