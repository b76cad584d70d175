package ec2_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"
)

// sh runs a shell line with key.pem in its directory, and gives what it prints.
func sh(t *testing.T, key, line string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == '|' || r == ';' }) {
		if _, err := exec.LookPath(strings.Fields(part)[0]); err != nil {
			t.Skipf("%s: %v", line, err) // a pipe ends as its last program does
		}
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s: %v", line, err)
	}
	text := string(out)
	return strings.TrimSpace(text[strings.Index(text, "=")+1:]) // openssl prints the digest's name first
}

// TestCreatedKeyPair: the private half is given once, and fingerprints are what the EC2 User Guide says how to compute.
func TestCreatedKeyPair(t *testing.T) {
	l := newHarness(t)
	for _, tt := range []struct {
		kind types.KeyType
		head string
		line string
	}{
		{
			"", "-----BEGIN RSA PRIVATE KEY-----",
			"openssl pkcs8 -in key.pem -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c",
		},
		{
			types.KeyTypeEd25519, "-----BEGIN OPENSSH PRIVATE KEY-----",
			"ssh-keygen -y -f key.pem | cut -d' ' -f2 | base64 -d | openssl sha256 -binary | base64",
		},
	} {
		t.Run(string("type"+tt.kind), func(t *testing.T) {
			name := "made-" + string(tt.kind)
			made := must(l.CreateKeyPair(l.ctx, &sdk.CreateKeyPairInput{
				KeyName: &name, KeyType: tt.kind, TagSpecifications: nameTag("key-pair", "x"),
			}))(t)
			if !strings.HasPrefix(*made.KeyMaterial, tt.head) || !strings.HasPrefix(*made.KeyPairId, "key-0") ||
				len(made.Tags) != 1 {
				t.Errorf("made %q %q %v", *made.KeyPairId, (*made.KeyMaterial)[:40], made.Tags)
			}
			signer, err := ssh.ParsePrivateKey([]byte(*made.KeyMaterial))
			if err != nil {
				t.Fatal(err)
			}
			shown := must(l.DescribeKeyPairs(l.ctx, &sdk.DescribeKeyPairsInput{
				KeyNames: []string{name}, IncludePublicKey: aws.Bool(true),
			}))(t).KeyPairs[0]
			public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(*shown.PublicKey))
			if err != nil || comment != name || string(public.Marshal()) != string(signer.PublicKey().Marshal()) {
				t.Errorf("its public half is %q (%v)", *shown.PublicKey, err)
			}
			want := sh(t, *made.KeyMaterial, tt.line)
			if strings.HasPrefix(tt.line, "ssh-keygen") {
				want = sh(t, *made.KeyMaterial, "echo = ; "+tt.line)
			}
			if *made.KeyFingerprint != want || *shown.KeyFingerprint != want {
				t.Errorf("fingerprint %q and %q, want %q", *made.KeyFingerprint, *shown.KeyFingerprint, want)
			}
		})
	}
}

