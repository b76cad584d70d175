package cli

import (
	"os"
	"testing"
)

// TestExternalS3: the key of an S3 service comes from the environment, and is not left there.
func TestExternalS3(t *testing.T) {
	set := func() {
		t.Setenv(s3KeyVariable, "key")
		t.Setenv(s3SecretVariable, "swordfish")
	}
	set()
	f := serverFlags{s3: ExternalS3{Endpoint: "https://host", BucketPrefix: "p-"}}
	got, err := f.externalS3()
	if want := (ExternalS3{
		Endpoint: "https://host", BucketPrefix: "p-", AccessKey: "key", Secret: "swordfish",
	}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	set()
	for _, f := range []serverFlags{{}, {s3: ExternalS3{Region: "eu-west-1"}}} {
		if _, err := f.externalS3(); (err == nil) != (f.s3.Region == "") {
			t.Errorf("%+v: %v", f.s3, err)
		}
		if _, there := os.LookupEnv(s3SecretVariable); there {
			t.Error("the secret is still in the environment")
		}
	}
}
