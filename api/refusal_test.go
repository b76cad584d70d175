package api_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"postern/api"
	awsiam "postern/aws/iam"
	"postern/aws/wire"
)

// TestRefusalsAreTerse: in each protocol the caller gets Amazon's words, and nothing of what policies say.
func TestRefusalsAreTerse(t *testing.T) {
	const who = "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: "
	const managed = "arn:aws:iam::000000000000:policy/Guard"
	deny := strings.Replace(strings.Replace(allowAll, "Allow", "Deny", 1), `"Effect"`, `"Sid":"Secret","Effect"`, 1)
	for _, tt := range []struct {
		name, policy, called string
		request
		code, message string
	}{
		{"json", "", "", cancel, "AccessDeniedException",
			who + "ssm:CancelCommand on resource: arn:aws:ssm:us-east-1:000000000000:* because no identity-based policy " +
				"allows the ssm:CancelCommand action"},
		{"json, denied inline", deny, "inline", cancel, "AccessDeniedException",
			who + "ssm:CancelCommand on resource: arn:aws:ssm:us-east-1:000000000000:* with an explicit deny in an " +
				"identity-based policy"},
		{"json, denied by a managed policy", deny, managed, cancel, "AccessDeniedException",
			who + "ssm:CancelCommand on resource: arn:aws:ssm:us-east-1:000000000000:* with an explicit deny in an " +
				"identity-based policy: " + managed},
		{"ec2", "", "", create, "UnauthorizedOperation",
			"You are not authorized to perform this operation. " + who + "ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:" +
				"000000000000:vpc/* because no identity-based policy allows the ec2:CreateVpc action. Encoded authorization " +
				"failure message: ENCODED"},
		{"ec2, a list", "", "", describe, "UnauthorizedOperation",
			"You are not authorized to perform this operation. " + who +
				"ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action"},
		{"query", "", "", role, "AccessDenied",
			who + "iam:CreateRole because no identity-based policy allows the iam:CreateRole action"},
	} {
		r := newRig(t)
		r.policy, r.policyName = tt.policy, tt.called
		services := r.services()
		services[0].AnyResource = func(c *api.Call) string { return "arn:aws:ssm:" + c.Region + ":" + c.Account + ":*" }
		var encoded string
		var err error
		if r.Handler, err = api.New(api.Config{
			Services: services, Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
			EncodeDenial: func(account string, message []byte) string {
				encoded = account + " " + string(message)
				return "ENCODED"
			},
			Audit: func(rec api.Record) { r.records = append(r.records, rec) },
		}); err != nil {
			t.Fatal(err)
		}
		_, got := r.do(t, tt.request)
		if code, message := codeAndMessage(got); code != tt.code || message != tt.message {
			t.Errorf("%s: %s %s\nwant %s %s", tt.name, code, message, tt.code, tt.message)
		}
		if e := r.records[0].Judged[0].Explanation; e == nil || tt.policy != "" && !e.Policies[0].Statements[0].Applies {
			t.Errorf("%s: the record of the request explains nothing: %+v", tt.name, e)
		}
		if tt.name == "ec2" && !strings.HasPrefix(encoded, account+` {"allowed":false,"explicitDeny":false,`+
			`"matchedStatements":{"items":[]},"failures":{"items":[]},"context":{"principal":{"id":"AIDAALICE","name":"alice",`+
			`"arn":"arn:aws:iam::000000000000:user/alice"},"action":"ec2:CreateVpc",`) {
			t.Errorf("encoded is %s", encoded)
		}
	}
}

// TestS3Refusals: the resource in quotation marks, and nothing for strangers.
func TestS3Refusals(t *testing.T) {
	const other, who = "111122223333", "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: "
	everybody := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`
	for _, tt := range []struct {
		name   string
		policy string
		owned
		message string
	}{
		{"my own", "", owned{"", account, false}, who + `s3:GetObject on resource: "arn:aws:s3:::b/k" because no ` +
			`identity-based policy allows the s3:GetObject action`},
		{"my own, denied", allowAll, owned{everybody, account, false},
			who + `s3:GetObject on resource: "arn:aws:s3:::b/k" with an explicit deny in a resource-based policy`},
		{"another's", allowAll, owned{"", other, false}, "Access Denied"},
	} {
		r := newRig(t)
		r.policy = tt.policy
		var err error
		if r.Handler, err = api.New(api.Config{Services: []api.Service{{
			Name: "s3", Protocol: wire.S3, ResourcePolicies: tt.owned, Operations: []api.Operation{
				api.Op("GetObject",
					api.Lookup(func(c *api.Call, _ *getObjectInput) []string {
						return []string{"arn:aws:s3:::" + c.PathValue("Bucket") + "/k"}
					}),
					reached[getObjectInput, getObjectOutput](r, nil), api.At("GET /{Bucket}/{Key+}", 200), api.All),
			},
		}}, Region: "us-east-1", Identities: r, Guards: r, Now: r.clock}); err != nil {
			t.Fatal(err)
		}
		status, got := r.do(t, request{method: "GET", host: "s3.us-east-1.amazonaws.com", path: "/b/k"})
		if code, message := codeAndMessage(got); status != 403 || code != "AccessDenied" || message != tt.message {
			t.Errorf("%s: %d %s %s\nwant %s", tt.name, status, code, message, tt.message)
		}
	}
}

// TestExplanationsKeepNoSecrets: an external id is a secret between two parties.
func TestExplanationsKeepNoSecrets(t *testing.T) {
	r := newRig(t)
	r.policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` +
		`{"StringEquals":{"sts:ExternalId":"other","aws:SourceIp":"x"}}}}`
	services := r.services()
	services[0].ConditionKeys = map[string]func(api.Question) string{
		"sts:ExternalId": func(api.Question) string { return "hunter2" },
	}
	services[0].ActionPrefix = "sts"
	var err error
	if r.Handler, err = api.New(api.Config{
		Services: services[:1], Region: "us-east-1", Identities: r, Guards: r, Now: r.clock,
		Audit: func(rec api.Record) { r.records = append(r.records, rec) },
	}); err != nil {
		t.Fatal(err)
	}
	r.do(t, cancel)
	var got []awsiam.KeyValues
	for _, j := range r.records[0].Judged {
		got = append(got, j.Explanation.Keys...)
	}
	if len(got) != 2 || got[0].Values[0] != "192.0.2.1" || got[1].Key != "sts:externalid" ||
		got[1].Values[0] != "(not recorded)" {
		t.Errorf("%+v", got)
	}
}

// said finds the code and the message in an error of any protocol.
var said = regexp.MustCompile(`(?s)(?:<Code>|"__type":")(\w+).*(?:<Message>|"[mM]essage":")(.*?)(?:</Message>|"})`)

func codeAndMessage(body string) (code, message string) {
	if m := said.FindStringSubmatch(body); m != nil {
		return m[1], html.UnescapeString(strings.ReplaceAll(m[2], `\"`, `"`))
	}
	return "", body
}
