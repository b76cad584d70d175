package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// allow is a policy that allows actions on a condition, and may have more statements.
func allow(actions, condition string, more ...string) string {
	one := fmt.Sprintf(`{"Effect":"Allow","Action":%s,"Resource":"*","Condition":%s}`, actions, condition)
	return `{"Statement":[` + strings.Join(append(more, one), ",") + `]}`
}

func tagged(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }

// TestTagsOfObjects: policies know the tags of the object that is there, of the very version that is asked for, and
// those that a request gives it.
func TestTagsOfObjects(t *testing.T) {
	r := keptRig(t)
	root := r.root(t, "bucket")
	ctx, b := t.Context(), aws.String("bucket")
	_, err := root.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]*string{}
	for _, class := range []string{"open", "shut"} { // the second is the current one of "both"
		for _, key := range []string{class, "both", class + "*"} {
			out, err := root.PutObject(ctx, &s3.PutObjectInput{
				Bucket: b, Key: &key, Body: strings.NewReader(class), Tagging: aws.String("Class=" + class),
			})
			if err != nil {
				t.Fatal(err)
			}
			versions[key+class] = out.VersionId
		}
	}
	reader := r.user(t, "reader", allow(`["s3:GetObject","s3:GetObjectVersion","s3:GetObjectTagging"]`,
		`{"StringEquals":{"s3:ExistingObjectTag/class":"open"}}`))
	for _, row := range []struct {
		key     string
		version *string
		want    string
	}{
		{"open", nil, ""},
		{"open*", nil, ""},
		{"shut", nil, "AccessDenied"},
		{"shut*", nil, "AccessDenied"},
		{"both", nil, "AccessDenied"},
		{"both", versions["bothopen"], ""},
		{"both", versions["bothshut"], "AccessDenied"},
		{"both", aws.String("no version"), "AccessDenied"},
		{"none", nil, "AccessDenied"},
	} {
		_, err := reader.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: &row.key, VersionId: row.version})
		if code(err) != row.want {
			t.Errorf("get %s %s: %v", row.key, aws.ToString(row.version), err)
		}
	}
	copier := r.user(t, "copier", allow(`["s3:GetObject","s3:GetObjectVersion"]`,
		`{"StringEquals":{"s3:ExistingObjectTag/Class":"open"}}`,
		`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}`))
	for source, want := range map[string]string{
		"open": "", "shut": "AccessDenied", "both?versionId=" + *versions["bothopen"]: "",
		"both?versionId=" + *versions["bothshut"]: "AccessDenied",
	} {
		_, err := copier.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: b, Key: aws.String("copy"), CopySource: aws.String("bucket/" + source),
			TaggingDirective: types.TaggingDirectiveReplace,
		})
		if code(err) != want {
			t.Errorf("copy %s: %v", source, err)
		}
	}
}

// TestTagsOfRequests: policies know the tags that a request gives an object, wherever in it they stand.
func TestTagsOfRequests(t *testing.T) {
	r := newRig(t)
	ctx, b := t.Context(), aws.String("bucket")
	if err := put(r.root(t, "bucket"), "bucket", "k", "x"); err != nil {
		t.Fatal(err)
	}
	tagger := r.user(t, "tagger", allow(`["s3:PutObject","s3:PutObjectTagging"]`,
		`{"StringEquals":{"s3:RequestObjectTag/Class":"open"},`+
			`"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":"Class"}}`))
	for class, want := range map[string]string{"open": "", "shut": "AccessDenied"} {
		_, err := tagger.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
			Bucket: b, Key: aws.String("k"), Tagging: &types.Tagging{TagSet: tagged("Class", class)},
		})
		if code(err) != want {
			t.Errorf("tag as %s: %v", class, err)
		}
		_, err = tagger.PutObject(ctx, &s3.PutObjectInput{
			Bucket: b, Key: aws.String("new"), Body: strings.NewReader("x"), Tagging: aws.String("Class=" + class),
		})
		if code(err) != want {
			t.Errorf("put as %s: %v", class, err)
		}
	}
}

