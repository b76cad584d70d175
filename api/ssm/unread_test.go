package ssm_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/api/nodetest"
)

const echo = `{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"a",` +
	`"inputs":{"runCommand":["true"]}}]}`

// TestMembersOfDocuments: what is not built is refused by the member's name, and what is built makes a difference.
func TestMembersOfDocuments(t *testing.T) {
	c, ctx := nodetest.New(t, nodetest.Options{}).SSM(), t.Context()
	name := aws.String("Echo")
	create := &ssm.CreateDocumentInput{
		Name: name, Content: aws.String(echo), DocumentType: types.DocumentTypeCommand, VersionName: aws.String("first"),
	}
	if _, err := c.CreateDocument(ctx, create); err != nil {
		t.Fatal(err)
	}
	update := &ssm.UpdateDocumentInput{
		Name: name, Content: aws.String(echo + " "), DocumentVersion: aws.String("$LATEST"),
		VersionName: aws.String("second"),
	}
	if _, err := c.UpdateDocument(ctx, update); err != nil {
		t.Fatal(err)
	}
	_, err := c.ModifyDocumentPermission(ctx, &ssm.ModifyDocumentPermissionInput{
		Name: name, PermissionType: types.DocumentPermissionTypeShare, AccountIdsToRemove: []string{"111111111111"},
		SharedDocumentVersion: aws.String("$ALL"),
	})
	want(t, "SharedDocumentVersion", err, "NotImplementedException")
	_, err = c.DeleteDocument(ctx, &ssm.DeleteDocumentInput{
		Name: name, DocumentVersion: aws.String("2"), VersionName: aws.String("first"),
	})
	want(t, "a version that has another name", err, "InvalidDocumentVersion")
	_, err = c.DeleteDocument(ctx, &ssm.DeleteDocumentInput{Name: name, VersionName: aws.String("second"), Force: true})
	want(t, "a version by its name", err, "")
	_, err = c.DescribeDocument(ctx, &ssm.DescribeDocumentInput{Name: name, DocumentVersion: aws.String("2")})
	want(t, "the deleted version", err, "InvalidDocumentVersion")
	_, err = c.DescribeDocument(ctx, &ssm.DescribeDocumentInput{Name: name})
	want(t, "the other version", err, "")
}

// TestAssociations: there are none, whatever is asked for.
func TestAssociations(t *testing.T) {
	c, ctx := nodetest.New(t, nodetest.Options{}).SSM(), t.Context()
	for _, in := range []*ssm.DescribeAssociationInput{
		{AssociationId: aws.String("12345678-1234-1234-1234-123456789012"), AssociationVersion: aws.String("1")},
		{Name: aws.String("AWS-RunShellScript"), InstanceId: aws.String("i-0123456789abcdef0")},
	} {
		_, err := c.DescribeAssociation(ctx, in)
		want(t, "an association", err, "AssociationDoesNotExist")
	}
	filter := types.AssociationFilter{Key: types.AssociationFilterKeyName, Value: aws.String("AWS-RunShellScript")}
	out, err := c.ListAssociations(
		ctx, &ssm.ListAssociationsInput{AssociationFilterList: []types.AssociationFilter{filter}},
	)
	if err != nil || len(out.Associations) != 0 || out.NextToken != nil {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.ListAssociations(ctx, &ssm.ListAssociationsInput{NextToken: aws.String("AAAA")})
	want(t, "a forged token", err, "InvalidNextToken")
}
