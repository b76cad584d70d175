package imds_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	sdk "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"go.uber.org/goleak"

	"postern/aws/fault"
	"postern/network/imds"
	"postern/network/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var launched = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func sample() imds.Instance {
	return imds.Instance{
		ID: "i-0123456789abcdef0", Account: "000000000000", Region: "us-east-1", Zone: "us-east-1a", ZoneID: "use1-az1",
		Image: "ami-1", Type: "t3.micro", Architecture: "x86_64", Reservation: "r-1", Launched: launched,
		Interfaces: []imds.Interface{{
			ID: "eni-1", MAC: "02:00:0a:00:01:14", VPC: "vpc-1", Subnet: "subnet-1",
			SubnetRange: netip.MustParsePrefix("10.0.1.0/24"),
			VPCRanges:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			Addresses:   []netip.Addr{netip.MustParseAddr("10.0.1.20")},
			HostName:    "ip-10-0-1-20.ec2.internal", Groups: []string{"sg-1", "sg-2"}, GroupNames: []string{"nodes", "more"},
		}},
		Profile: imds.Profile{ARN: "arn:aws:iam::000000000000:instance-profile/nodes", ID: "AIPA1", Role: "node-role"},
		Tags:    map[string]string{"Name": "web", "a/b": "hidden"}, UserData: []byte("#!/bin/sh\n"),
	}
}

// source is one instance behind eni-1.
type source struct {
	instance imds.Instance
	err      error
	asked    int
}

func (s *source) Instance(_ context.Context, eni string) (imds.Instance, error) {
	if eni != "eni-1" {
		return imds.Instance{}, fault.New(fault.NotFound, "test", "no instance has %s", eni)
	}
	return s.instance, nil
}

func (s *source) RoleCredentials(_ context.Context, instance, role string) (imds.Credentials, error) {
	s.asked++
	return imds.Credentials{
		AccessKeyID: "ASIA-" + role, SecretAccessKey: "secret", SessionToken: "token-" + instance,
		Issued: time.Now(), Expires: time.Now().Add(6 * time.Hour),
	}, s.err
}

func (s *source) IdentityCredentials(_ context.Context, instance string) (imds.Credentials, error) {
	return imds.Credentials{
		AccessKeyID: "ASIA-identity", SecretAccessKey: "secret", SessionToken: "token-" + instance, Issued: launched,
		Expires: time.Now().Add(time.Hour),
	}, nil
}

// listener says that every connection comes from the interface.
type listener struct {
	net.Listener
	eni string
}

type conn struct {
	net.Conn
	eni string
}

func (c conn) Origin() vpc.Origin { return vpc.Origin{Interface: c.eni} }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn{c, l.eni}, nil
}

