package world_test

import (
	"net/netip"
	"strings"
	"testing"

	"postern/aws/sigv4"
	"postern/test/world"
)

// TestServicesThatAreNotThere makes the endpoints of services that Postern does not serve, as Terraform for private
// access does: they are there, their names lead to private addresses, and their calls are answered through them, in the
// service's own shape, with 501.
func TestServicesThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, service := range []string{"kms", "logs", "ec2", "monitoring"} {
		w.CreateEndpoint(service)
	}
	n := w.Bare()
	keys := map[string]sigv4.Credentials{"root": w.Root(), "node": n.Credentials()}
	private := netip.MustParsePrefix("10.0.0.0/16")
	for _, c := range []struct {
		ask    ask
		status int
		says   []string
	}{
		{ask{
			service: "kms", target: "TrentService.Encrypt", body: `{"KeyId":"alias/x","Plaintext":"eA=="}`, keys: "node",
		}, 501,
			[]string{`"__type":"NotImplementedException"`, "kms", "TrentService.Encrypt"}},
		{ask{service: "logs", target: "Logs_20140328.CreateLogGroup", body: `{"logGroupName":"x"}`, keys: "node"}, 501,
			[]string{`"__type":"NotImplementedException"`, "logs", "Logs_20140328.CreateLogGroup"}},
		{
			ask{service: "monitoring", body: "Action=PutMetricData&Version=2010-08-01"}, 501,
			[]string{"<Code>NotImplemented</Code>", "monitoring"},
		},
		{ask{service: "ec2", body: vpcs}, 200, []string{w.VPC}},
		{ask{service: "ec2", body: vpcs, keys: "node"}, 403, []string{"UnauthorizedOperation"}},
		// The endpoint of one service is no path to another.
		{
			ask{service: "ec2", host: "kms.us-east-1.amazonaws.com", target: "TrentService.Encrypt", body: "{}"}, 401,
			[]string{"AuthFailure"},
		},
	} {
		name := c.ask.service + ".us-east-1.amazonaws.com"
		addresses, err := n.Lookup(t.Context(), name)
		if err != nil || len(addresses) != 2 || !private.Contains(addresses[0]) || !private.Contains(addresses[1]) {
			t.Errorf("%s is %v, %v", name, addresses, err)
			continue
		}
		status, body := n.Ask(c.ask.request(t, "https://"+name+"/", keys))
		for _, text := range c.says {
			if status != c.status || !strings.Contains(body, text) {
				t.Errorf("%s %s%s: %d %s\nwant %d with %s", name, c.ask.host, c.ask.target, status, body, c.status, text)
			}
		}
	}
}
