package ssm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/api/nodetest"
	"postern/ssm/mgs"
)

func put(t *testing.T, c *ssm.Client, in *ssm.PutParameterInput) *ssm.PutParameterOutput {
	t.Helper()
	if in.Type == "" {
		in.Type = types.ParameterTypeString
	}
	out, err := c.PutParameter(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// database puts two versions of the parameter /app/db, the first of which is labelled prod, and the list /app/hosts.
func database(t *testing.T, c *ssm.Client) {
	t.Helper()
	made := put(t, c, &ssm.PutParameterInput{
		Name: aws.String("/app/db"), Value: aws.String("one"), Description: aws.String("where"),
		AllowedPattern: aws.String("^[a-z]+$"),
		Tags:           []types.Tag{{Key: aws.String("team"), Value: aws.String("x")}},
	})
	if made.Version != 1 || made.Tier != types.ParameterTierStandard {
		t.Errorf("made %+v", made)
	}
	put(t, c, &ssm.PutParameterInput{Name: aws.String("/app/db"), Value: aws.String("two"), Overwrite: aws.Bool(true)})
	put(
		t, c,
		&ssm.PutParameterInput{Name: aws.String("/app/hosts"), Value: aws.String("a,b"), Type: types.ParameterTypeStringList},
	)
	labelled, err := c.LabelParameterVersion(
		t.Context(),
		&ssm.LabelParameterVersionInput{
			Name: aws.String("/app/db"), ParameterVersion: aws.Int64(1), Labels: []string{"prod", "1st"},
		},
	)
	if err != nil || labelled.ParameterVersion != 1 || !slices.Equal(labelled.InvalidLabels, []string{"1st"}) {
		t.Errorf("labelled %+v, %v", labelled, err)
	}
}

func TestGetParameter(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	database(t, c)
	ctx := t.Context()
	for text, value := range map[string]string{
		"/app/db": "two", "/app/db:1": "one", "/app/db:prod": "one",
		"arn:aws:ssm:us-east-1:000000000000:parameter/app/db:2": "two",
	} {
		got, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &text, WithDecryption: aws.Bool(true)})
		if err != nil || *got.Parameter.Value != value || *got.Parameter.Name != "/app/db" ||
			*got.Parameter.DataType != "text" ||
			*got.Parameter.ARN != "arn:aws:ssm:us-east-1:000000000000:parameter/app/db" ||
			got.Parameter.LastModifiedDate == nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		} else if _, selector, ok := strings.Cut(
			strings.TrimPrefix(text, "arn:aws:ssm:us-east-1:000000000000:"), ":",
		); ok != (got.Parameter.Selector != nil) || ok && *got.Parameter.Selector != ":"+selector {
			t.Errorf("%s: selector %v", text, got.Parameter.Selector)
		}
	}
	some, err := c.GetParameters(
		ctx, &ssm.GetParametersInput{Names: []string{"/app/hosts", "/none", "/app/db:9", "/app/db"}},
	)
	if err != nil || len(some.Parameters) != 2 || *some.Parameters[0].Name != "/app/db" || !slices.Equal(
		some.InvalidParameters, []string{"/none", "/app/db:9"},
	) {
		t.Errorf("some %+v, %v", some, err)
	}
}

func TestParameterHistory(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	database(t, c)
	ctx := t.Context()
	history, err := c.GetParameterHistory(
		ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/app/db"), MaxResults: aws.Int32(1)},
	)
	if err != nil || len(history.Parameters) != 1 || history.NextToken == nil || *history.Parameters[0].Value != "one" ||
		history.Parameters[0].Labels[0] != "prod" ||
		*history.Parameters[0].LastModifiedUser != "arn:aws:iam::000000000000:root" {
		t.Errorf("history %+v, %v", history, err)
	}
	history, err = c.GetParameterHistory(
		ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/app/db"), NextToken: history.NextToken},
	)
	if err != nil || len(history.Parameters) != 1 || history.NextToken != nil || *history.Parameters[0].Value != "two" {
		t.Errorf("the rest of it %+v, %v", history, err)
	}
	removed, err := c.UnlabelParameterVersion(
		ctx,
		&ssm.UnlabelParameterVersionInput{
			Name: aws.String("/app/db"), ParameterVersion: aws.Int64(1), Labels: []string{"prod", "x"},
		},
	)
	if err != nil || !slices.Equal(
		removed.RemovedLabels, []string{"prod"},
	) || !slices.Equal(removed.InvalidLabels, []string{"x"}) {
		t.Errorf("unlabelled %+v, %v", removed, err)
	}
}

