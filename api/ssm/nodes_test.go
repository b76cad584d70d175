package ssm_test

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/api/apitest"
	"postern/api/nodetest"
	"postern/ssm/node"
)

func describe(t *testing.T, c *ssm.Client, id string) types.InstanceInformation {
	t.Helper()
	out, err := c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{id}}},
	})
	if err != nil || len(out.InstanceInformationList) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	return out.InstanceInformationList[0]
}

func TestActivations(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	created, err := c.CreateActivation(t.Context(), &ssm.CreateActivationInput{
		IamRole: aws.String(nodetest.Role), DefaultInstanceName: aws.String("press"), Description: aws.String("hall 3"),
		RegistrationLimit: aws.Int32(2),
		ExpirationDate:    aws.Time(time.Now().Add(time.Hour)),
		Tags:              []types.Tag{{Key: aws.String("site"), Value: aws.String("works")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.DescribeActivations(t.Context(), &ssm.DescribeActivationsInput{
		Filters: []types.DescribeActivationsFilter{
			{FilterKey: types.DescribeActivationsFilterKeysDefaultInstanceName, FilterValues: []string{"press"}},
		},
	})
	if err != nil || len(all.ActivationList) != 1 || *all.ActivationList[0].ActivationId != *created.ActivationId ||
		*all.ActivationList[0].RegistrationLimit != 2 ||
		all.ActivationList[0].Expired || len(all.ActivationList[0].Tags) != 1 {
		t.Errorf("activations %+v, %v", all, err)
	}
	_, err = c.DeleteActivation(t.Context(), &ssm.DeleteActivationInput{ActivationId: created.ActivationId})
	want(t, "delete", err, "")
	_, err = c.DeleteActivation(t.Context(), &ssm.DeleteActivationInput{ActivationId: created.ActivationId})
	want(t, "delete again", err, "InvalidActivationId")
	_, err = c.CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String("Nobody")})
	want(t, "no role", err, "ValidationException")
	_, err = c.CreateActivation(
		t.Context(), &ssm.CreateActivationInput{IamRole: aws.String(nodetest.Role), RegistrationLimit: aws.Int32(0)},
	)
	want(t, "no registrations", err, "ValidationException")
}

func TestNodes(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	if got := describe(t, c, m.ID); got.PingStatus != types.PingStatusInactive || *got.Name != "edge" ||
		*got.IamRole != nodetest.Role || got.ResourceType != types.ResourceTypeManagedInstance ||
		got.LastPingDateTime != nil {
		t.Errorf("before its first ping %+v", got)
	}
	m.Ping()
	if got := describe(t, c, m.ID); got.PingStatus != types.PingStatusOnline || *got.AgentVersion != "3.3.0.0" ||
		got.PlatformType != types.PlatformTypeLinux || got.LastPingDateTime == nil {
		t.Errorf("after it %+v", got)
	}
	status, err := c.GetConnectionStatus(t.Context(), &ssm.GetConnectionStatusInput{Target: &m.ID})
	if err != nil || status.Status != types.ConnectionStatusNotConnected {
		t.Errorf("%+v, %v", status, err)
	}
	m.Connect(nil)
	nodetest.Until(t, "it is connected", func() bool {
		status, err := c.GetConnectionStatus(t.Context(), &ssm.GetConnectionStatusInput{Target: &m.ID})
		return err == nil && status.Status == types.ConnectionStatusConnected
	})
	if _, err := c.UpdateManagedInstanceRole(
		t.Context(), &ssm.UpdateManagedInstanceRoleInput{InstanceId: &m.ID, IamRole: aws.String(nodetest.Role)},
	); err != nil {
		t.Errorf("the role that it has: %v", err)
	}
	_, err = c.UpdateManagedInstanceRole(
		t.Context(), &ssm.UpdateManagedInstanceRoleInput{InstanceId: &m.ID, IamRole: aws.String("Nobody")},
	)
	want(t, "unknown role", err, "ValidationException")
	_, err = c.DeregisterManagedInstance(t.Context(), &ssm.DeregisterManagedInstanceInput{InstanceId: &m.ID})
	want(t, "deregister", err, "")
	_, err = c.DeregisterManagedInstance(t.Context(), &ssm.DeregisterManagedInstanceInput{InstanceId: &m.ID})
	want(t, "deregister again", err, "InvalidInstanceId")
	if status, body := m.Prove(
		"RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": m.Fingerprint},
	); status != 400 || strings.Contains(body, "AccessDenied") {
		t.Errorf("a deregistered machine: %d %s", status, body)
	}
}

func TestRegister(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	a, err := l.SSM().CreateActivation(t.Context(), &ssm.CreateActivationInput{IamRole: aws.String(nodetest.Role)})
	if err != nil {
		t.Fatal(err)
	}
	good := func() map[string]any {
		return map[string]any{
			"ActivationId": *a.ActivationId, "ActivationCode": *a.ActivationCode, "Fingerprint": "x",
			"PublicKey": nodetest.Public(t, m.Key), "PublicKeyType": "Rsa",
		}
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		code   string
	}{
		{"wrong code", func(in map[string]any) { in["ActivationCode"] = "AAAAAAAAAAAAAAAAAAAA" }, "InvalidActivation"},
		{
			"wrong id", func(in map[string]any) { in["ActivationId"] = "00000000-0000-0000-0000-000000000000" },
			"InvalidActivation",
		},
		{"no activation", func(in map[string]any) {
			delete(in, "ActivationId")
			delete(
				in, "ActivationCode",
			)
		}, "InvalidActivation"},
		{"bad key", func(in map[string]any) { in["PublicKey"] = "AAAA" }, "InvalidPublicKey"},
		{"no key", func(in map[string]any) { delete(in, "PublicKey") }, "ValidationException"},
		{"good", func(map[string]any) {}, `"InstanceId":"mi-`},
		{"used up", func(map[string]any) {}, "RegistrationLimitExceeded"},
	} {
		in := good()
		tt.change(in)
		if _, body := m.Unsigned("RegisterManagedInstance", in); !strings.Contains(body, tt.code) {
			t.Errorf("%s: %s, want %s", tt.name, body, tt.code)
		}
	}
}

func TestRoleToken(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{KeyMaxAge: time.Nanosecond})
	m := l.Register(t)
	status, body := m.Prove("RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": m.Fingerprint})
	var out struct {
		AccessKeyId, SecretAccessKey, SessionToken string
		TokenExpirationDate                        float64
		UpdateKeyPair                              *bool
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK ||
		out.TokenExpirationDate < float64(time.Now().Unix()) || out.UpdateKeyPair == nil || !*out.UpdateKeyPair {
		t.Errorf("%d %s, %v", status, body, err)
	}
	if status, body := m.Prove(
		"RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": "a copy"},
	); status != 400 || !strings.Contains(body, "MachineFingerprintDoesNotMatch") {
		t.Errorf("a copied registration: %d %s", status, body)
	}
	old := m.Key
	second := nodetest.NewKey()
	change := func(to *rsa.PrivateKey) (int, string) {
		return m.Prove(
			"UpdateManagedInstancePublicKey", map[string]any{"NewPublicKey": nodetest.Public(t, to), "NewPublicKeyType": "Rsa"},
		)
	}
	if status, body := change(second); status != http.StatusOK || body != "{}" {
		t.Errorf("change of key: %d %s", status, body)
	}
	m.Renew() // the answer was lost: the old key is still good
	m.Key = second
	m.Renew()
	m.Key = old
	if status, _ := m.Prove(
		"RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": m.Fingerprint},
	); status == http.StatusOK {
		t.Error("the old key is good after the new one was used")
	}
}

