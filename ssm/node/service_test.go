package node_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/sigv4"
	"postern/record"
	"postern/ssm/node"
)

var (
	here = scope.Scope{Account: "000000000000", Region: "us-east-1"}
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

// roles is a node.Roles that knows the role "Nodes".
type roles struct{ refuse error }

func (r *roles) CheckRole(_ context.Context, scope scope.Scope, role string) error {
	if role != "Nodes" {
		return fault.New(fault.Invalid, "test", "Not existing role: arn:aws:iam::%s:role/%s", scope.Account, role).
			WithCode("ValidationException")
	}
	return nil
}

func (r *roles) NodeSession(_ context.Context, s node.Session) (node.Credentials, error) {
	if r.refuse != nil {
		return node.Credentials{}, r.refuse
	}
	return node.Credentials{
		AccessKeyID:     "ASIA",
		SecretAccessKey: s.Role,
		SessionToken:    s.Node,
		Expires:         noon.Add(s.Duration),
	}, nil
}

// world is a Service with a clock that the test sets.
type world struct {
	*node.Service
	records *record.Memory
	roles   *roles
	tags    map[string]map[string]string
	mu      sync.Mutex
	now     time.Time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func newWorld() *world {
	w := &world{records: new(record.Memory), roles: &roles{}, now: noon}
	w.restart()
	return w
}

func (w *world) restart() {
	w.Service = node.New(node.Config{
		Records: w.records, Roles: w.roles, Now: w.clock, KeyMaxAge: 24 * time.Hour,
		JoinKey: func(activation, code string) ([]byte, error) { return []byte(activation + code), nil },
		InstanceTags: func(context.Context, scope.Scope, []string) (map[string]map[string]string, error) {
			return w.tags, nil
		},
	})
}

var keys = sync.OnceValue(func() (out [3]*rsa.PublicKey) {
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = &key.PublicKey
	}
	return out
})

func keyText(t testing.TB, key *rsa.PublicKey) string {
	t.Helper()
	text, err := sigv4.FormatPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func registration(t testing.TB, key *rsa.PublicKey) node.Registration {
	t.Helper()
	return node.Registration{Region: here.Region, PublicKey: keyText(t, key), PublicKeyType: "Rsa", Fingerprint: "machine"}
}

func (w *world) activate(t testing.TB, n node.NewActivation) (node.Activation, string) {
	t.Helper()
	if n.Role == "" {
		n.Role = "Nodes"
	}
	a, code, err := w.CreateActivation(t.Context(), here, n, w.clock())
	if err != nil {
		t.Fatal(err)
	}
	return a, code
}

func (w *world) register(t testing.TB) string {
	t.Helper()
	a, code := w.activate(t, node.NewActivation{DefaultName: "edge", Tags: map[string]string{"site": "harbour"}})
	r := registration(t, keys()[0])
	r.Activation, r.Code = a.ID, code
	id, err := w.Register(t.Context(), r, w.clock())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func want(t *testing.T, what string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case code != "" && (err == nil || fault.Of(err).Code != code):
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}

func TestCreateActivation(t *testing.T) {
	w := newWorld()
	for _, tt := range []struct {
		name string
		n    node.NewActivation
		code string
	}{
		{"least", node.NewActivation{Role: "Nodes"}, ""},
		{"most", node.NewActivation{Role: "Nodes", Limit: 1000, Expires: noon.Add(node.MaxExpiry)}, ""},
		{"unknown role", node.NewActivation{Role: "Nobody"}, "ValidationException"},
		{"too many", node.NewActivation{Role: "Nodes", Limit: 1001}, "ValidationException"},
		{"too few", node.NewActivation{Role: "Nodes", Limit: -1}, "ValidationException"},
		{
			"too long", node.NewActivation{Role: "Nodes", Expires: noon.Add(node.MaxExpiry + time.Second)},
			"ValidationException",
		},
		{"past", node.NewActivation{Role: "Nodes", Expires: noon}, "ValidationException"},
		{"long name", node.NewActivation{Role: "Nodes", DefaultName: strings.Repeat("x", 257)}, "ValidationException"},
		{"reserved tag", node.NewActivation{Role: "Nodes", Tags: map[string]string{"aws:x": ""}}, "ValidationException"},
	} {
		a, code, err := w.CreateActivation(t.Context(), here, tt.n, noon)
		want(t, tt.name, err, tt.code)
		if err != nil {
			continue
		}
		if len(code) != 20 || len(a.ID) != 36 || string(a.JoinKey) != a.ID+code ||
			slices.Contains([]string{string(a.CodeHash)}, code) {
			t.Errorf("%s: activation %+v", tt.name, a)
		}
	}
	if _, _, err := w.CreateActivation(t.Context(), here, node.NewActivation{}, noon); !fault.Is(err, fault.Missing) {
		t.Errorf("no role: %v", err)
	}
	all, err := w.Activations(t.Context(), here)
	if err != nil || len(all) != 2 {
		t.Errorf("%d activations, %v", len(all), err)
	}
	want(
		t,
		"delete elsewhere",
		w.DeleteActivation(t.Context(), scope.Scope{Account: "1"}, all[0].ID),
		"InvalidActivationId",
	)
	want(t, "delete", w.DeleteActivation(t.Context(), here, all[0].ID), "")
	want(t, "delete again", w.DeleteActivation(t.Context(), here, all[0].ID), "InvalidActivationId")
}

func TestRegister(t *testing.T) {
	w := newWorld()
	a, code := w.activate(t, node.NewActivation{Limit: 2})
	good := registration(t, keys()[0])
	foreign, bad, noKind, large, padded := good, good, good, good, good
	large.Fingerprint, padded.PublicKey = strings.Repeat("f", 300), good.PublicKey+strings.Repeat("\n", 1<<16)
	foreign.Region, bad.PublicKey, noKind.PublicKeyType = "eu-west-1", "AAAA", ""
	for _, tt := range []struct {
		name, id, code string
		r              node.Registration
		after          time.Duration
		want           string
	}{
		{"wrong code", a.ID, code + "x", good, 0, "InvalidActivation"},
		{"wrong id", "00000000-0000-0000-0000-000000000000", code, good, 0, "InvalidActivation"},
		{"another region", a.ID, code, foreign, 0, "InvalidActivation"},
		{"bad key", a.ID, code, bad, 0, "InvalidPublicKey"},
		{"no key type", a.ID, code, noKind, 0, "InvalidPublicKey"},
		{"a fingerprint to fill the disk with", a.ID, code, large, 0, "ValidationException"},
		{"a key to fill the disk with", a.ID, code, padded, 0, "InvalidPublicKey"},
		{"expired", a.ID, code, good, node.DefaultExpiry, "ActivationExpired"},
		{"first", a.ID, code, good, 0, ""},
		{"second", a.ID, code, good, 0, ""},
		{"used up", a.ID, code, good, 0, "RegistrationLimitExceeded"},
	} {
		tt.r.Activation, tt.r.Code = tt.id, tt.code
		id, err := w.Register(t.Context(), tt.r, noon.Add(tt.after))
		want(t, tt.name, err, tt.want)
		if err == nil && (len(id) != 20 || !strings.HasPrefix(id, "mi-")) {
			t.Errorf("%s: id %q", tt.name, id)
		}
	}
	if a, err := w.Activation(t.Context(), a.ID); err != nil || a.Count != 2 {
		t.Errorf("count %d, %v", a.Count, err)
	}
}

func TestRegisterConcurrentlyKeepsTheLimit(t *testing.T) {
	w := newWorld()
	a, code := w.activate(t, node.NewActivation{Limit: 5})
	r := registration(t, keys()[0])
	r.Activation, r.Code = a.ID, code
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { w.Register(t.Context(), r, noon) })
	}
	wg.Wait()
	nodes, _, err := w.List(t.Context(), here, node.Query{}, noon)
	if err != nil || len(nodes) != 5 {
		t.Errorf("%d nodes registered, %v", len(nodes), err)
	}
}

func TestRoleToken(t *testing.T) {
	w := newWorld()
	id := w.register(t)
	token := func(fingerprint string) (node.Token, error) {
		return w.RoleToken(t.Context(), node.Proof{Node: id, Key: keys()[0]}, fingerprint, w.clock())
	}
	got, err := token("machine")
	if err != nil || got.SecretAccessKey != "Nodes" || got.SessionToken != id || got.UpdateKeyPair {
		t.Errorf("token %+v, %v", got, err)
	}
	_, err = token("copy")
	want(t, "a copied registration", err, "MachineFingerprintDoesNotMatch")
	w.pass(25 * time.Hour)
	if got, err := token("machine"); err != nil || !got.UpdateKeyPair {
		t.Errorf("an old key: %+v, %v", got, err)
	}
	w.roles.refuse = fault.New(fault.NotFound, "test", "no role").WithCode("NoSuchEntity")
	_, err = token("machine")
	want(t, "a role that is gone", err, "InvalidRole")
	want(t, "deregister", w.Deregister(t.Context(), here, id), "")
	_, err = token("machine")
	want(t, "a deregistered node", err, "InvalidInstanceId")
}

func TestKeyRotation(t *testing.T) {
	w := newWorld()
	id := w.register(t)
	first, second, third := keys()[0], keys()[1], keys()[2]
	use := func(k *rsa.PublicKey) error {
		_, err := w.RoleToken(t.Context(), node.Proof{Node: id, Key: k}, "machine", noon)
		return err
	}
	change := func(to, signed *rsa.PublicKey) error {
		return w.ChangeKey(t.Context(), node.Proof{Node: id, Key: signed}, keyText(t, to), "Rsa", noon)
	}
	expect := func(what string, keys ...*rsa.PublicKey) {
		t.Helper()
		scope, found, err := w.Keys(t.Context(), id)
		if err != nil || scope != here ||
			!slices.EqualFunc(found, keys, func(a, b *rsa.PublicKey) bool { return a.Equal(b) }) {
			t.Errorf("%s: %d keys of %v, %v", what, len(found), scope, err)
		}
	}
	expect("registered", first)
	want(t, "change", change(second, first), "")
	expect("changed", second, first)
	want(t, "the answer was lost", use(first), "")
	expect("the old key was used", second, first)
	want(t, "change again", change(third, first), "")
	expect("changed again", third, first)
	want(t, "by a key that was never confirmed", change(second, second), "AccessDeniedException")
	want(t, "first use", use(third), "")
	expect("used", third)
	want(t, "by the former key", change(second, first), "AccessDeniedException")
	want(t, "no key", w.ChangeKey(t.Context(), node.Proof{Node: id, Key: third}, "AAAA", "Rsa", noon), "InvalidPublicKey")
}

func TestInstances(t *testing.T) {
	w := newWorld()
	const id = "i-0123456789abcdef0"
	r := registration(t, keys()[0])
	want(t, "another's fingerprint", w.RegisterInstance(t.Context(), here, id, r, noon), "InvalidInstanceId")
	r.Fingerprint = id
	want(t, "register", w.RegisterInstance(t.Context(), here, id, r, noon), "")
	r.PublicKey = keyText(t, keys()[1])
	want(t, "register again", w.RegisterInstance(t.Context(), here, id, r, noon), "")
	want(
		t,
		"from another account",
		w.RegisterInstance(t.Context(), scope.Scope{Account: "1", Region: here.Region}, id, r, noon),
		"InvalidInstanceId",
	)
	if views, _, _ := w.List(t.Context(), here, node.Query{}, noon); len(views) != 0 {
		t.Error("an instance is listed before it pinged")
	}
	_, err := w.RoleToken(t.Context(), node.Proof{Node: id}, id, noon)
	want(t, "without a default role", err, "AccessDeniedException")
	want(
		t,
		"a role that does not exist",
		w.SetSetting(t.Context(), here, node.Setting{ID: node.DefaultRoleSetting, Value: "Nobody"}),
		"ValidationException",
	)
	want(t, "an unknown setting", w.SetSetting(t.Context(), here, node.Setting{ID: "/ssm/x"}), "ServiceSettingNotFound")
	want(t, "set", w.SetSetting(t.Context(), here, node.Setting{ID: node.DefaultRoleSetting, Value: "Nodes"}), "")
	got, err := w.RoleToken(t.Context(), node.Proof{Node: id}, id, noon)
	if err != nil || got.SecretAccessKey != "Nodes" || got.UpdateKeyPair {
		t.Errorf("token %+v, %v", got, err)
	}
	want(t, "reset", w.SetSetting(t.Context(), here, node.Setting{ID: node.DefaultRoleSetting}), "")
	_, err = w.RoleToken(t.Context(), node.Proof{Node: id}, id, noon)
	want(t, "after the reset", err, "AccessDeniedException")
	want(t, "deregister", w.Deregister(t.Context(), here, id), "InvalidInstanceId")
	want(t, "ping", w.Ping(t.Context(), here, id, node.Information{PlatformType: "Linux", ComputerName: "web"}, noon), "")
	want(t, "first ping again", w.Ping(t.Context(), here, id, node.Information{PlatformType: "Linux"}, noon), "")
	v, err := w.View(t.Context(), here, id, noon)
	if err != nil || v.Status != node.Online || v.Information.ComputerName != "web" {
		t.Errorf("view %+v, %v", v, err)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld()
	id := w.register(t)
	status := func(what string, want node.Status) {
		t.Helper()
		v, err := w.View(t.Context(), here, id, w.clock())
		if err != nil || v.Status != want {
			t.Errorf("%s: %s, %v; want %s", what, v.Status, err, want)
		}
	}
	ping := func() { want(t, "ping", w.Ping(t.Context(), here, id, node.Information{}, w.clock()), "") }
	w.pass(time.Hour)
	leave := w.Arrive(id)
	status("a connection is open", node.Online)
	w.pass(time.Second)
	ping()
	w.pass(time.Hour)
	status("open for an hour without a ping", node.Online)
	ping()
	w.pass(time.Second)
	leave()
	leave()
	status("just closed", node.Online)
	again := w.Arrive(id)
	w.pass(time.Minute)
	status("came back", node.Online)
	again()
	w.pass(30 * time.Second)
	status("closed for the whole window", node.Online)
	w.pass(time.Second)
	status("did not come back", node.ConnectionLost)
	ping()
	status("pings without a connection", node.Online)
	w.pass(node.PingWindow)
	status("the last ping is just good", node.Online)
	w.pass(time.Second)
	status("no ping", node.ConnectionLost)
	ping()
	w.pass(time.Second)
	w.restart()
	status("after a restart of the server", node.Online)
	w.pass(2*time.Minute + time.Second)
	status("did not come back after it", node.ConnectionLost)
	want(
		t,
		"ping of nobody",
		w.Ping(t.Context(), here, "mi-00000000000000000", node.Information{}, noon),
		"InvalidInstanceId",
	)
}

func TestInactive(t *testing.T) {
	w := newWorld()
	w.pass(time.Hour)
	id := w.register(t)
	v, err := w.View(t.Context(), here, id, w.clock())
	if err != nil || v.Status != node.Inactive {
		t.Errorf("never heard of: %s, %v", v.Status, err)
	}
}

func TestTagsAndRole(t *testing.T) {
	w := newWorld()
	id := w.register(t)
	want(t, "tag", w.Tag(t.Context(), here, id, map[string]string{"a": "1"}, []string{"site"}), "")
	if tags, err := w.Tags(t.Context(), here, id); err != nil || len(tags) != 1 || tags["a"] != "1" {
		t.Errorf("tags %v, %v", tags, err)
	}
	want(t, "tag an instance", w.Tag(t.Context(), here, "i-1", nil, nil), "InvalidResourceId")
	want(t, "tag nobody", w.Tag(t.Context(), here, "mi-1", nil, nil), "InvalidResourceId")
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	want(t, "too many", w.Tag(t.Context(), here, id, many, nil), "TooManyTagsError")
	want(t, "role", w.SetRole(t.Context(), here, id, "Nodes"), "")
	want(t, "no role", w.SetRole(t.Context(), here, id, "Nobody"), "ValidationException")
	var gone []string
	w.OnGone(func(_ context.Context, id string) { gone = append(gone, id) })
	want(t, "elsewhere", w.Deregister(t.Context(), scope.Scope{}, id), "InvalidInstanceId")
	want(t, "deregister", w.Deregister(t.Context(), here, id), "")
	if !slices.Equal(gone, []string{id}) {
		t.Errorf("gone %v", gone)
	}
	w.records.Fail(fault.New(fault.Unavailable, "test", "disk full"))
	if err := w.Ping(t.Context(), here, "i-1", node.Information{}, noon); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ping with a full disk: %v", err)
	}
}