func TestDescribeParameters(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	database(t, c)
	ctx := t.Context()
	described, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{
		ParameterFilters: []types.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("Equals"), Values: []string{"/app/db"}},
		},
	})
	if err != nil || len(
		described.Parameters,
	) != 1 || *described.Parameters[0].Description != "where" || *described.Parameters[0].AllowedPattern != "^[a-z]+$" ||
		described.Parameters[0].Version != 2 {
		t.Errorf("described %+v, %v", described, err)
	}
	if old, err := c.DescribeParameters(
		ctx,
		&ssm.DescribeParametersInput{
			Filters: []types.ParametersFilter{{Key: types.ParametersFilterKeyType, Values: []string{"StringList"}}},
		},
	); err != nil || len(old.Parameters) != 1 {
		t.Errorf("by the old filters: %+v, %v", old, err)
	}
	tags, err := c.ListTagsForResource(
		ctx,
		&ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/app/db")},
	)
	if err != nil || len(tags.TagList) != 1 || *tags.TagList[0].Value != "x" {
		t.Errorf("tags %+v, %v", tags, err)
	}
}

func TestDeleteParameters(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	database(t, c)
	ctx := t.Context()
	gone, err := c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/app/hosts", "/none"}})
	if err != nil || !slices.Equal(
		gone.DeletedParameters, []string{"/app/hosts"},
	) || !slices.Equal(gone.InvalidParameters, []string{"/none"}) {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/app/db")})
	want(t, "delete", err, "")
	_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/app/db")})
	want(t, "delete again", err, "ParameterNotFound")
}

func TestParameterErrors(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	ctx := t.Context()
	for _, tt := range []struct {
		name   string
		change func(*ssm.PutParameterInput)
		code   string
	}{
		{"secure", func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeSecureString }, "NotImplementedException"},
		{"secure with a key", func(in *ssm.PutParameterInput) {
			in.Type, in.KeyId = types.ParameterTypeSecureString, aws.String("alias/x")
		}, "NotImplementedException"},
		{"key", func(in *ssm.PutParameterInput) { in.KeyId = aws.String("alias/x") }, "ValidationException"},
		{"policies", func(in *ssm.PutParameterInput) { in.Policies = aws.String("[]") }, "NotImplementedException"},
		{"name", func(in *ssm.PutParameterInput) { in.Name = aws.String("a b") }, "ValidationException"},
		{"no type", func(in *ssm.PutParameterInput) { in.Type = "" }, "ValidationException"},
		{"tag twice", func(in *ssm.PutParameterInput) {
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("a"), Value: aws.String("")}}
		}, "ValidationException"},
	} {
		in := &ssm.PutParameterInput{Name: aws.String("a"), Value: aws.String("v"), Type: types.ParameterTypeString}
		tt.change(in)
		_, err := c.PutParameter(ctx, in)
		want(t, tt.name, err, tt.code)
	}
	_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("a")})
	want(t, "nothing was stored", err, "ParameterNotFound")
	_, err = c.GetParameters(ctx, &ssm.GetParametersInput{Names: make([]string, 11)})
	want(t, "eleven", err, "ValidationException")
	_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/"), MaxResults: aws.Int32(11)})
	want(t, "a page of eleven", err, "ValidationException")
	_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/"), NextToken: aws.String("x")})
	want(t, "token", err, "InvalidNextToken")
	_, err = c.DescribeParameters(ctx, &ssm.DescribeParametersInput{Shared: aws.Bool(true)})
	want(t, "shared", err, "NotImplementedException")
	_, err = c.AddTagsToResource(
		ctx,
		&ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("a"), Tags: []types.Tag{},
		},
	)
	want(t, "tags of nothing", err, "InvalidResourceId")
}

