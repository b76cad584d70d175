package nodetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/coder/websocket"

	"postern/aws/sigv4"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

// Machine is a node as it is from the outside: an id, a key pair, credentials.
type Machine struct {
	ID          string
	Key         *rsa.PrivateKey
	Fingerprint string
	Credentials sigv4.Credentials

	client *http.Client
	url    func(service string) string
	now    func() time.Time
	t      testing.TB
}

// Over makes a machine whose requests go by client to the services' own names: for tests with a network.
func Over(t testing.TB, client *http.Client, id string, c sigv4.Credentials) *Machine {
	return &Machine{
		ID: id, Key: keyPair(), Fingerprint: id, Credentials: c, client: client, now: time.Now, t: t,
		url: func(service string) string { return "https://" + service + "." + Region + ".amazonaws.com" },
	}
}

// everywhere returns the address at which the harness serves every service.
func (h *Harness) everywhere(string) string { return h.URL() }

// keyPair is everybody's: making one takes a while.
var keyPair = sync.OnceValue(NewKey)

// NewKey makes a key pair.
func NewKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// Public is a key pair's public half, as machines send it.
func Public(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	text, err := sigv4.FormatPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Register makes a machine a managed node by an activation, over the wire, and gets its first credentials.
func (h *Harness) Register(t testing.TB) *Machine {
	t.Helper()
	a, err := h.SSM().CreateActivation(
		t.Context(), &ssm.CreateActivationInput{IamRole: aws.String(Role), DefaultInstanceName: aws.String("edge")},
	)
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Key: keyPair(), Fingerprint: random(), client: h.Client(), url: h.everywhere, now: h.now, t: t}
	status, body := m.Unsigned("RegisterManagedInstance", map[string]any{
		"ActivationId": *a.ActivationId, "ActivationCode": *a.ActivationCode, "Fingerprint": m.Fingerprint,
		"PublicKey": Public(t, m.Key), "PublicKeyType": "Rsa",
	})
	var out struct{ InstanceId string }
	decode(t, status, body, &out)
	m.ID = out.InstanceId
	m.Renew()
	return m
}

// Instance makes an EC2 instance with credentials of an instance profile that has pinged once.
func (h *Harness) Instance(t testing.TB, id string) *Machine {
	t.Helper()
	c, err := h.NodeSession(t.Context(), node.Session{Scope: Scope, Role: Role, Node: id, Duration: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{
		ID: id, Key: keyPair(), Fingerprint: id,
		Credentials: sigv4.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken},
		client:      h.Client(), url: h.everywhere, now: h.now, t: t,
	}
	m.Ping()
	return m
}

// Renew gets new credentials for the machine's proof.
func (m *Machine) Renew() {
	m.t.Helper()
	status, body := m.Prove("RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": m.Fingerprint})
	var out struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	decode(m.t, status, body, &out)
	m.Credentials = sigv4.Credentials{AccessKey: out.AccessKeyId, Secret: out.SecretAccessKey, Token: out.SessionToken}
}

// Ping tells that the machine is well.
func (m *Machine) Ping() {
	m.t.Helper()
	m.PingAs("3.3.0.0")
}

// PingAs is Ping of an agent of another version.
func (m *Machine) PingAs(version string) {
	m.t.Helper()
	status, body := m.Call("ssm", "UpdateInstanceInformation", map[string]any{
		"InstanceId": m.ID, "AgentName": "amazon-ssm-agent", "AgentVersion": version, "PlatformType": "Linux",
		"ComputerName": "host",
	})
	if status != http.StatusOK {
		m.t.Fatalf("ping: %d %s", status, body)
	}
}

func decode(t testing.TB, status int, body string, into any) {
	t.Helper()
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatal(err)
	}
}

var targets = map[string]string{"ssm": "AmazonSSM.", "ec2messages": "EC2WindowsMessageDeliveryService."}

