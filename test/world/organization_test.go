package world_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"postern/api"
	"postern/aws/sigv4"
	"postern/test/world"
)

const organization = "o-exampleorgid"

// putPolicies gives all endpoints of a world a policy of these statements.
func putPolicies(t *testing.T, w *world.World, statements string) {
	t.Helper()
	for _, service := range w.Services() {
		ok[*ec2.ModifyVpcEndpointOutput](t)(w.EC2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{
			VpcEndpointId:  aws.String(w.Endpoints[service]),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
		}))
	}
}

// requestOf returns what is recorded of the request, as `postern explain --request` reads it.
func requestOf(t *testing.T, w *world.World, id string) string {
	t.Helper()
	describe := ask{service: "postern", target: "Postern.DescribeRequest", body: `{"RequestId":"` + id + `"}`}
	status, body := w.Public(describe.request(t, w.Server.Access().Endpoint+"/", map[string]sigv4.Credentials{
		"root": w.Root(),
	}))
	if status != http.StatusOK {
		t.Errorf("request %s: %d %s", id, status, body)
	}
	return body
}

// TestDataPerimeter lets only principals of the organization through the endpoints, as AWS's examples of a data
// perimeter do. Instances come Online, their calls being signed with their roles' credentials. A machine cannot
// register: that call has no principal, and so no aws:PrincipalOrgID. ssm:NodeOrgId is what lets it in.
func TestDataPerimeter(t *testing.T) {
	t.Parallel()
	var seen witness
	w := world.New(t, world.Organization(organization), world.Audit(seen.audit))
	const perimeter = `{"Sid":"Perimeter","Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
		"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid","aws:ResourceOrgID":"o-exampleorgid",
			"aws:VpceOrgID":"o-exampleorgid"}}}`
	putPolicies(t, w, perimeter)
	n := w.Instance()
	n.Await(world.Online)
	if got := n.Says("echo in"); got != "in\n" {
		t.Errorf("the instance says %q", got)
	}

	var refused string
	activation, m := w.Activate(1), w.Machine()
	err := m.Register(activation)
	if err == nil || !strings.Contains(err.Error(),
		"no VPC endpoint policy allows the ssm:RegisterManagedInstance action") {
		t.Fatalf("the machine registers: %v", err)
	}
	seen.saw(func(r *api.Record) bool {
		if r.Operation == "RegisterManagedInstance" && r.SourceIP == m.Address.String() {
			refused = r.RequestID
		}
		return false
	})
	why := requestOf(t, w, refused)
	for _, says := range []string{
		`"Principal":""`, `"Why":"StringEquals aws:PrincipalOrgID"`, `"Name":"aws:principalorgid","Unknown":false`,
	} {
		if !strings.Contains(why, says) {
			t.Errorf("explain does not say %s: %s", says, why)
		}
	}

	const nodes = `{"Effect":"Allow","Principal":"*","Action":["ssm:RegisterManagedInstance",
		"ssm:RequestManagedInstanceRoleToken","ssm:UpdateManagedInstancePublicKey"],"Resource":"*",
		"Condition":{"StringEquals":{"ssm:NodeOrgId":"ORGANIZATION"}}}`
	putPolicies(t, w, perimeter+","+strings.ReplaceAll(nodes, "ORGANIZATION", "o-anotherorgid"))
	if err := m.Register(activation); err == nil {
		t.Fatal("the machine registers by another organization's statement")
	}
	putPolicies(t, w, perimeter+","+strings.ReplaceAll(nodes, "ORGANIZATION", organization))
	if err := m.Register(activation); err != nil {
		t.Fatal(err)
	}
	m.Work()
	m.Await(world.Online)
	if got := m.Says("echo in"); got != "in\n" {
		t.Errorf("the machine says %q", got)
	}
}