// TestImportedKeyPair: in each of the three forms that Amazon takes.
func TestImportedKeyPair(t *testing.T) {
	l := newHarness(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	want := sh(t, string(private), "openssl rsa -in key.pem -pubout -outform DER 2>/dev/null | openssl md5 -c")
	blob := base64.StdEncoding.EncodeToString(public.Marshal())
	for form, material := range map[string]string{
		"openssh": "ssh-rsa " + blob + " me@here\n",
		"rfc4716": "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"a long \\\nstory\"\n" + blob[:70] + "\n" + blob[70:] +
			"\n---- END SSH2 PUBLIC KEY ----\n",
		"der": base64.StdEncoding.EncodeToString(spki),
	} {
		made := must(l.ImportKeyPair(l.ctx, &sdk.ImportKeyPairInput{KeyName: &form, PublicKeyMaterial: []byte(material)}))(t)
		shown := must(l.DescribeKeyPairs(l.ctx, &sdk.DescribeKeyPairsInput{
			KeyPairIds: []string{*made.KeyPairId}, IncludePublicKey: aws.Bool(true),
		}))(t).KeyPairs[0]
		if *made.KeyFingerprint != want || *shown.PublicKey != "ssh-rsa "+blob+" "+form || shown.KeyType != types.KeyTypeRsa {
			t.Errorf("%s: %q %q, want %q", form, *made.KeyFingerprint, *shown.PublicKey, want)
		}
	}
	for what, material := range map[string]string{
		"no key": "hello", "half a key": "ssh-rsa " + blob[:100], "options": "no-pty ssh-rsa " + blob,
		"two": "ssh-rsa " + blob + "\nssh-rsa " + blob,
		"ecdsa": "ecdsa-sha2-nistp256 " +
			"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjN" +
			"uG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg= x",
		"no RFC's": "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
	} {
		wantCode(t, what, second(l.ImportKeyPair(l.ctx, &sdk.ImportKeyPairInput{
			KeyName: &what, PublicKeyMaterial: []byte(material),
		})), "InvalidKey.Format")
	}
}

// TestKeyPairs: names, filters, tags, refusals, and the instance that has one.
func TestKeyPairs(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	create := func(name string) error {
		return second(l.CreateKeyPair(l.ctx, &sdk.CreateKeyPairInput{KeyName: &name, KeyType: types.KeyTypeEd25519}))
	}
	for _, name := range []string{"b", "a"} {
		wantCode(t, name, create(name), "")
	}
	wantCode(t, "twice", create("a"), "InvalidKeyPair.Duplicate")
	wantCode(t, "a name that is none", create("käse"), "InvalidParameterValue")
	wantCode(t, "PuTTY's form", second(l.CreateKeyPair(l.ctx, &sdk.CreateKeyPairInput{
		KeyName: aws.String("c"), KeyFormat: types.KeyFormatPpk,
	})), "UnsupportedOperation")
	wantCode(t, "a type that is none", second(l.CreateKeyPair(l.ctx, &sdk.CreateKeyPairInput{
		KeyName: aws.String("c"), KeyType: "dsa",
	})), "InvalidParameterValue")
	names := func(in sdk.DescribeKeyPairsInput) (out string) {
		for _, k := range must(l.DescribeKeyPairs(l.ctx, &in))(t).KeyPairs {
			if k.Tags == nil || k.PublicKey != nil {
				t.Errorf("tags %v, public half %v", k.Tags, k.PublicKey)
			}
			out += *k.KeyName
		}
		return out
	}
	a := must(l.DescribeKeyPairs(l.ctx, &sdk.DescribeKeyPairsInput{KeyNames: []string{"a"}}))(t).KeyPairs[0]
	must(l.CreateTags(l.ctx, &sdk.CreateTagsInput{Resources: []string{*a.KeyPairId}, Tags: someTags("team")}))(t)
	for _, tt := range []struct {
		in   sdk.DescribeKeyPairsInput
		want string
	}{
		{sdk.DescribeKeyPairsInput{}, "ab"},
		{sdk.DescribeKeyPairsInput{KeyPairIds: []string{*a.KeyPairId}}, "a"},
		{sdk.DescribeKeyPairsInput{Filters: []types.Filter{filter("key-name", "b*")}}, "b"},
		{sdk.DescribeKeyPairsInput{Filters: []types.Filter{filter("fingerprint", *a.KeyFingerprint)}}, "a"},
		{sdk.DescribeKeyPairsInput{Filters: []types.Filter{filter("tag:team", "v")}}, "a"},
	} {
		if got := names(tt.in); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.in, got, tt.want)
		}
	}
	wantCode(t, "a name that is not there", second(l.DescribeKeyPairs(l.ctx, &sdk.DescribeKeyPairsInput{
		KeyNames: []string{"z"},
	})), "InvalidKeyPair.NotFound")
	wantCode(t, "tags of one that is not there",
		second(l.CreateTags(l.ctx, &sdk.CreateTagsInput{
			Resources: []string{"key-0123456789abcdef0"}, Tags: someTags("team"),
		})), "InvalidKeyPair.NotFound")

	run := func(name string) (*sdk.RunInstancesOutput, error) {
		return l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &p.a, KeyName: &name,
		})
	}
	wantCode(t, "a key that is not there", second(run("z")), "InvalidKeyPair.NotFound")
	made := must(run("a"))(t).Instances[0]
	must(l.DeleteKeyPair(l.ctx, &sdk.DeleteKeyPairInput{KeyPairId: a.KeyPairId}))(t)
	if one := l.instance(*made.InstanceId); aws.ToString(one.KeyName) != "a" {
		t.Errorf("the instance's key is %q", aws.ToString(one.KeyName))
	}
	must(l.DeleteKeyPair(l.ctx, &sdk.DeleteKeyPairInput{KeyName: aws.String("a")}))(t) // as on AWS, once more
	wantCode(t, "both ways", second(l.DeleteKeyPair(l.ctx, &sdk.DeleteKeyPairInput{
		KeyName: aws.String("b"), KeyPairId: a.KeyPairId,
	})), "InvalidParameterCombination")
	if got := names(sdk.DescribeKeyPairsInput{}); got != "b" {
		t.Errorf("left are %s", got)
	}
}
