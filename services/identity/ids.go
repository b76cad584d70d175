package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
)

// The prefixes of unique ids (IAM User Guide, "IAM identifiers").
const (
	prefixUser    = "AIDA"
	prefixGroup   = "AGPA"
	prefixRole    = "AROA"
	prefixProfile = "AIPA"
	prefixPolicy  = "ANPA"
	prefixKey     = "AKIA"
	prefixSession = "ASIA"
)

var base32NoPadding = base32.StdEncoding.WithPadding(base32.NoPadding)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// newID makes a unique id: the prefix and 17 characters.
func newID(prefix string) string { return prefix + base32NoPadding.EncodeToString(random(11))[:17] }

// newKeyID makes an access key id. As at Amazon, the account can be read from it: it is 40 bits from the second on.
func newKeyID(prefix, account string) (string, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("account %q is not a number of twelve digits", account)
	}
	b := random(10)
	head := binary.BigEndian.Uint64(append([]byte{0, 0}, b[:6]...))
	head = 1<<47 | n<<7 | head&0x7f
	full := binary.BigEndian.AppendUint64(nil, head)
	copy(b, full[2:])
	return prefix + base32NoPadding.EncodeToString(b), nil
}

// KeyAccount reads the account from an access key id; false for ids that are not of this form.
func KeyAccount(id string) (string, bool) {
	if len(id) != 20 || id[:4] != prefixKey && id[:4] != prefixSession {
		return "", false
	}
	b, err := base32NoPadding.DecodeString(id[4:])
	if err != nil {
		return "", false
	}
	n := binary.BigEndian.Uint64(append([]byte{0, 0}, b[:6]...)) & (1<<47 - 1) >> 7
	return fmt.Sprintf("%012d", n), n < 1e12
}

// KeyAccount finds the account of an access key: of one that is kept, whatever its form, or by reading its id.
func (s *Service) KeyAccount(id string) (account string, ok bool) {
	if k, ok := accessKeys.Get(s.state().tables, id); ok {
		return k.Account, true
	}
	return KeyAccount(id)
}

// newAccountNumber makes an account's number at random: twelve digits, of which the first is not 0.
func newAccountNumber() string {
	const least = 100_000_000_000
	n, _ := rand.Int(rand.Reader, big.NewInt(9*least)) // never fails (crypto/rand)
	return strconv.FormatInt(n.Int64()+least, 10)
}

// newSecret makes a secret access key: 40 characters.
func newSecret() string { return base64.StdEncoding.EncodeToString(random(30)) }
