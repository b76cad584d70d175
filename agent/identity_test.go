package agent_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/agent"
)

func TestEC2(t *testing.T) {
	credentials := func(key string) string {
		return fmt.Sprintf(
			`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":%q,"SecretAccessKey":"secret","Token":"token","Expiration":%q}`,
			key, time.Now().Add(time.Hour).Format(time.RFC3339),
		)
	}
	for _, tt := range []struct {
		name    string
		profile bool // there is one
		allows  bool // it allows the agent's calls
		key     string
	}{
		{"instance profile", true, true, "ASIAPROFILE"},
		{"no profile", false, false, "ASIATOKEN"},
		{"profile without rights", true, false, "ASIATOKEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			s.metadata = map[string]string{
				"dynamic/instance-identity/document": `{"instanceId":"i-0123456789abcdef0",` +
					`"region":"eu-west-7","availabilityZone":"eu-west-7a","privateIp":"10.0.1.20"}`,
				"meta-data/placement/availability-zone-id":                             "euw7-az1",
				"meta-data/identity-credentials/ec2/security-credentials/ec2-instance": credentials("ASIAIIR"),
			}
			s.secrets["ASIAIIR"] = "secret"
			if tt.profile {
				s.metadata["meta-data/iam/security-credentials/"] = "role\n"
				s.metadata["meta-data/iam/security-credentials/role"] = credentials("ASIAPROFILE")
				s.secrets["ASIAPROFILE"] = "secret"
			}
			if tt.profile && !tt.allows {
				s.setRefusal("UpdateInstanceInformation", &refusal{http.StatusBadRequest, `{"__type":"AccessDeniedException"}`})
				go func() {
					s.next("RequestManagedInstanceRoleToken")
					s.setRefusal("UpdateInstanceInformation", nil)
				}()
			}
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.web.URL)
			a := s.agent()
			a.Identity = &agent.EC2{Dir: a.Dir, Metadata: s.web.Client()}
			run(t, a)
			s.channel()
			if tt.profile && !tt.allows {
				return
			}
			for {
				c := s.next("UpdateInstanceInformation")
				if c.key != tt.key {
					t.Errorf("signed with %s, want %s", c.key, tt.key)
				}
				if c.body["AvailabilityZone"] == nil {
					continue
				}
				if c.body["AvailabilityZone"] != "eu-west-7a" || c.body["AvailabilityZoneId"] != "euw7-az1" ||
					c.body["IPAddress"] != "10.0.1.20" {
					t.Errorf("says %v", c.body)
				}
				break
			}
		})
	}
}

func TestHybrid(t *testing.T) {
	s := newService(t)
	a := s.agent()
	machine := filepath.Join(t.TempDir(), "machine-id")
	os.WriteFile(machine, []byte("0123\n"), 0o600)
	h := &agent.Hybrid{Dir: a.Dir, Local: "10.0.1.77", MachineID: machine}
	if err := h.Load(); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("before: %v", err)
	}
	if err := h.Register(t.Context(), a, agent.Activation{
		ID: "12345678-1234-1234-1234-123456789012", Code: "ABCDEFGHIJKLMNOPQRST", Region: "us-east-1",
	}); err != nil {
		t.Fatal(err)
	}
	c := s.next("RegisterManagedInstance")
	if c.key != "" || c.body["ActivationCode"] != "ABCDEFGHIJKLMNOPQRST" ||
		c.body["ActivationId"] != "12345678-1234-1234-1234-123456789012" ||
		c.body["PublicKeyType"] != "Rsa" || len(c.body["PublicKey"].(string)) != 392 || h.Node() != "mi-0123456789abcdef0" {
		t.Errorf("registered %s with %v", h.Node(), c.body)
	}
	if info, err := os.Stat(filepath.Join(a.Dir, "registration.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	b := s.agent()
	b.Dir = a.Dir
	b.Identity = &agent.Hybrid{Dir: a.Dir, Local: "10.0.1.77", MachineID: machine}
	run(t, b)
	token := s.next("RequestManagedInstanceRoleToken")
	if token.key != "mi-0123456789abcdef0" || token.body["Fingerprint"] != c.body["Fingerprint"] {
		t.Errorf("asked for a token as %s with %v", token.key, token.body)
	}
	if c := s.next("UpdateInstanceInformation"); c.key != "ASIATOKEN" {
		t.Errorf("signed with %s", c.key)
	}
	s.channel()

	os.WriteFile(machine, []byte("4567\n"), 0o600)
	copied := s.agent()
	copied.Dir = t.TempDir()
	copied.Identity = &agent.Hybrid{Dir: a.Dir, MachineID: machine}
	run(t, copied)
	if token := s.next("RequestManagedInstanceRoleToken"); token.body["Fingerprint"] == c.body["Fingerprint"] {
		t.Error("a copy on another machine has the same fingerprint")
	}
}

func TestHybridSaysNothingOfTheCode(t *testing.T) {
	s := newService(t)
	s.setRefusal("RegisterManagedInstance",
		&refusal{http.StatusBadRequest, `{"__type":"InvalidActivation","message":"no"}`})
	a := s.agent()
	h := &agent.Hybrid{Dir: a.Dir}
	err := h.Register(t.Context(), a, agent.Activation{ID: "id", Code: "ABCDEFGHIJKLMNOPQRST", Region: "us-east-1"})
	if err == nil || !strings.Contains(err.Error(), "InvalidActivation") || strings.Contains(err.Error(), "ABCDEF") {
		t.Errorf("%v", err)
	}
	if err := h.Load(); err == nil {
		t.Error("something was kept")
	}
}
