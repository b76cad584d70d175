package agent_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/agent"
	"postern/aws/sigv4"
	"postern/ssm/mgs"
)

// service plays Systems Manager and the metadata service, as far as an agent can tell, and checks every signature.
type service struct {
	t   *testing.T
	url string
	web *httptest.Server

	mu       sync.Mutex
	secrets  map[string]string         // by access key
	keys     map[string]*rsa.PublicKey // by node
	refuse   map[string]refusal        // by operation
	metadata map[string]string         // by path below /latest/; nil plays a host without
	tokens   map[string]bool           // of control channels, not yet used
	polls    []string                  // waiting messages, as JSON
	objects  map[string]string         // of S3, by "REGION/BUCKET/KEY"

	documents map[string]string // by "NAME:VERSION"

	calls    chan call
	channels chan *channel
}

type refusal struct {
	status int
	body   string
}

// call is one API call that the service answered.
type call struct {
	op, key string
	body    map[string]any
}

// channel is the service's end of a control channel.
type channel struct {
	conn *websocket.Conn
	open mgs.Open
	done chan struct{}
	t    *testing.T
}

func newService(t *testing.T) *service {
	s := &service{
		t:       t,
		secrets: map[string]string{"AKIATEST": "secret"},
		keys:    map[string]*rsa.PublicKey{},
		refuse:  map[string]refusal{},
		objects: map[string]string{},
		tokens:  map[string]bool{}, calls: make(chan call, 1000), channels: make(chan *channel, 100),
	}
	s.web = httptest.NewUnstartedServer(s)
	s.web.StartTLS()
	s.url = s.web.URL
	s.web.Client().Transport.(*http.Transport).IdleConnTimeout = time.Second
	t.Cleanup(s.web.Close)
	return s
}

func (s *service) endpoint(service, region string) string {
	if service == "s3" {
		service += "/" + region
	}
	return s.url + "/" + service
}

// agent is one that talks to the service, as a node with given keys.
func (s *service) agent() *agent.Agent {
	return &agent.Agent{
		Identity: agent.Static{
			ID: "i-0123456789abcdef0", In: "us-east-1", Keys: sigv4.Credentials{AccessKey: "AKIATEST", Secret: "secret"},
		},
		Endpoint: s.endpoint, HTTP: s.web.Client(), Version: "1.2.3.4", Dir: s.t.TempDir(),
	}
}

// run starts an agent and ends it with the test.
func run(t *testing.T, a *agent.Agent) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the agent does not stop")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/latest/"); ok {
		s.serveMetadata(w, r, path)
		return
	}
	if r.URL.Path == "/page" {
		servePage(w, r)
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/s3/"); ok {
		s.serveObjects(w, r, path, body)
		return
	}
	op := r.Header.Get("X-Amz-Target")
	_, op, _ = strings.Cut(op, ".")
	if strings.Contains(r.URL.Path, "/v1/control-channel/") {
		op = "CreateControlChannel"
		if r.Method == http.MethodGet {
			op = "Subscribe"
		}
	}
	key, err := s.verify(r, body)
	if err != nil {
		s.t.Errorf("%s: %v", op, err)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c := call{op: op, key: key}
	json.Unmarshal(body, &c.body)
	s.mu.Lock()
	no, refused := s.refuse[op]
	s.mu.Unlock()
	if refused {
		w.WriteHeader(no.status)
		io.WriteString(w, no.body)
		s.calls <- c
		return
	}
	s.answer(w, r, c)
}

func (s *service) verify(r *http.Request, body []byte) (string, error) {
	if r.Header.Get("Authorization") == "" {
		return "", nil
	}
	v := sigv4.NewVerifier(time.Now)
	sig, err := sigv4.Parse(r)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	secret, key := s.secrets[sig.AccessKey], s.keys[sig.AccessKey]
	s.mu.Unlock()
	if key != nil {
		return sig.AccessKey, v.VerifyRSA(r, sig, key, body)
	}
	if secret == "" {
		return "", fmt.Errorf("unknown access key %s", sig.AccessKey)
	}
	return sig.AccessKey, v.Verify(r, sig, secret, body)
}

