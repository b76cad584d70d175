package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"postern/aws/sigv4"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 4 << 20

// suffixes are the DNS suffixes of regions by prefix, the longest first; any other region has amazonaws.com.
var suffixes = []struct{ prefix, suffix string }{
	{"us-isob-", "sc2s.sgov.gov"}, {"us-isof-", "csp.hci.ic.gov"}, {"us-iso-", "c2s.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk"},
	{"eusc-de-", "amazonaws.eu"}, {"cn-", "amazonaws.com.cn"},
}

// AmazonEndpoint returns the base URL of a service under its ordinary name.
func AmazonEndpoint(service, region string) string {
	suffix := "amazonaws.com"
	for _, s := range suffixes {
		if strings.HasPrefix(region, s.prefix) {
			suffix = s.suffix
			break
		}
	}
	return "https://" + service + "." + region + "." + suffix
}

// Dialer connects to "HOST:PORT"; a tunnel's DialContext is one.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// NewHTTPClient makes a client that is as small as a node's agent wants it. A nil dial is the host's own network, nil
// roots are the host's certificates.
func NewHTTPClient(dial Dialer, roots *x509.CertPool) *http.Client {
	if dial == nil {
		d := &net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}
		dial = d.DialContext
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTime)
			defer cancel()
			return dial(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{
			RootCAs: roots, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(4),
		},
		TLSHandshakeTimeout: shakeTime,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     20 * time.Second, // health calls are minutes apart: an idle connection is only memory
		ReadBufferSize:      4096,
		WriteBufferSize:     4096,
	}}
}

// APIError is an answer that a service gave instead of the one wanted.
type APIError struct {
	Op     string
	Status int
	// Code is the service's, such as "AccessDeniedException"; Message its text.
	Code, Message string
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s: HTTP %d %s: %s", e.Op, e.Status, e.Code, e.Message)
}

// hasCode reports whether err is an APIError with one of the codes.
func hasCode(err error, codes ...string) bool {
	var e *APIError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// signer signs one request.
type signer func(r *http.Request, body []byte) error

// signWith is ordinary SigV4.
func (a *Agent) signWith(c sigv4.Credentials, service string) signer {
	return func(r *http.Request, body []byte) error {
		return sigv4.Sign(r, body, c, sigv4.Target{Region: a.Identity.Region(), Service: service, Time: a.Now()})
	}
}

// Targets begin X-Amz-Target with the name of a service.
const (
	targetSSM      = "AmazonSSM."
	targetMessages = "EC2WindowsMessageDeliveryService."
)

// call makes a JSON 1.1 call of ssm or ec2messages. A nil sign sends it unsigned, a nil out ignores the answer.
func (a *Agent) call(ctx context.Context, target string, sign signer, in, out any) error {
	service := "ssm"
	if strings.HasPrefix(target, targetMessages) {
		service = "ec2messages"
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Endpoint(service, a.Identity.Region())+"/",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	status, answer, err := a.send(r, body, sign)
	_, op, _ := strings.Cut(target, ".")
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if status/100 != 2 {
		return apiError(op, status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: read the answer: %w", op, err)
	}
	return nil
}

// send signs and sends a request and reads the answer.
func (a *Agent) send(r *http.Request, body []byte, sign signer) (int, []byte, error) {
	r.Header.Set("User-Agent", "postern-agent/"+a.Version)
	if sign != nil {
		if err := sign(r, body); err != nil {
			return 0, nil, err
		}
	}
	resp, err := a.HTTP.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if len(answer) > maxAnswer {
		return 0, nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return resp.StatusCode, answer, err
}

func apiError(op string, status int, answer []byte) error {
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	e := &APIError{Op: op, Status: status}
	if json.Unmarshal(answer, &body) == nil {
		e.Code, e.Message = body.Type, body.Message+body.Upper
		if _, code, ok := strings.Cut(body.Type, "#"); ok {
			e.Code = code
		}
	} else {
		e.Message = string(answer[:min(len(answer), 200)])
	}
	return e
}