func TestInstanceIdentity(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Instance(t, "i-0123456789abcdef0")
	register := map[string]any{"Fingerprint": m.ID, "PublicKey": nodetest.Public(t, m.Key), "PublicKeyType": "Rsa"}
	if status, body := m.Call(
		"ssm", "RegisterManagedInstance", register,
	); status != http.StatusOK || body != `{"InstanceId":"`+m.ID+`"}` {
		t.Errorf("register: %d %s", status, body)
	}
	register["Fingerprint"] = "i-00000000000000000"
	if _, body := m.Call("ssm", "RegisterManagedInstance", register); !strings.Contains(body, "InvalidInstanceId") {
		t.Errorf("another's fingerprint: %s", body)
	}
	ask := func() (int, string) {
		return m.ProveBoth("RequestManagedInstanceRoleToken", map[string]any{"Fingerprint": m.ID})
	}
	if status, body := ask(); status != 400 || !strings.Contains(body, "AccessDeniedException") {
		t.Errorf("without a default role: %d %s", status, body)
	}
	id := aws.String(node.DefaultRoleSetting)
	_, err := c.UpdateServiceSetting(
		t.Context(), &ssm.UpdateServiceSettingInput{SettingId: id, SettingValue: aws.String(nodetest.Role)},
	)
	want(t, "set", err, "")
	if status, body := ask(); status != http.StatusOK || !strings.Contains(body, `"UpdateKeyPair":false`) {
		t.Errorf("with one: %d %s", status, body)
	}
	got, err := c.GetServiceSetting(t.Context(), &ssm.GetServiceSettingInput{SettingId: id})
	if err != nil || *got.ServiceSetting.SettingValue != nodetest.Role || *got.ServiceSetting.Status != "Customized" {
		t.Errorf("setting %+v, %v", got, err)
	}
	reset, err := c.ResetServiceSetting(t.Context(), &ssm.ResetServiceSettingInput{SettingId: got.ServiceSetting.ARN})
	if err != nil || *reset.ServiceSetting.SettingValue != "$None" || *reset.ServiceSetting.Status != "Default" {
		t.Errorf("reset %+v, %v", reset, err)
	}
	_, err = c.GetServiceSetting(t.Context(), &ssm.GetServiceSettingInput{SettingId: aws.String("/ssm/other")})
	want(t, "unknown setting", err, "ServiceSettingNotFound")
}