// start serves the source to an interface and returns the URL.
func start(t *testing.T, s *source, eni string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	server := imds.New(imds.Options{Source: s})
	go func() { done <- server.Serve(ctx, listener{l, eni}) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func do(t *testing.T, method, url string, headers ...string) (status int, body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b), answer.Header
}

const (
	tokenHeader = "X-aws-ec2-metadata-token"
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
)

func token(t *testing.T, url string) string {
	t.Helper()
	status, body, header := do(t, http.MethodPut, url+"/latest/api/token", ttlHeader, "21600")
	if status != 200 || body == "" || header.Get(ttlHeader) != "21600" {
		t.Fatalf("token: %d %v", status, header)
	}
	return body
}

func TestPaths(t *testing.T) {
	s := sample()
	s.TagsEnabled, s.KeyName, s.PublicKey = true, "mine", "ssh-ed25519 AAAA mine"
	url := start(t, &source{instance: s}, "eni-1")
	secret := token(t, url)
	const mac = "/latest/meta-data/network/interfaces/macs/02:00:0a:00:01:14/"
	rows := []struct {
		path, want string
		status     int
	}{
		{"/latest", "dynamic/\nmeta-data/\nuser-data", 200},
		{
			"/latest/meta-data",
			"ami-id\nami-launch-index\nhostname\niam/\nidentity-credentials/\ninstance-action\ninstance-id\n" +
				"instance-life-cycle\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\nplacement/\n" +
				"public-keys/\nreservation-id\nsecurity-groups\nservices/\ntags/", 200,
		},
		{"/latest/meta-data/instance-id", "i-0123456789abcdef0", 200},
		{"/2021-03-23/meta-data/instance-id", "i-0123456789abcdef0", 200},
		{"/latest/meta-data/instance-type", "t3.micro", 200},
		{"/latest/meta-data/ami-id", "ami-1", 200},
		{"/latest/meta-data/local-ipv4", "10.0.1.20", 200},
		{"/latest/meta-data/hostname", "ip-10-0-1-20.ec2.internal", 200},
		{"/latest/meta-data/local-hostname", "ip-10-0-1-20.ec2.internal", 200},
		{"/latest/meta-data/mac", "02:00:0a:00:01:14", 200},
		{"/latest/meta-data/security-groups", "nodes\nmore", 200},
		{"/latest/meta-data/placement/", "availability-zone\navailability-zone-id\nregion", 200},
		{"/latest/meta-data/placement/availability-zone", "us-east-1a", 200},
		{"/latest/meta-data/placement/availability-zone-id", "use1-az1", 200},
		{"/latest/meta-data/placement/region", "us-east-1", 200},
		{"/latest/meta-data/services/domain", "amazonaws.com", 200},
		{"/latest/meta-data/network/interfaces/macs/", "02:00:0a:00:01:14/", 200},
		{mac + "subnet-ipv4-cidr-block", "10.0.1.0/24", 200},
		{mac + "vpc-ipv4-cidr-blocks", "10.0.0.0/16", 200},
		{mac + "security-group-ids", "sg-1\nsg-2", 200},
		{mac + "interface-id", "eni-1", 200},
		{"/latest/meta-data/iam/", "info\nsecurity-credentials/", 200},
		{"/latest/meta-data/iam/security-credentials/", "node-role", 200},
		{"/latest/meta-data/identity-credentials/ec2/security-credentials/", "ec2-instance", 200},
		{"/latest/meta-data/tags/instance/", "Name", 200},
		{"/latest/meta-data/tags/instance/Name", "web", 200},
		{"/latest/meta-data/public-keys/", "0=mine", 200},
		{"/latest/meta-data/public-keys/0/", "openssh-key", 200},
		{"/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA mine\n", 200},
		{"/latest/user-data", "#!/bin/sh\n", 200},
		{"/latest/meta-data/public-ipv4", "404 - Not Found", 404},
		{"/latest/meta-data/instance-id/", "404 - Not Found", 404},
		{"/latest/meta-data/nothing", "404 - Not Found", 404},
		{"/1999-01-01/meta-data", "404 - Not Found", 404},
		{"/latest/dynamic/instance-identity/signature", "404 - Not Found", 404},
	}
	for _, tt := range rows {
		status, body, _ := do(t, http.MethodGet, url+tt.path, tokenHeader, secret)
		if status != tt.status || status == 200 && body != tt.want || status != 200 && !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %q, want %d %q", tt.path, status, body, tt.status, tt.want)
		}
	}
}

func TestTokens(t *testing.T) {
	url := start(t, &source{instance: sample()}, "eni-1")
	const id = "/latest/meta-data/instance-id"
	good := token(t, url)
	broken := "A" + good[1:]
	if broken == good {
		broken = "B" + good[1:]
	}
	rows := []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"no token", "GET", id, nil, 401},
		{"good", "GET", id, []string{tokenHeader, good}, 200},
		{"good, HEAD", "HEAD", id, []string{tokenHeader, good}, 200},
		{"broken", "GET", id, []string{tokenHeader, broken}, 401},
		{"empty", "GET", id, []string{tokenHeader, ""}, 401},
		{"nonsense", "GET", id, []string{tokenHeader, "!"}, 401},
		{"no TTL", "PUT", "/latest/api/token", nil, 400},
		{"TTL 0", "PUT", "/latest/api/token", []string{ttlHeader, "0"}, 400},
		{"TTL too long", "PUT", "/latest/api/token", []string{ttlHeader, "21601"}, 400},
		{"TTL no number", "PUT", "/latest/api/token", []string{ttlHeader, "x"}, 400},
		{"by a proxy", "PUT", "/latest/api/token", []string{ttlHeader, "60", "X-Forwarded-For", "10.0.0.9"}, 403},
		{"GET the token", "GET", "/latest/api/token", []string{tokenHeader, good}, 405},
		{"POST", "POST", id, []string{tokenHeader, good}, 405},
		{"PUT elsewhere", "PUT", id, []string{tokenHeader, good}, 405},
	}
	for _, tt := range rows {
		if status, body, _ := do(t, tt.method, url+tt.path, tt.headers...); status != tt.status {
			t.Errorf("%s: %d %q, want %d", tt.name, status, body, tt.status)
		}
	}
}

