package ssm_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"postern/api/apitest"
	"postern/api/nodetest"
	"postern/aws/sigv4"
)

// golden reads what the real agent said to this service. See testdata/agent for who recorded what and when; the
// recorder is TestRealAgent in test/conform. Requests with an ordinary signature are signed anew, because the secrets
// are gone. Signatures with keys of the agents' own are verified as they were recorded.
func golden(t *testing.T, name string) *apitest.Exchange {
	t.Helper()
	return apitest.ReadGolden(t, "testdata/agent/"+name+".txt")
}

// issued masks the values that no two answers with credentials share.
var issued = nodetest.Masks{
	regexp.MustCompile(`"(AccessKeyId|SecretAccessKey|SessionToken)":"[^"]*"`),
	regexp.MustCompile(`"TokenExpirationDate":[0-9.]+`),
}

// member reads a text out of a recorded request's body.
func member(t *testing.T, e *apitest.Exchange, name string) string {
	t.Helper()
	_, body := e.ReadRequest(t)
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	text, _ := in[name].(string)
	return text
}

// TestTheRealAgentsFirstCalls replays what an instance says at its start.
func TestTheRealAgentsFirstCalls(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	id := member(t, golden(t, "register_instance"), "Fingerprint")
	m := l.Instance(t, id)
	for _, name := range []string{"register_instance", "update_empty", "update_full"} {
		e := golden(t, name)
		status, body := m.Replay(e)
		nodetest.Masks{}.Same(t, e, status, body)
	}
	got := describe(t, l.SSM(), id)
	type shown struct{ Agent, Platform, Version, Computer, Address string }
	want := shown{
		member(t, golden(t, "update_full"), "AgentVersion"), "Debian GNU/Linux", "12",
		member(t, golden(t, "update_full"), "ComputerName"), member(t, golden(t, "update_full"), "IPAddress"),
	}
	if diff := cmp.Diff(want, shown{
		aws.ToString(got.AgentVersion), aws.ToString(got.PlatformName), aws.ToString(got.PlatformVersion),
		aws.ToString(got.ComputerName), aws.ToString(got.IPAddress),
	}); diff != "" {
		t.Error(diff)
	}
}

// TestTheRealAgentsActivation replays a registration by an activation, and then the request for the role's credentials
// as it was recorded, in chunks and with the machine's RSA-PSS signature, which the server verifies by the recorded key
// at the recorded time.
func TestTheRealAgentsActivation(t *testing.T) {
	var ahead atomic.Int64
	l := nodetest.New(t, nodetest.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	register, token := golden(t, "register_hybrid"), golden(t, "role_token_hybrid")
	a, err := l.SSM().CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String(nodetest.Role)})
	if err != nil {
		t.Fatal(err)
	}
	status, body := l.Register(t).Replay(
		register, member(t, register, "ActivationId"), *a.ActivationId, "ACTIVATION-CODE", *a.ActivationCode,
	)
	nodetest.Masks{regexp.MustCompile(`mi-[0-9a-f]{17}`)}.Same(t, register, status, body)
	var made, recorded struct{ InstanceId string }
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(register.AnswerBody()), &recorded); err != nil {
		t.Fatal(err)
	}
	l.Rename(t, made.InstanceId, recorded.InstanceId)

	r, _ := token.ReadRequest(t)
	signature, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if signature.AccessKey != recorded.InstanceId || len(r.TransferEncoding) != 1 {
		t.Errorf("signed by %s, coded %v", signature.AccessKey, r.TransferEncoding)
	}
	if status, body := l.Replay(t, token); status == 200 && time.Since(signature.Time) > time.Hour {
		t.Errorf("long after its time: %d %s", status, body)
	}
	ahead.Store(int64(time.Until(signature.Time)))
	status, body = l.Replay(t, token)
	issued.Same(t, token, status, body)
	forged := *token
	forged.Request = bytes.Replace(token.Request, []byte(`{"Fingerprint":"`), []byte(`{"Fingerprint": "`), 1)
	if status, body := l.Replay(t, &forged); status != 400 || !strings.Contains(body, "InvalidSignatureException") {
		t.Errorf("with one byte more in its body: %d %s", status, body)
	}
}

// TestTheRealAgentsTwoSignatures verifies the second signature of default host management by the recorded key, and
// replays the request with both made anew.
func TestTheRealAgentsTwoSignatures(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	register, token := golden(t, "register_host"), golden(t, "role_token_host")
	key, err := sigv4.ParsePublicKey(member(t, register, "PublicKey"))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := token.ReadRequest(t)
	if err := sigv4.VerifyAsymmetric(r, key); err != nil {
		t.Errorf("as it was recorded: %v", err)
	}
	r.Header.Set("Authorization", r.Header.Get("Authorization")+"0")
	if err := sigv4.VerifyAsymmetric(r, key); err == nil {
		t.Error("it is good for another first signature")
	}

	setting := "/ssm/managed-instance/default-ec2-instance-management-role"
	if _, err := l.SSM().UpdateServiceSetting(
		t.Context(), &ssm.UpdateServiceSettingInput{SettingId: &setting, SettingValue: aws.String(nodetest.Role)},
	); err != nil {
		t.Fatal(err)
	}
	m := l.Instance(t, member(t, register, "Fingerprint"))
	status, body := m.Replay(register, member(t, register, "PublicKey"), nodetest.Public(t, m.Key))
	nodetest.Masks{}.Same(t, register, status, body)
	status, body = m.Replay(token)
	issued.Same(t, token, status, body)
}
