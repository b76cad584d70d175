package sigv4_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

var instanceKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

func TestRSA(t *testing.T) {
	body := []byte(`{"Fingerprint":"f"}`)
	target := sigv4.Target{Region: "us-east-1", Service: "ssm", Time: suiteTime}
	sign := func(t *testing.T) *http.Request {
		r := request(t, "POST", "https://ssm.us-east-1.amazonaws.com/", string(body),
			"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AmazonSSM.RequestManagedInstanceRoleToken")
		r.ContentLength = -1 // the agent sends it chunked
		if err := sigv4.SignRSA(
			r, body, sigv4.InstanceKey{ID: "mi-0123456789abcdef0", Private: instanceKey}, target,
		); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", sigv4.HashBody(body)) // sent but not signed, as the agent does
		return r
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		key   *rsa.PublicKey
		body  string
		alter func(*http.Request)
		code  string
	}{
		{"right", &instanceKey.PublicKey, string(body), nil, ""},
		{"another's key", &other.PublicKey, string(body), nil, sigv4.CodeMismatch},
		{"another body", &instanceKey.PublicKey, "{}", nil, sigv4.CodeMismatch},
		{"another operation", &instanceKey.PublicKey, string(body), func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AmazonSSM.UpdateManagedInstancePublicKey")
		}, sigv4.CodeMismatch},
		{"not base64", &instanceKey.PublicKey, string(body), func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+"!")
		}, sigv4.CodeMismatch},
	} {
		r := sign(t)
		if tt.alter != nil {
			tt.alter(r)
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if s.AccessKey != "mi-0123456789abcdef0" {
			t.Errorf("access key is %q", s.AccessKey)
		}
		if err := sigv4.NewVerifier(at(suiteTime)).VerifyRSA(r, s, tt.key, []byte(tt.body)); code(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

func TestAsymmetric(t *testing.T) {
	r := request(t, "POST", "https://ssm/", "")
	if err := sigv4.Sign(
		r, nil, sigv4.Credentials{AccessKey: "ASIA", Secret: secret},
		sigv4.Target{Region: "r", Service: "ssm", Time: suiteTime},
	); err != nil {
		t.Fatal(err)
	}
	if err := sigv4.VerifyAsymmetric(r, &instanceKey.PublicKey); code(err) != sigv4.CodeMissing {
		t.Errorf("without header: %v", err)
	}
	if err := sigv4.SignAsymmetric(r, instanceKey); err != nil {
		t.Fatal(err)
	}
	if err := sigv4.VerifyAsymmetric(r, &instanceKey.PublicKey); err != nil {
		t.Error(err)
	}
	r.Header.Set("Authorization", r.Header.Get("Authorization")+" ")
	if err := sigv4.VerifyAsymmetric(r, &instanceKey.PublicKey); code(err) != sigv4.CodeMismatch {
		t.Errorf("with another Authorization: %v", err)
	}
	r.Header.Set(sigv4.AsymmetricHeader, "x")
	if err := sigv4.VerifyAsymmetric(r, &instanceKey.PublicKey); code(err) != sigv4.CodeIncomplete {
		t.Errorf("malformed: %v", err)
	}
}

func TestPublicKey(t *testing.T) {
	text, err := sigv4.FormatPublicKey(&instanceKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sigv4.ParsePublicKey(text)
	if err != nil || !key.Equal(&instanceKey.PublicKey) {
		t.Errorf("ParsePublicKey = %v, %v", key, err)
	}
	for _, bad := range []string{"", "!", "AAAA", text[:len(text)/4*2]} {
		if _, err := sigv4.ParsePublicKey(bad); !fault.Is(err, fault.Invalid) || code(err) != "InvalidPublicKey" {
			t.Errorf("ParsePublicKey(%q): %v", bad, err)
		}
	}
}

// TestPublicKeyBounds: 2,048 to 8,192 bits, RSA only.
func TestPublicKeyBounds(t *testing.T) {
	modulus := func(bits uint) string {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		text, err := sigv4.FormatPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&elliptical.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, says string }{
		{"2047 bits", modulus(2047), "fewer than 2048 or more than 8192 bits"},
		{"2048 bits", modulus(2048), ""},
		{"8192 bits", modulus(8192), ""},
		{"8193 bits", modulus(8193), "fewer than 2048 or more than 8192 bits"},
		{"another algorithm", base64.StdEncoding.EncodeToString(der), "is not an RSA key"},
		{"not base64", "!", "is not standard base64"},
		{"no key", "AAAA", "is not a DER SubjectPublicKeyInfo"},
	} {
		key, err := sigv4.ParsePublicKey(tt.text)
		if tt.says == "" && (err != nil || key == nil) || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}

// TestRSARefusesWhatItDoesNotTake: an instance signs in the header only, in time, and keys that cannot sign say so.
func TestRSARefusesWhatItDoesNotTake(t *testing.T) {
	target := sigv4.Target{Region: "r", Service: "ssm", Time: suiteTime}
	r := request(t, "POST", "https://h/", "")
	if err := sigv4.SignRSA(r, nil, sigv4.InstanceKey{ID: "mi-1", Private: instanceKey}, target); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	late := sigv4.NewVerifier(at(suiteTime.Add(sigv4.Skew + 1)))
	if err := late.VerifyRSA(r, s, &instanceKey.PublicKey, nil); code(err) != sigv4.CodeExpired {
		t.Errorf("late: %v", err)
	}
	s.Presigned, s.Expires = true, sigv4.MaxExpires
	now := sigv4.NewVerifier(at(suiteTime))
	if err := now.VerifyRSA(r, s, &instanceKey.PublicKey, nil); code(err) != sigv4.CodeIncomplete {
		t.Errorf("presigned: %v", err)
	}
	broken := request(t, "POST", "https://h/?a=%zz", "")
	err = sigv4.SignRSA(broken, nil, sigv4.InstanceKey{ID: "mi-1", Private: instanceKey}, target)
	if code(err) != sigv4.CodeIncomplete || !strings.Contains(err.Error(), "sign POST /: ") {
		t.Errorf("a query that cannot be read: %v", err)
	}
	none := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(15), E: 3}, D: big.NewInt(3)}
	err = sigv4.SignRSA(r, nil, sigv4.InstanceKey{ID: "mi-1", Private: none}, target)
	if err == nil || !strings.HasPrefix(err.Error(), "sign as mi-1: ") {
		t.Errorf("a key that cannot sign: %v", err)
	}
	if err := sigv4.SignAsymmetric(r, none); err == nil || !strings.Contains(err.Error(), "Authorization header: ") {
		t.Errorf("a key that cannot sign a header: %v", err)
	}
}

// FuzzPublicKey: whatever a machine registers as its key is refused, or is a key that can be used and written again.
func FuzzPublicKey(f *testing.F) {
	good, err := sigv4.FormatPublicKey(&instanceKey.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "AAAA")
	f.Add(good[:len(good)-8]+"AAAAAAA=", "")
	f.Add("MA0GCSqGSIb3DQEBAQUAAwAA", "!")
	f.Fuzz(func(t *testing.T, text, signature string) {
		key, err := sigv4.ParsePublicKey(text)
		if err != nil {
			if key != nil || code(err) != "InvalidPublicKey" {
				t.Fatalf("%v beside %v", key, err)
			}
			return
		}
		again, err := sigv4.FormatPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := sigv4.ParsePublicKey(again); err != nil || !read.Equal(key) {
			t.Fatalf("%q is read, written as %q and not read again: %v", text, again, err)
		}
		r := &http.Request{Header: http.Header{}}
		r.Header.Set("Authorization", "a")
		r.Header.Set(sigv4.AsymmetricHeader, "Signature="+signature)
		if sigv4.VerifyAsymmetric(r, key) == nil {
			t.Fatal("a signature was guessed")
		}
	})
}