func TestParametersByPath(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	var want []string
	for _, name := range []string{"/a/1", "/a/2", "/a/3/x", "/a/4", "/ab", "a"} {
		put(t, c, &ssm.PutParameterInput{Name: &name, Value: aws.String("v")})
		if strings.HasPrefix(name, "/a/") {
			want = append(want, name)
		}
	}
	var got []string
	pages := ssm.NewGetParametersByPathPaginator(
		c, &ssm.GetParametersByPathInput{Path: aws.String("/a"), Recursive: aws.Bool(true), MaxResults: aws.Int32(2)},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			got = append(got, *p.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A parameter has several names. Whichever is used, the policy that names the parameter has its say.
func TestOneParameterUnderEveryName(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c, m := l.SSM(), l.Register(t)
	put(t, c, &ssm.PutParameterInput{Name: aws.String("secret"), Value: aws.String("hush")})
	put(t, c, &ssm.PutParameterInput{Name: aws.String("/app/secret"), Value: aws.String("hush")})
	l.Allow(t, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":["ssm:*Parameter*"],"Resource":[
		"arn:aws:ssm:us-east-1:000000000000:parameter/secret","arn:aws:ssm:us-east-1:000000000000:parameter/app/secret"]}`)
	for _, name := range []string{
		"secret", "/secret", " secret", "secret:1", "/secret:1", "arn:aws:ssm:us-east-1:000000000000:parameter/secret",
		"arn:aws:ssm:us-east-1:000000000000:parameter/secret:1", "arn:aws-cn:ssm:us-east-1:000000000000:parameter/secret",
		"arn:aws:ssm:us-east-1:000000000000:parameter:secret",
		"/app/secret", "/app/secret:1", "arn:aws:ssm:us-east-1:000000000000:parameter/app/secret",
	} {
		for op, in := range map[string]map[string]any{
			"GetParameter": {"Name": name}, "GetParameters": {"Names": []string{"other", name}},
			"GetParameterHistory": {"Name": name},
		} {
			if status, body := m.Call("ssm", op, in); status == 200 || !strings.Contains(
				body, "AccessDenied",
			) || strings.Contains(body, "hush") {
				t.Errorf("%s %q: %d %s", op, name, status, body)
			}
		}
	}
	for op, in := range map[string]map[string]any{
		"PutParameter": {"Name": " /secret ", "Value": "x", "Overwrite": true}, "DeleteParameter": {"Name": "/secret"},
		"DeleteParameters":      {"Names": []string{"/secret"}},
		"LabelParameterVersion": {"Name": "/secret", "Labels": []string{"x"}},
	} {
		if status, body := m.Call("ssm", op, in); status == 200 || !strings.Contains(body, "AccessDenied") {
			t.Errorf("%s: %d %s", op, status, body)
		}
	}
}

// TestCommandsReferToParameters hands a reference on as it is: the node reads the parameter, with its own permissions.
func TestCommandsReferToParameters(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c, m := l.SSM(), l.Register(t)
	m.Connect(func(a *nodetest.Agent, job mgs.Job) {
		a.Ack(job.JobID, mgs.Accepted)
		a.Reply(job.JobID, nodetest.Result(mgs.Success, 0, job.Content, ""))
	})
	in := shell("echo {{ssm:/app/db:prod}}")
	in.InstanceIds = []string{m.ID}
	sent := send(t, c, in)
	out := until(t, c, *sent.CommandId, m.ID, types.CommandInvocationStatusSuccess)
	if !strings.Contains(*out.StandardOutputContent, `{{ssm:/app/db:prod}}`) {
		t.Errorf("the node was given %s", *out.StandardOutputContent)
	}
}

func TestDocumentsAreNotShared(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	ctx, doc := t.Context(), aws.String("Three")
	if _, err := c.CreateDocument(
		ctx, &ssm.CreateDocumentInput{Name: doc, Content: aws.String(threeSteps), DocumentType: types.DocumentTypeCommand},
	); err != nil {
		t.Fatal(err)
	}
	share := types.DocumentPermissionTypeShare
	told, err := c.DescribeDocumentPermission(ctx, &ssm.DescribeDocumentPermissionInput{Name: doc, PermissionType: share})
	if err != nil || told.AccountIds == nil || len(told.AccountIds)+len(told.AccountSharingInfoList) != 0 {
		t.Errorf("%+v, %v", told, err)
	}
	for _, tt := range []struct {
		name string
		in   ssm.ModifyDocumentPermissionInput
		code string
	}{
		{
			"share", ssm.ModifyDocumentPermissionInput{Name: doc, PermissionType: share, AccountIdsToAdd: []string{"all"}},
			"NotImplementedException",
		},
		{
			"end what never began",
			ssm.ModifyDocumentPermissionInput{Name: doc, PermissionType: share, AccountIdsToRemove: []string{"111111111111"}},
			"",
		},
		{"nothing", ssm.ModifyDocumentPermissionInput{Name: doc, PermissionType: share}, "ValidationException"},
		{
			"another permission",
			ssm.ModifyDocumentPermissionInput{Name: doc, PermissionType: "Own", AccountIdsToAdd: []string{"all"}},
			"ValidationException",
		},
		{
			"no document", ssm.ModifyDocumentPermissionInput{Name: aws.String("None"), PermissionType: share}, "InvalidDocument",
		},
		{
			"Amazon's", ssm.ModifyDocumentPermissionInput{Name: aws.String("AWS-RunShellScript"), PermissionType: share},
			"InvalidDocumentOperation",
		},
	} {
		_, err := c.ModifyDocumentPermission(ctx, &tt.in)
		want(t, tt.name, err, tt.code)
	}
}
