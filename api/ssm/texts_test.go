package ssm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"postern/api/nodetest"
)

// TestTexts: programs look for Amazon's sentences. Each error begins with the one that is publicly known for it.
func TestTexts(t *testing.T) {
	c, ctx := nodetest.New(t, nodetest.Options{}).SSM(), t.Context()
	put := func() error {
		_, err := c.PutParameter(
			ctx, &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("1"), Type: types.ParameterTypeString},
		)
		return err
	}
	document := func() error {
		_, err := c.CreateDocument(ctx, &ssm.CreateDocumentInput{
			Name: aws.String("hello"), DocumentType: types.DocumentTypeCommand, DocumentFormat: types.DocumentFormatYaml,
			Content: aws.String(
				"schemaVersion: '2.2'\nmainSteps: [{action: aws:runShellScript, name: s, inputs: {runCommand: [id]}}]",
			),
		})
		return err
	}
	if err := errors.Join(put(), document()); err != nil {
		t.Fatal(err)
	}
	_, noParameter := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/x")})
	_, noVersion := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a:7")})
	_, noDeletion := c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/x")})
	_, noDocument := c.GetDocument(ctx, &ssm.GetDocumentInput{Name: aws.String("nothing")})
	_, noNodes := c.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("hello"), InstanceIds: []string{"i-0bbbbbbbbbbbbbbbb", "i-0aaaaaaaaaaaaaaaa"},
	})
	for _, tt := range []struct {
		err        error
		code, want string
	}{
		{noParameter, "ParameterNotFound", "Parameter /x not found."},
		{
			noVersion, "ParameterVersionNotFound",
			"Systems Manager could not find version 7 of /a. Verify the version and try again.",
		},
		{noDeletion, "ParameterNotFound", "Parameter /x not found."},
		{
			put(), "ParameterAlreadyExists",
			"The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
		},
		{noDocument, "InvalidDocument", "Document with name nothing does not exist."},
		{document(), "DocumentAlreadyExists", "Document with same name hello already exists"},
		{
			noNodes, "InvalidInstanceId",
			"Instances [[i-0bbbbbbbbbbbbbbbb, i-0aaaaaaaaaaaaaaaa]] not in a valid state for account " + nodetest.Account,
		},
	} {
		var got smithy.APIError
		if !errors.As(tt.err, &got) || got.ErrorCode() != tt.code || !strings.HasPrefix(got.ErrorMessage(), tt.want) {
			t.Errorf("%v\nwant %s: %s", tt.err, tt.code, tt.want)
		}
	}
}
