package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	metadataAddress = "http://169.254.169.254"
	tokenLife       = 6 * time.Hour
	metadataTime    = 3 * time.Second
)

// errNoMetadata means that the metadata service does not have what was asked for.
var errNoMetadata = errors.New("not in the instance metadata")

// metadata is a client of the instance metadata service, version 2.
type metadata struct {
	base string
	http *http.Client
	now  func() time.Time

	mu    sync.Mutex
	token string
	until time.Time
}

func newMetadata(client *http.Client, now func() time.Time) *metadata {
	base := strings.TrimSuffix(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "/")
	if base == "" {
		base = metadataAddress
	}
	if client == nil {
		// Never by a proxy: the service is on this very link.
		client = &http.Client{Timeout: metadataTime, Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: metadataTime}).DialContext,
			IdleConnTimeout:     5 * time.Second,
			MaxIdleConnsPerHost: 1,
		}}
	}
	return &metadata{base: base, now: now, http: client}
}

func (m *metadata) close() { m.http.CloseIdleConnections() }

// get reads a path below /latest/.
func (m *metadata) get(ctx context.Context, path string) (string, error) {
	token, err := m.session(ctx)
	if err != nil {
		return "", fmt.Errorf("metadata session: %w", err)
	}
	text, status, err := m.do(ctx, http.MethodGet, path, "X-aws-ec2-metadata-token", token)
	switch {
	case err != nil:
		return "", fmt.Errorf("metadata %s: %w", path, err)
	case status == http.StatusNotFound:
		return "", fmt.Errorf("metadata %s: %w", path, errNoMetadata)
	case status == http.StatusUnauthorized:
		m.mu.Lock()
		m.until = time.Time{} // the server has forgotten the session
		m.mu.Unlock()
		fallthrough
	case status != http.StatusOK:
		return "", fmt.Errorf("metadata %s: HTTP %d", path, status)
	}
	return strings.TrimSpace(text), nil
}

func (m *metadata) session(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now().Before(m.until) {
		return m.token, nil
	}
	text, status, err := m.do(ctx, http.MethodPut, "api/token", "X-aws-ec2-metadata-token-ttl-seconds",
		fmt.Sprint(int(tokenLife.Seconds())))
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("HTTP %d", status)
	}
	m.token, m.until = text, m.now().Add(tokenLife/2)
	return m.token, nil
}

func (m *metadata) do(ctx context.Context, method, path, header, value string) (string, int, error) {
	r, err := http.NewRequestWithContext(ctx, method, m.base+"/latest/"+path, nil)
	if err != nil {
		return "", 0, err
	}
	r.Header.Set(header, value)
	resp, err := m.http.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return string(text), resp.StatusCode, err
}

// document is the instance identity document, as far as it matters.
type document struct {
	InstanceID       string `json:"instanceId"`
	Region           string `json:"region"`
	AvailabilityZone string `json:"availabilityZone"`
	PrivateIP        string `json:"privateIp"`
}

func (m *metadata) document(ctx context.Context) (document, error) {
	text, err := m.get(ctx, "dynamic/instance-identity/document")
	if err != nil {
		return document{}, err
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return document{}, fmt.Errorf("metadata identity document: %w", err)
	}
	if d.InstanceID == "" || d.Region == "" {
		return document{}, errors.New("the metadata identity document names no instance or region")
	}
	return d, nil
}

// credentials reads credentials below a path of the metadata.
func (m *metadata) credentials(ctx context.Context, path string) (fetched, error) {
	text, err := m.get(ctx, path)
	if err != nil {
		return fetched{}, err
	}
	var c credentials
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return fetched{}, fmt.Errorf("metadata credentials: %w", err) // the text is secret and is not in the error
	}
	if c.AccessKeyID == "" || c.Code != "" && c.Code != "Success" {
		return fetched{}, fmt.Errorf("metadata credentials: code %q", c.Code)
	}
	f := fetched{expire: c.Expiration}
	f.AccessKey, f.Secret, f.Token = c.AccessKeyID, c.SecretAccessKey, c.Token
	return f, nil
}
