package agent

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const keyBits = 2048 // what Amazon's agent makes

func marshalKey(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func parseKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the key file holds no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key file holds no RSA key")
	}
	return private, nil
}

// instanceKey reads the key that an instance has registered, or makes one.
func instanceKey(dir, node string) (key *rsa.PrivateKey, known bool, err error) {
	if dir != "" {
		text, err := os.ReadFile(instanceKeyFile(dir, node))
		if err == nil {
			key, err = parseKey(text)
			return key, err == nil, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, false, err
		}
	}
	key, err = rsa.GenerateKey(rand.Reader, keyBits)
	return key, false, err
}

func saveInstanceKey(dir, node string, key *rsa.PrivateKey) error {
	if dir == "" {
		return nil
	}
	text, err := marshalKey(key)
	if err != nil {
		return err
	}
	return writeFile(instanceKeyFile(dir, node), text)
}

// writeFile replaces a file durably: after a crash it holds the old text or the new one. Only this user may read it.
func writeFile(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}
