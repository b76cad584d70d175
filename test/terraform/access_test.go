package terraform

import (
	"strings"
	"testing"
)

// TestAccess applies users, keys, roles, policies and parameters, and looks all of it up again; changes it in place and
// with replacement; forgets some of it and imports it. Then somebody who has only the user's key applies something with
// the role that the key may assume.
func TestAccess(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "access")
	w.apply()
	w.settled()
	w.wants("found", "true 1 true 1 / reads parameters true 1 2 info a+b+c Command 0")
	changed := []string{
		`actions=["ssm:GetParameter"]`,        // a policy's next version
		"path=/others/",                       // a user in place
		"type=StringList", "level=debug,info", // a parameter's next version, a document's too
	}
	w.apply(changed...)
	w.settled(changed...)
	w.wants("found", "true 1 true 1 / reads parameters true 1 2 debug,info a+b+c Command 0")
	w.assume(have, s)
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	connect(t, s).empty()
}

func (w *workspace) wants(output, want string) {
	w.t.Helper()
	var got string
	if w.output(output, &got); got != want {
		w.t.Errorf("%s is %q, want %q", output, got, want)
	}
}

// assume applies another configuration as the user that w has made. The provider assumes the role.
func (w *workspace) assume(have tools, s *server) {
	w.t.Helper()
	var role string
	var key struct{ ID, Secret string }
	w.output("role", &role)
	w.output("key", &key)
	as := newWorkspace(w.t, have, s, "deployed")
	as.env = append(as.env, "AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret, "TF_VAR_role="+role)
	as.apply()
	as.settled()
	as.wants("me", "arn:aws:sts::000000000000:assumed-role/deploy/terraform")
	for variable, refusal := range map[string]string{
		"external_id=wrong":    "no role trust policy",
		"parameter=/elsewhere": "ssm:PutParameter",
	} {
		code, out := as.try("apply", "-auto-approve", "-no-color", "-var", variable)
		if out = strings.Join(strings.Fields(out), " "); code == 0 || !strings.Contains(out, refusal) {
			w.t.Errorf("with %s: exit code %d, want %q\n%s", variable, code, refusal, out)
		}
	}
	as.destroy()
}