// request asks the handler itself, at a chosen time.
func request(h http.Handler, method, eni string, headers ...string) *httptest.ResponseRecorder {
	path := "/latest/meta-data/instance-id"
	if method == http.MethodPut {
		path = "/latest/api/token"
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(imds.WithOrigin(r.Context(), vpc.Origin{Interface: eni})))
	return w
}

func TestTokensEnd(t *testing.T) {
	now := launched
	h := imds.New(imds.Options{Source: &source{instance: sample()}, Now: func() time.Time { return now }})
	secret := request(h, "PUT", "eni-1", ttlHeader, "60").Body.String()
	now = launched.Add(59 * time.Second)
	if w := request(h, "GET", "eni-1", tokenHeader, secret); w.Code != 200 || w.Header().Get(ttlHeader) != "1" {
		t.Errorf("after 59 s: %d, %s s left", w.Code, w.Header().Get(ttlHeader))
	}
	now = launched.Add(60 * time.Second)
	if w := request(h, "GET", "eni-1", tokenHeader, secret); w.Code != 401 {
		t.Errorf("after 60 s: %d", w.Code)
	}
}

// TestTokensAreOneInstance's: a token stolen from one instance is none for another.
func TestTokensAreOneInstances(t *testing.T) {
	s := &source{instance: sample()}
	h := imds.New(imds.Options{Source: s})
	secret := request(h, "PUT", "eni-1", ttlHeader, "60").Body.String()
	s.instance.ID = "i-other"
	if w := request(h, "GET", "eni-1", tokenHeader, secret); w.Code != 401 {
		t.Errorf("another instance: %d", w.Code)
	}
}

func TestInstanceOptions(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*imds.Instance)
		eni      string
		headers  []string
		get, put int
	}{
		{"default", func(*imds.Instance) {}, "eni-1", nil, 401, 200},
		{"version 1", func(i *imds.Instance) { i.TokensOptional = true }, "eni-1", nil, 200, 200},
		{
			"version 1 with a bad token", func(i *imds.Instance) { i.TokensOptional = true }, "eni-1",
			[]string{tokenHeader, "x"}, 401, 200,
		},
		{"disabled", func(i *imds.Instance) { i.Disabled = true }, "eni-1", nil, 403, 403},
		{"not an instance", func(*imds.Instance) {}, "eni-2", nil, 404, 404},
		{"from nowhere", func(*imds.Instance) {}, "", nil, 404, 404},
	} {
		s := &source{instance: sample()}
		tt.change(&s.instance)
		h := imds.New(imds.Options{Source: s})
		get := request(h, "GET", tt.eni, tt.headers...).Code
		put := request(h, "PUT", tt.eni, ttlHeader, "60").Code
		if get != tt.get || put != tt.put {
			t.Errorf("%s: GET %d PUT %d, want %d and %d", tt.name, get, put, tt.get, tt.put)
		}
	}
}

// hopConn tells how many hops each answer may make, as it is written.
type hopConn struct {
	conn
	limit *int
	wrote chan<- int
}

func (c hopConn) SetHops(n int) error { *c.limit = n; return nil }

func (c hopConn) Write(b []byte) (int, error) {
	c.wrote <- *c.limit
	return c.conn.Write(b)
}

type hopListener struct {
	net.Listener
	wrote chan<- int
}

func (l hopListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return hopConn{conn{c, "eni-1"}, new(int), l.wrote}, nil
}

// TestHopLimit: a token's answer, and no other on the same connection, makes as many hops as the instance's options
// say.
func TestHopLimit(t *testing.T) {
	s := &source{instance: sample()}
	s.instance.HopLimit = 1
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, wrote := make(chan error), make(chan int, 16)
	go func() { done <- imds.New(imds.Options{Source: s}).Serve(ctx, hopListener{l, wrote}) }()
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	url := "http://" + l.Addr().String()
	given := token(t, url)
	if got := <-wrote; got != 1 {
		t.Errorf("the token may make %d hops, want 1", got)
	}
	if status, _, _ := do(t, http.MethodGet, url+"/latest/meta-data/instance-id", tokenHeader, given); status != 200 {
		t.Errorf("its use: %d", status)
	}
	if got := <-wrote; got != 0 {
		t.Errorf("an answer may make %d hops, want as many as usual", got)
	}
}