func TestAgentCalls(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m, other := l.Register(t), l.Instance(t, "i-0123456789abcdef0")
	for _, tt := range []struct {
		name, op string
		in       map[string]any
		status   int
		contains string
	}{
		{
			"associations", "ListInstanceAssociations", map[string]any{"InstanceId": m.ID, "MaxResults": 20}, 200,
			`{"Associations":[]}`,
		},
		{
			"another's associations", "ListInstanceAssociations", map[string]any{"InstanceId": other.ID}, 400,
			"AccessDeniedException",
		},
		{"older associations", "ListAssociations", map[string]any{}, 200, `"Associations":[]`},
		{
			"no association", "DescribeAssociation", map[string]any{"InstanceId": m.ID, "Name": "None"}, 400,
			"AssociationDoesNotExist",
		},
		{"document", "GetDocument", map[string]any{"Name": "AWS-RunShellScript"}, 200, "runtimeConfig"},
		{"another's ping", "UpdateInstanceInformation", map[string]any{"InstanceId": other.ID}, 400, "AccessDeniedException"},
		{
			"empty ping", "UpdateInstanceInformation",
			map[string]any{
				"InstanceId": m.ID, "AgentName": "amazon-ssm-agent", "AgentVersion": "3.3.0.0", "PlatformType": "Linux",
			},
			200, "{}",
		},
		{
			"long names", "UpdateInstanceInformation",
			map[string]any{"InstanceId": m.ID, "ComputerName": strings.Repeat("ü", 1000)}, 200, "{}",
		},
		{"inventory", "PutInventory", map[string]any{"InstanceId": m.ID, "Items": []any{}}, 501, "PutInventory"},
		{"compliance", "PutComplianceItems", map[string]any{}, 501, "PutComplianceItems"},
		{"manifest", "GetManifest", map[string]any{}, 501, "GetManifest"},
		{"package result", "PutConfigurePackageResult", map[string]any{}, 501, "PutConfigurePackageResult"},
		{"association status", "UpdateInstanceAssociationStatus", map[string]any{}, 501, "UpdateInstanceAssociationStatus"},
		{"session", "StartSession", map[string]any{"Target": m.ID}, 501, "StartSession"},
	} {
		status, body := m.Call("ssm", tt.op, tt.in)
		if status != tt.status || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: %d %s, want %d with %s", tt.name, status, body, tt.status, tt.contains)
		}
	}
	// An agent whose role forbids it is told so, and in these words only then.
	l.Allow(t, `{"Effect":"Allow","Action":"ssmmessages:*","Resource":"*"}`)
	if status, body := m.Call(
		"ssm", "UpdateInstanceInformation", map[string]any{"InstanceId": m.ID},
	); status != 400 || !strings.Contains(body, "AccessDeniedException") {
		t.Errorf("forbidden: %d %s", status, body)
	}
}