func (s *service) answer(w http.ResponseWriter, r *http.Request, c call) {
	switch c.op {
	case "CreateControlChannel":
		token := mgs.NewUUID().String()
		s.mu.Lock()
		s.tokens[token] = true
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w,
			"<CreateControlChannelResponse><MessageSchemaVersion>1.0</MessageSchemaVersion><TokenValue>%s</TokenValue></"+
				"CreateControlChannelResponse>",
			token)
	case "Subscribe":
		s.subscribe(w, r)
		return
	case "GetMessages":
		s.getMessages(w, r)
		return
	case "GetDocument":
		s.getDocument(w, c)
	case "RegisterManagedInstance":
		s.register(w, c)
	case "RequestManagedInstanceRoleToken":
		s.roleToken(w, r, c)
	default:
		io.WriteString(w, "{}")
	}
	s.calls <- c
}

func (s *service) register(w http.ResponseWriter, c call) {
	key, err := sigv4.ParsePublicKey(c.body["PublicKey"].(string))
	if err != nil {
		s.t.Error(err)
	}
	id := "mi-0123456789abcdef0"
	if c.body["ActivationId"] == nil {
		id = c.body["Fingerprint"].(string)
	}
	s.mu.Lock()
	if strings.HasPrefix(id, "mi-") {
		s.keys[id] = key
	} else {
		s.keys["host "+id] = key
	}
	s.mu.Unlock()
	fmt.Fprintf(w, `{"InstanceId":%q}`, id)
}

func (s *service) roleToken(w http.ResponseWriter, r *http.Request, c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.keys["host "+fmt.Sprint(c.body["Fingerprint"])]; key != nil {
		if err := sigv4.VerifyAsymmetric(r, key); err != nil {
			s.t.Errorf("the second signature: %v", err)
		}
	}
	s.secrets["ASIATOKEN"] = "of the role"
	fmt.Fprintf(w,
		`{"AccessKeyId":"ASIATOKEN","SecretAccessKey":"of the role","SessionToken":"session","TokenExpirationDate":%d.5,`+
			`"UpdateKeyPair":false}`,
		time.Now().Add(time.Hour).Unix())
}

func (s *service) subscribe(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	kind, text, err := conn.Read(r.Context())
	if err != nil || kind != websocket.MessageText {
		s.t.Errorf("first message: %v, %v", kind, err)
		return
	}
	c := &channel{conn: conn, done: make(chan struct{}), t: s.t}
	if err := json.Unmarshal(text, &c.open); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	if !s.tokens[c.open.Token] {
		s.t.Errorf("token %q was not issued, or was used", c.open.Token)
	}
	delete(s.tokens, c.open.Token)
	s.mu.Unlock()
	s.channels <- c
	<-c.done
	conn.CloseNow()
}

func (s *service) getMessages(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	waiting := s.polls
	s.polls = nil
	s.mu.Unlock()
	if len(waiting) == 0 {
		select { // a long poll
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	fmt.Fprintf(w, `{"Messages":[%s]}`, strings.Join(waiting, ","))
	s.calls <- call{op: "GetMessages"}
}

func (s *service) serveMetadata(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method == http.MethodPut && path == "api/token" {
		w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds"))
		io.WriteString(w, "token")
		return
	}
	s.mu.Lock()
	text, ok := s.metadata[path]
	s.mu.Unlock()
	switch {
	case r.Header.Get("X-aws-ec2-metadata-token") != "token":
		w.WriteHeader(http.StatusUnauthorized)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		io.WriteString(w, text)
	}
}

// next waits for a call of one of the operations.
func (s *service) next(op string) call {
	s.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case c := <-s.calls:
			if c.op == op {
				return c
			}
		case <-timeout:
			s.t.Fatalf("no call of %s", op)
		}
	}
}

