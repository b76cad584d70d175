package identity

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"io"

	"postern/aws/fault"
)

const denialPurpose = "authorization-message "

// maxDenial bounds a decoded authorization message, in bytes.
const maxDenial = 64 << 10

// EncodeDenial encrypts why something was refused to a caller of an account. Everybody may have the text; those in the
// account may decode it.
func (s *Service) EncodeDenial(account string, message []byte) string {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(message)
	}
	if err != nil || w.Close() != nil {
		return "" // a buffer takes everything
	}
	return base64.RawURLEncoding.EncodeToString(s.sealer.Seal(packed.Bytes(), denialPurpose+account))
}

// DecodeDenial returns the message that EncodeDenial encrypted for the account. What was not, is a fault with the code
// InvalidAuthorizationMessageException.
func (s *Service) DecodeDenial(account, encoded string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", invalidDenial()
	}
	packed, err := s.sealer.Open(sealed, denialPurpose+account)
	if err != nil {
		return "", invalidDenial()
	}
	message, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxDenial))
	if err != nil {
		return "", invalidDenial()
	}
	return string(message), nil
}

func invalidDenial() error {
	return fault.New(fault.Invalid, "identity.DecodeDenial", "Message is not valid").
		WithCode("InvalidAuthorizationMessageException")
}