func TestGuard(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	l.Allow(t, `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	apitest.Guard(t, l.Handler, m.Credentials, time.Now())
}

// TestSourcesAndVersions: DescribeInstanceInformation filters by source, in both lists' own names, and says which nodes
// run the newest agent that the account's nodes have.
func TestSourcesAndVersions(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	a, b := l.Register(t), l.Register(t)
	a.Ping()
	b.Ping()
	if got := describe(t, c, a.ID); !aws.ToBool(got.IsLatestVersion) || *got.SourceId != a.ID ||
		got.SourceType != types.SourceTypeAwsSsmManagedinstance {
		t.Errorf("with the only version there is %+v", got)
	}
	b.PingAs("3.10.0.0")
	if old, now := describe(t, c, a.ID), describe(t, c, b.ID); old.IsLatestVersion == nil || *old.IsLatestVersion ||
		!aws.ToBool(now.IsLatestVersion) {
		t.Errorf("3.3.0.0 is the latest: %v; 3.10.0.0: %v", old.IsLatestVersion, now.IsLatestVersion)
	}
	selected := func(key, value string) int {
		out, err := c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{
			Filters: []types.InstanceInformationStringFilter{{Key: &key, Values: []string{value}}},
		})
		if err != nil {
			t.Error(key, err)
			return -1
		}
		return len(out.InstanceInformationList)
	}
	for _, tt := range []struct {
		key, value string
		want       int
	}{
		{"SourceIds", a.ID, 1}, {"SourceIds", "mi-00000000000000000", 0},
		{"SourceTypes", "AWS::SSM::ManagedInstance", 2}, {"SourceTypes", "AWS::EC2::Instance", 0},
		{"PlatformType", "Linux", 2}, {"PlatformTypes", "Linux", 2}, {"ActivationIds", "none", 0},
	} {
		if got := selected(tt.key, tt.value); got != tt.want {
			t.Errorf("%s %s selects %d, want %d", tt.key, tt.value, got, tt.want)
		}
	}
	list, err := c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{
		InstanceInformationFilterList: []types.InstanceInformationFilter{
			{Key: types.InstanceInformationFilterKeyPlatformTypes, ValueSet: []string{"Linux"}},
		},
	})
	if err != nil || len(list.InstanceInformationList) != 2 {
		t.Errorf("the older list selects %+v, %v", list, err)
	}
	unknown := "Colour"
	_, err = c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{{Key: &unknown, Values: []string{"red"}}},
	})
	want(t, "an unknown key", err, "InvalidFilterKey")
	_, err = c.DescribeInstanceInformation(t.Context(), &ssm.DescribeInstanceInformationInput{
		Filters: []types.InstanceInformationStringFilter{
			{Key: aws.String("SourceIds"), Values: []string{a.ID}},
		},
		InstanceInformationFilterList: []types.InstanceInformationFilter{
			{Key: types.InstanceInformationFilterKeyPlatformTypes, ValueSet: []string{"Linux"}},
		},
	})
	want(t, "both lists", err, "ValidationException")
}