func (m *Machine) request(method, service, path string, in any) (*http.Request, []byte) {
	m.t.Helper()
	body := []byte{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			m.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, m.url(service)+path, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Host = service + "." + Region + ".amazonaws.com"
	return r, body
}

func (m *Machine) json(service, op string, in any) (*http.Request, []byte) {
	r, body := m.request(http.MethodPost, service, "/", in)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", targets[service]+op)
	return r, body
}

func (m *Machine) do(r *http.Request) (int, string) {
	m.t.Helper()
	answer, err := m.client.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (m *Machine) target(service string) sigv4.Target {
	return sigv4.Target{Region: Region, Service: service, Time: m.now()}
}

// Unsigned calls an operation of ssm without a signature.
func (m *Machine) Unsigned(op string, in any) (status int, body string) {
	m.t.Helper()
	r, _ := m.json("ssm", op, in)
	return m.do(r)
}

// Prove calls an operation of ssm with the machine's own key, in a chunked body as agents do.
func (m *Machine) Prove(op string, in any) (status int, body string) {
	m.t.Helper()
	r, text := m.json("ssm", op, in)
	if err := sigv4.SignRSA(r, text, sigv4.InstanceKey{ID: m.ID, Private: m.Key}, m.target("ssm")); err != nil {
		m.t.Fatal(err)
	}
	r.ContentLength, r.Body = -1, io.NopCloser(bytes.NewReader(text))
	return m.do(r)
}

// ProveBoth calls an operation of ssm with the machine's credentials and its own key beside them.
func (m *Machine) ProveBoth(op string, in any) (status int, body string) {
	m.t.Helper()
	r, text := m.json("ssm", op, in)
	if err := sigv4.Sign(r, text, m.Credentials, m.target("ssm")); err != nil {
		m.t.Fatal(err)
	}
	if err := sigv4.SignAsymmetric(r, m.Key); err != nil {
		m.t.Fatal(err)
	}
	return m.do(r)
}

// Call calls an operation of a JSON service with the machine's credentials.
func (m *Machine) Call(service, op string, in any) (status int, body string) {
	m.t.Helper()
	r, text := m.json(service, op, in)
	if err := sigv4.Sign(r, text, m.Credentials, m.target(service)); err != nil {
		m.t.Fatal(err)
	}
	return m.do(r)
}

// Rest calls the message service with the machine's credentials and an empty JSON body, and returns what came.
func (m *Machine) Rest(method, path string) (status int, body string) {
	m.t.Helper()
	var in any
	if method != http.MethodGet {
		in = struct{}{}
	}
	r, text := m.request(method, "ssmmessages", path, in)
	if err := sigv4.Sign(r, text, m.Credentials, m.target("ssmmessages")); err != nil {
		m.t.Fatal(err)
	}
	return m.do(r)
}

// CreateChannel asks for a control channel of a node, and returns what came.
func (m *Machine) CreateChannel(id string) (status int, body string) {
	m.t.Helper()
	r, text := m.request(
		http.MethodPost, "ssmmessages", "/v1/control-channel/"+id,
		mgs.CreateChannel{SchemaVersion: "1.0", RequestID: random()},
	)
	r.Header.Set("Content-Type", "application/json")
	if err := sigv4.Sign(r, text, m.Credentials, m.target("ssmmessages")); err != nil {
		m.t.Fatal(err)
	}
	return m.do(r)
}

// Token is the token in an answer to CreateChannel.
func Token(t testing.TB, status int, body string) string {
	t.Helper()
	var out struct {
		TokenValue string
	}
	if err := xml.Unmarshal([]byte(body), &out); err != nil || status != http.StatusCreated || out.TokenValue == "" {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	return out.TokenValue
}

// Dial opens the WebSocket of a node's control channel, and says nothing on it.
func (m *Machine) Dial(id string, o websocket.DialOptions) (*websocket.Conn, error) {
	m.t.Helper()
	path := "/v1/control-channel/" + id + "?role=subscribe&stream=input"
	r, _ := m.request(http.MethodGet, "ssmmessages", path, nil)
	if err := sigv4.Sign(r, nil, m.Credentials, m.target("ssmmessages")); err != nil {
		m.t.Fatal(err)
	}
	o.HTTPClient, o.HTTPHeader, o.Host = m.client, r.Header, r.Host
	conn, answer, err := websocket.Dial(
		context.Background(), strings.Replace(m.url("ssmmessages"), "https", "wss", 1)+path, &o,
	)
	if err != nil && answer != nil {
		defer answer.Body.Close()
		body, readErr := io.ReadAll(answer.Body)
		err = errors.Join(fmt.Errorf("%w: %s", err, body), readErr)
	}
	return conn, err
}

// Opening is the first frame.
func Opening(token string) []byte {
	b, err := json.Marshal(
		mgs.Open{SchemaVersion: "1.0", RequestID: random(), Token: token, AgentVersion: "3.3.0.0", PlatformType: "linux"},
	)
	if err != nil {
		panic(err)
	}
	return b
}
