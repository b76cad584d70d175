package ssm_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/api/nodetest"
)

// newDocument makes the document Doc of one version, written in YAML, with a tag.
func newDocument(t *testing.T, c *ssm.Client) {
	t.Helper()
	_, err := c.CreateDocument(t.Context(), &ssm.CreateDocumentInput{
		Name: aws.String("Doc"), DocumentFormat: types.DocumentFormatYaml, VersionName: aws.String("one"),
		Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}},
		Content: aws.String(
			"schemaVersion: '2.2'\ndescription: d\nparameters:\n  p: {type: String, default: x}\nmainSteps:\n- {action: " +
				"'aws:runShellScript', name: s, inputs: {runCommand: [id]}}\n",
		),
	})
	want(t, "create", err, "")
}

// secondVersion gives the document Doc another version.
func secondVersion(t *testing.T, c *ssm.Client) (*ssm.UpdateDocumentOutput, error) {
	t.Helper()
	return c.UpdateDocument(
		t.Context(),
		&ssm.UpdateDocumentInput{
			Name: aws.String("Doc"), DocumentVersion: aws.String("$LATEST"), Content: aws.String(threeSteps),
		},
	)
}

func TestDocumentVersions(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	newDocument(t, c)
	updated, err := secondVersion(t, c)
	if err != nil || *updated.DocumentDescription.DocumentVersion != "2" ||
		*updated.DocumentDescription.DefaultVersion != "1" {
		t.Errorf("update %+v, %v", updated, err)
	}
	_, err = c.UpdateDocumentDefaultVersion(
		t.Context(), &ssm.UpdateDocumentDefaultVersionInput{Name: aws.String("Doc"), DocumentVersion: aws.String("2")},
	)
	want(t, "default", err, "")
	got, err := c.DescribeDocument(
		t.Context(), &ssm.DescribeDocumentInput{Name: aws.String("Doc"), VersionName: aws.String("one")},
	)
	if err != nil || *got.Document.DocumentVersion != "1" || *got.Document.Parameters[0].DefaultValue != "x" ||
		*got.Document.Hash == "" || got.Document.Status != types.DocumentStatusActive {
		t.Errorf("describe %+v, %v", got, err)
	}
	_, err = c.GetDocument(t.Context(), &ssm.GetDocumentInput{Name: aws.String("Doc"), DocumentVersion: aws.String("9")})
	want(t, "no version", err, "InvalidDocumentVersion")
	versions, err := c.ListDocumentVersions(t.Context(), &ssm.ListDocumentVersionsInput{Name: aws.String("Doc")})
	if err != nil || len(versions.DocumentVersions) != 2 || !versions.DocumentVersions[0].IsDefaultVersion {
		t.Errorf("versions %+v, %v", versions, err)
	}
}

func TestGetDocument(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	newDocument(t, c)
	if _, err := secondVersion(t, c); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		version   string
		ask, want types.DocumentFormat
		begins    string
	}{
		{"1", "", types.DocumentFormatJson, "{"}, // JSON is the default, though the document was written in YAML
		{"1", types.DocumentFormatJson, types.DocumentFormatJson, "{"},
		{"1", types.DocumentFormatYaml, types.DocumentFormatYaml, "schemaVersion: '2.2'\n"},
		{"2", types.DocumentFormatYaml, types.DocumentFormatYaml, "schemaVersion: \"2.2\"\n"},
	} {
		text, err := c.GetDocument(t.Context(), &ssm.GetDocumentInput{
			Name: aws.String("Doc"), DocumentVersion: &tt.version, DocumentFormat: tt.ask,
		})
		if err != nil || !strings.HasPrefix(*text.Content, tt.begins) || text.DocumentFormat != tt.want {
			t.Errorf("get version %s as %q: %+v, %v", tt.version, tt.ask, text, err)
		}
	}
}

func TestListDocuments(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	newDocument(t, c)
	for owner, count := range map[string]int{"Self": 1, "Amazon": 4, "All": 5} {
		list, err := c.ListDocuments(
			t.Context(),
			&ssm.ListDocumentsInput{
				Filters: []types.DocumentKeyValuesFilter{{Key: aws.String("Owner"), Values: []string{owner}}},
			},
		)
		if err != nil || len(list.DocumentIdentifiers) != count {
			t.Errorf("owner %s: %+v, %v", owner, list, err)
		}
	}
}

func TestDocumentRefusals(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	newDocument(t, c)
	_, err := c.CreateDocument(
		t.Context(),
		&ssm.CreateDocumentInput{
			Name: aws.String("Auto"), Content: aws.String("{}"), DocumentType: types.DocumentTypeAutomation,
		},
	)
	want(t, "automation", err, "NotImplementedException")
	_, err = c.CreateDocument(t.Context(), &ssm.CreateDocumentInput{Name: aws.String("Typo"), Content: aws.String(
		`{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"s","input":{"runCommand":["id"]}}]}`)})
	want(t, "unknown key", err, "InvalidDocumentContent")
	if err == nil || !strings.Contains(err.Error(), "mainSteps[0].input") {
		t.Errorf("an unknown key is refused without its path: %v", err)
	}
	_, err = c.DeleteDocument(t.Context(), &ssm.DeleteDocumentInput{Name: aws.String("Doc")})
	want(t, "delete", err, "")
	_, err = c.DeleteDocument(t.Context(), &ssm.DeleteDocumentInput{Name: aws.String("AWS-RunShellScript")})
	want(t, "delete Amazon's", err, "InvalidDocumentOperation")
}

func TestTags(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	c := l.SSM()
	m := l.Register(t)
	newDocument(t, c)
	for kind, id := range map[types.ResourceTypeForTagging]string{
		types.ResourceTypeForTaggingDocument: "Doc", types.ResourceTypeForTaggingManagedInstance: m.ID,
	} {
		_, err := c.AddTagsToResource(
			t.Context(),
			&ssm.AddTagsToResourceInput{
				ResourceType: kind, ResourceId: &id, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}},
			},
		)
		want(t, "tag", err, "")
		_, err = c.RemoveTagsFromResource(
			t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceType: kind, ResourceId: &id, TagKeys: []string{"a"}},
		)
		want(t, "untag", err, "")
		tags, err := c.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: kind, ResourceId: &id})
		if err != nil || len(tags.TagList) != 1 || *tags.TagList[0].Key != "b" {
			t.Errorf("tags of %s: %+v, %v", kind, tags, err)
		}
		_, err = c.ListTagsForResource(
			t.Context(), &ssm.ListTagsForResourceInput{ResourceType: kind, ResourceId: aws.String("none")},
		)
		want(t, "tags of nothing", err, "InvalidResourceId")
	}
	_, err := c.ListTagsForResource(
		t.Context(),
		&ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingPatchBaseline, ResourceId: aws.String("x")},
	)
	want(t, "patch baselines", err, "NotImplementedException")
	_, err = c.ListTagsForResource(
		t.Context(), &ssm.ListTagsForResourceInput{ResourceType: "House", ResourceId: aws.String("x")},
	)
	want(t, "houses", err, "ValidationException")
}