// TestSDK: the AWS SDK's own client, as agents and tools use it.
func TestSDK(t *testing.T) {
	s := &source{instance: sample()}
	client := sdk.New(sdk.Options{Endpoint: start(t, s, "eni-1"), HTTPClient: http.DefaultClient})
	d, err := client.GetInstanceIdentityDocument(t.Context(), nil)
	if err != nil || d.Region != "us-east-1" || d.AvailabilityZone != "us-east-1a" || d.PrivateIP != "10.0.1.20" ||
		d.AccountID != "000000000000" || !d.PendingTime.Equal(launched) {
		t.Errorf("document: %+v %v", d, err)
	}
	if r, err := client.GetRegion(t.Context(), nil); err != nil || r.Region != "us-east-1" {
		t.Errorf("region: %v %v", r, err)
	}
	if i, err := client.GetIAMInfo(t.Context(), nil); err != nil || i.InstanceProfileID != "AIPA1" || i.Code != "Success" {
		t.Errorf("IAM info: %+v %v", i, err)
	}
	provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
	for range 3 {
		c, err := provider.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != "ASIA-node-role" || c.SessionToken != "token-i-0123456789abcdef0" || !c.CanExpire {
			t.Errorf("credentials of %q: %v", c.AccessKeyID, err)
		}
	}
	if s.asked != 1 {
		t.Errorf("%d credentials were made", s.asked)
	}
}

func TestRoleThatMayNotBeAssumed(t *testing.T) {
	s := &source{instance: sample(), err: fault.New(fault.Denied, "test", "no")}
	url := start(t, s, "eni-1")
	status, body, _ := do(t, "GET", url+"/latest/meta-data/iam/security-credentials/node-role", tokenHeader, token(t, url))
	if status != 200 || !strings.Contains(body, `"Code": "AssumeRoleUnauthorizedAccess"`) ||
		strings.Contains(body, "Secret") {
		t.Errorf("%d %s", status, body)
	}
	s.err = errors.New("broken")
	status, body, _ = do(t, "GET", url+"/latest/meta-data/iam/security-credentials/node-role", tokenHeader, token(t, url))
	if status != 500 || strings.Contains(body, "broken") {
		t.Errorf("%d %s", status, body)
	}
}

// TestRoleMadeAnew: credentials of a role that was deleted are no good, whatever the new one is called.
func TestRoleMadeAnew(t *testing.T) {
	s := &source{instance: sample()}
	s.instance.TokensOptional = true
	h := imds.New(imds.Options{Source: s})
	for n, id := range []string{"AROA1", "AROA1", "AROA2", "AROA2"} {
		s.instance.Profile.RoleID = id
		r := httptest.NewRequest(http.MethodGet, "/latest/meta-data/iam/security-credentials/node-role", nil)
		h.ServeHTTP(httptest.NewRecorder(), r.WithContext(imds.WithOrigin(r.Context(), vpc.Origin{Interface: "eni-1"})))
		if want := n/2 + 1; s.asked != want {
			t.Errorf("request %d with %s: credentials were made %d times, want %d", n+1, id, s.asked, want)
		}
	}
}

// TestCredentialsAreRenewed well before their end.
func TestCredentialsAreRenewed(t *testing.T) {
	began := time.Now()
	now := began
	s := &source{instance: sample()}
	s.instance.TokensOptional = true
	h := imds.New(imds.Options{Source: s, Now: func() time.Time { return now }})
	for _, tt := range []struct {
		after time.Duration
		made  int
	}{{0, 1}, {5 * time.Hour, 1}, {5*time.Hour + 46*time.Minute, 2}} {
		now = began.Add(tt.after)
		r := httptest.NewRequest(http.MethodGet, "/latest/meta-data/iam/security-credentials/node-role", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(imds.WithOrigin(r.Context(), vpc.Origin{Interface: "eni-1"})))
		if w.Code != 200 || s.asked != tt.made {
			t.Errorf("after %v: %d, %d made", tt.after, w.Code, s.asked)
		}
	}
}
