package world_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"postern/agent"
	"postern/api"
	"postern/test/world"
)

// TestActivations: what a machine is told, by the private endpoint of ssm, whose activation is not good.
func TestActivations(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	expires := w.Activate(5)
	made, err := w.SSM.CreateActivation(t.Context(),
		&ssm.CreateActivationInput{IamRole: &w.Role, ExpirationDate: aws.Time(time.Now().Add(5 * time.Minute))})
	if err != nil {
		t.Fatal(err)
	}
	expires.ID, expires.Code = *made.ActivationId, *made.ActivationCode
	once := w.Activate(1)
	if err := w.Machine().Register(once); err != nil {
		t.Fatal(err)
	}
	deleted := w.Activate(1)
	if _, err := w.SSM.DeleteActivation(t.Context(), &ssm.DeleteActivationInput{ActivationId: &deleted.ID}); err != nil {
		t.Fatal(err)
	}
	good := w.Activate(2)
	w.Advance(6 * time.Minute)

	m := w.Machine()
	for _, c := range []struct {
		name string
		with agent.Activation
		want string
	}{
		{"expired", expires, "ActivationExpired"},
		{"used up", once, "RegistrationLimitExceeded"},
		{"wrong code", agent.Activation{ID: good.ID, Code: once.Code, Region: good.Region}, "InvalidActivation"},
		{
			"no such activation",
			agent.Activation{ID: "00000000-0000-4000-8000-000000000000", Code: good.Code, Region: good.Region},
			"InvalidActivation",
		},
		{"deleted", deleted, "InvalidActivation"},
		{"malformed", agent.Activation{ID: "x", Code: "y", Region: good.Region}, "InvalidActivation"},
	} {
		err := m.Register(c.with)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		} else if strings.Contains(err.Error(), c.with.Code) && len(c.with.Code) > 1 {
			t.Errorf("%s: the code is in the error: %v", c.name, err)
		}
	}
	if err := m.Register(good); err != nil {
		t.Errorf("after all of these, a good one: %v", err)
	}
}

// TestCopiedRegistration gives a second machine what the first one keeps of its registration. The first one goes on,
// the second one gets nothing, and whoever looks sees why.
func TestCopiedRegistration(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Audit(seen.audit))
	m := w.Join()
	thief := w.Machine()
	thief.Copy(m)
	thief.Work()
	from := func(x *world.Machine, op string, good bool) func(r *api.Record) bool {
		return func(r *api.Record) bool {
			return r.SourceIP == x.Address.String() && r.Operation == op && (r.Status < 400) == good
		}
	}
	w.Until("the copy was refused twice", func() bool {
		return seen.saw(from(thief, "RequestManagedInstanceRoleToken", false)) >= 2
	})
	for _, op := range []string{
		"RequestManagedInstanceRoleToken", "UpdateInstanceInformation", "OpenControlChannel", "GetMessages",
	} {
		if seen.saw(from(thief, op, true)) > 0 {
			t.Errorf("the copy got an answer to %s", op)
		}
	}
	if seen.saw(func(r *api.Record) bool {
		return r.SourceIP == thief.Address.String() && r.Code == "MachineFingerprintDoesNotMatch" &&
			strings.Contains(r.Err.Error(), "registered by another machine")
	}) == 0 {
		t.Error("nothing says that the registration is another machine's")
	}
	if got := m.Says("echo mine"); got != "mine\n" {
		t.Errorf("the first machine says %q", got)
	}
}

// TestDeregistered: a machine that is deregistered is out at once, with its channel and its credentials.
func TestDeregistered(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Audit(seen.audit))
	m := w.Join()
	if _, err := w.SSM.DeregisterManagedInstance(
		t.Context(), &ssm.DeregisterManagedInstanceInput{InstanceId: &m.ID},
	); err != nil {
		t.Fatal(err)
	}
	if m.Status() != "" {
		t.Errorf("it is still shown as %s", m.Status())
	}
	seen.forget()
	if _, err := w.TrySend("true", m.ID); err == nil || !strings.Contains(err.Error(), "InvalidInstanceId") {
		t.Errorf("a command for it: %v", err)
	}
	w.Until("it was turned away", func() bool {
		return seen.saw(func(r *api.Record) bool { return r.SourceIP == m.Address.String() && r.Status >= 400 }) > 0
	})
	if seen.saw(func(r *api.Record) bool { return r.SourceIP == m.Address.String() && r.Status < 400 }) > 0 {
		t.Error("it still gets answers")
	}
}
