package sts_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/api/access/accesstest"
)

// TestDecodeAuthorizationMessage: what was encoded for an account is decoded in it, by who may, and nothing else is.
func TestDecodeAuthorizationMessage(t *testing.T) {
	r := accesstest.New(t)
	const message = `{"allowed":false}`
	encoded := r.Identities.EncodeDenial(account, []byte(message))
	if strings.Contains(encoded, "allowed") || len(encoded) > 200 {
		t.Errorf("encoded as %s", encoded)
	}
	bob := r.User(t, "bob", strings.Replace(allowAssume, "sts:*", "sts:Decode*", 1))
	out, err := sdk.NewFromConfig(bob).DecodeAuthorizationMessage(
		t.Context(), &sdk.DecodeAuthorizationMessageInput{EncodedMessage: &encoded},
	)
	if err != nil || *out.DecodedMessage != message || !json.Valid([]byte(*out.DecodedMessage)) {
		t.Errorf("%+v, %v", out, err)
	}
	for name, text := range map[string]string{
		"altered": encoded[:len(encoded)-2] + "AA", "short": encoded[:8], "no base64": "!",
		"of another account": r.Identities.EncodeDenial("111122223333", []byte(message)),
	} {
		_, err := sdk.NewFromConfig(bob).DecodeAuthorizationMessage(
			t.Context(), &sdk.DecodeAuthorizationMessageInput{EncodedMessage: &text},
		)
		if code(err) != "InvalidAuthorizationMessageException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = sdk.NewFromConfig(r.User(t, "eve", "")).DecodeAuthorizationMessage(
		t.Context(), &sdk.DecodeAuthorizationMessageInput{EncodedMessage: aws.String(encoded)},
	)
	if code(err) != "AccessDenied" || !strings.HasSuffix(err.Error(), "user/eve is not authorized to perform: "+
		"sts:DecodeAuthorizationMessage because no identity-based policy allows the sts:DecodeAuthorizationMessage action") {
		t.Errorf("who may not: %v", err)
	}
}