func (s *service) setRefusal(op string, r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r == nil {
		delete(s.refuse, op)
		return
	}
	s.refuse[op] = *r
}

func (s *service) channel() *channel {
	s.t.Helper()
	select {
	case c := <-s.channels:
		s.t.Cleanup(c.close)
		return c
	case <-time.After(15 * time.Second):
		s.t.Fatal("no control channel")
		return nil
	}
}

func (c *channel) close() {
	select {
	case <-c.done:
	default:
		close(c.done)
	}
}

func (c *channel) send(kind string, payload any) mgs.UUID {
	c.t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		c.t.Fatal(err)
	}
	m := mgs.New(kind, text, time.Now())
	data, err := m.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.conn.Write(context.Background(), websocket.MessageBinary, data); err != nil {
		c.t.Fatal(err)
	}
	return m.ID
}

// next reads one message of a type, and acknowledges replies on the way.
func (c *channel) next(kind string, into any) mgs.Message {
	c.t.Helper()
	for {
		m := c.read()
		if m.Type == mgs.AgentJobReply {
			c.acknowledge(m)
		}
		if m.Type != kind {
			continue
		}
		if err := json.Unmarshal(m.Payload, into); err != nil {
			c.t.Fatal(err)
		}
		return m
	}
}

func (c *channel) read() mgs.Message {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, data, err := c.conn.Read(ctx)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	m, err := mgs.Parse(data)
	if err != nil || !m.Intact() {
		c.t.Fatalf("message: %v, intact %t", err, m.Intact())
	}
	return m
}

func (c *channel) acknowledge(m mgs.Message) {
	var r mgs.JobReply
	json.Unmarshal(m.Payload, &r)
	c.send(mgs.AgentJobReplyAck, mgs.JobReplyAck{JobID: r.JobID, MessageID: m.ID.String()})
}

// job delivers a document and returns the code that it was acknowledged with.
func (c *channel) job(command, document string, parameters map[string]any) mgs.Code {
	c.t.Helper()
	id := c.send(mgs.AgentJob, jobFor(c.t, command, document, parameters))
	var ack mgs.JobAck
	c.next(mgs.AgentJobAck, &ack)
	if ack.MessageID != id.String() {
		c.t.Errorf("acknowledged %s, want %s", ack.MessageID, id)
	}
	return ack.StatusCode
}

func jobFor(t *testing.T, command, document string, parameters map[string]any) mgs.Job {
	t.Helper()
	content, err := json.Marshal(mgs.CommandContent{
		Parameters:              parameters,
		DocumentContent:         json.RawMessage(document),
		CommandID:               command,
		DocumentName:            "Test",
		CloudWatchOutputEnabled: "false",
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgs.Job{
		SchemaVersion: 1,
		JobID:         mgs.JobID(command, "i-0123456789abcdef0"),
		Topic:         mgs.TopicSendCommand + ".us.east.1.1",
		Content:       string(content),
	}
}

// outcome collects a command's replies up to the one with the document's final status.
func (c *channel) outcome(command string) (mgs.Status, map[string]*mgs.StepStatus, string) {
	c.t.Helper()
	steps := map[string]*mgs.StepStatus{}
	for {
		var r mgs.JobReply
		c.next(mgs.AgentJobReply, &r)
		if r.JobID != mgs.JobID(command, "i-0123456789abcdef0") {
			continue
		}
		var content mgs.ReplyContent
		if err := json.Unmarshal([]byte(r.Content), &content); err != nil {
			c.t.Fatal(err)
		}
		maps.Copy(steps, content.RuntimeStatus)
		if content.DocumentStatus.Terminal() {
			return content.DocumentStatus, steps, content.DocumentTraceOutput
		}
	}
}

// shell returns a document of one shell script.
func shell(lines ...string) string {
	text, _ := json.Marshal(lines)
	return `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"run","inputs":{"runCommand":` +
		string(text) + `}}]}`
}

// compact is JSON without the spaces that make it readable in a test.
func compact(s string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}