// TestTagsOfBuckets: the tags of a bucket control access to it and its objects while that is enabled, and only then.
func TestTagsOfBuckets(t *testing.T) {
	r := newRig(t)
	root := r.root(t, "bucket", "other")
	ctx, b := t.Context(), aws.String("bucket")
	tag := &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: tagged("Team", "blue")}}
	if _, err := root.PutBucketTagging(ctx, tag); err != nil {
		t.Fatal(err)
	}
	byResource := r.user(t, "resource", allow(`["s3:PutObject","s3:ListBucket"]`,
		`{"StringEquals":{"aws:ResourceTag/team":"blue"}}`))
	byBucket := r.user(t, "bucket", allow(`["s3:PutObject","s3:ListBucket"]`,
		`{"StringEquals":{"s3:BucketTag/Team":"blue"}}`))
	for _, enabled := range []types.BucketAbacStatus{
		types.BucketAbacStatusDisabled, types.BucketAbacStatusEnabled, types.BucketAbacStatusDisabled,
	} {
		_, err := root.PutBucketAbac(ctx, &s3.PutBucketAbacInput{
			Bucket: b, AbacStatus: &types.AbacStatus{Status: enabled},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := root.GetBucketAbac(ctx, &s3.GetBucketAbacInput{Bucket: b})
		if err != nil || got.AbacStatus.Status != enabled {
			t.Errorf("%+v, %v", got, err)
		}
		want, changed := "AccessDenied", ""
		if enabled == types.BucketAbacStatusEnabled {
			want, changed = "", "InvalidRequest"
		}
		for name, c := range map[string]*s3.Client{"aws:ResourceTag": byResource, "s3:BucketTag": byBucket} {
			if err := put(c, "bucket", "k*", "x"); code(err) != want {
				t.Errorf("%s, %s, an object: %v", name, enabled, err)
			}
			if _, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b}); code(err) != want {
				t.Errorf("%s, %s, the bucket: %v", name, enabled, err)
			}
			if err := put(c, "other", "k", "x"); code(err) != "AccessDenied" {
				t.Errorf("%s, %s, a bucket without tags: %v", name, enabled, err)
			}
		}
		if _, err := root.PutBucketTagging(ctx, tag); code(err) != changed {
			t.Errorf("tags are changed while ABAC is %s: %v", enabled, err)
		}
	}
	maker := r.user(t, "maker", allow(`["s3:CreateBucket","s3:TagResource"]`,
		`{"StringEquals":{"aws:RequestTag/Team":"blue"}}`))
	for team, want := range map[string]string{"blue": "", "red": "AccessDenied"} {
		_, err := maker.CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket: aws.String("made-" + team), CreateBucketConfiguration: &types.CreateBucketConfiguration{
				Tags: tagged("Team", team),
			},
		})
		if code(err) != want {
			t.Errorf("create of %s: %v", team, err)
		}
	}
}

// TestKeysOfRequests: of the connection, and of what becomes an object.
func TestKeysOfRequests(t *testing.T) {
	r := newRig(t)
	r.root(t, "bucket")
	for name, row := range map[string]struct{ condition, want string }{
		"modern":    {`{"NumericGreaterThanEquals":{"s3:TlsVersion":"1.2"}}`, ""},
		"ancient":   {`{"NumericLessThan":{"s3:TlsVersion":"1.2"}}`, "AccessDenied"},
		"making":    {`{"Bool":{"s3:ObjectCreationOperation":"true"}}`, ""},
		"beginning": {`{"Bool":{"s3:ObjectCreationOperation":"false"}}`, "AccessDenied"},
		"unlocked":  {`{"Null":{"s3:object-lock-mode":"true","s3:object-lock-event-hold":"true"}}`, ""},
		"keyless":   {`{"Null":{"s3:x-amz-server-side-encryption-customer-algorithm":"true"}}`, ""},
	} {
		c := r.user(t, name, allow(`"s3:PutObject"`, row.condition))
		if err := put(c, "bucket", "k", "x"); code(err) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
