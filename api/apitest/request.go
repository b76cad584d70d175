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
