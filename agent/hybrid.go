package agent

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"postern/aws/sigv4"
	"postern/ssm/mgs"
)

// Hybrid is the identity of a machine that is not an instance: "mi-…", from an activation, proved by an RSA key.
type Hybrid struct {
	// Dir keeps the registration, readable by this user only.
	Dir string
	// Local is the machine's address in the private network; empty means its first one.
	Local string
	// MachineID is the path of what tells this machine from a copy of it; empty means /etc/machine-id.
	MachineID string

	agent *Agent
	reg   registration
	key   *rsa.PrivateKey
	cache cache
}

// registration holds what a machine keeps of its registration.
type registration struct {
	InstanceID string `json:"instanceId"`
	Region     string `json:"region"`
	// Fingerprint is a random UUID, made anew where Machine has changed: a copied registration then has another one, and
	// the service refuses it.
	Fingerprint string `json:"fingerprint"`
	Machine     string `json:"machine"`
	PrivateKey  string `json:"privateKey"`
}

// ErrNotRegistered says that a directory holds no registration.
var ErrNotRegistered = errors.New("this machine is not registered")

const registrationFile = "registration.json"

// Activation holds what CreateActivation returned, and where to use it.
type Activation struct {
	ID, Code, Region string
}

// Register registers this machine with an activation, over the agent's HTTP client and endpoints, and keeps the
// registration. A registration that is there is replaced.
func (h *Hybrid) Register(ctx context.Context, a *Agent, with Activation) error {
	a.Identity = h
	if err := a.prepare(); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	public, err := sigv4.FormatPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	private, err := marshalKey(key)
	if err != nil {
		return err
	}
	reg := registration{
		Region: with.Region, Fingerprint: mgs.NewUUID().String(), Machine: h.machine(), PrivateKey: string(private),
	}
	h.reg.Region = with.Region
	var out struct {
		InstanceID string `json:"InstanceId"`
	}
	in := publicKey{
		ActivationCode: with.Code,
		ActivationID:   with.ID,
		Fingerprint:    reg.Fingerprint,
		PublicKey:      public,
		PublicKeyType:  "Rsa",
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := a.call(ctx, targetSSM+"RegisterManagedInstance", nil, in, &out); err != nil {
		return err
	}
	if out.InstanceID == "" {
		return errors.New("RegisterManagedInstance: the answer names no instance")
	}
	reg.InstanceID = out.InstanceID
	text, err := json.MarshalIndent(reg, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(h.Dir, registrationFile), append(text, '\n')); err != nil {
		return err
	}
	h.reg, h.key = reg, key
	return nil
}

// Load reads the registration: ErrNotRegistered if there is none.
func (h *Hybrid) Load() error {
	text, err := os.ReadFile(filepath.Join(h.Dir, registrationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", h.Dir, ErrNotRegistered)
	}
	if err != nil {
		return err
	}
	var reg registration
	if err := json.Unmarshal(text, &reg); err != nil {
		return fmt.Errorf("read the registration: %w", err)
	}
	key, err := parseKey([]byte(reg.PrivateKey))
	if err != nil {
		return fmt.Errorf("read the registration: %w", err)
	}
	if reg.InstanceID == "" || reg.Region == "" {
		return errors.New("read the registration: it names no instance or region")
	}
	if now := h.machine(); now != reg.Machine {
		reg.Fingerprint, reg.Machine = mgs.NewUUID().String(), now // not written: the original may come back
	}
	h.reg, h.key = reg, key
	return nil
}

// machine tells this machine from others. It is empty where the system has no machine id.
func (h *Hybrid) machine() string {
	file := h.MachineID
	if file == "" {
		file = "/etc/machine-id"
	}
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Node implements Identity.
func (h *Hybrid) Node() string { return h.reg.InstanceID }

// Region implements Identity.
func (h *Hybrid) Region() string { return h.reg.Region }

func (h *Hybrid) zone() (string, string)     { return "", "" }
func (h *Hybrid) background(context.Context) {}
func (h *Hybrid) renew()                     { h.cache.forget() }

func (h *Hybrid) address() string {
	if h.Local != "" {
		return h.Local
	}
	return address()
}

func (h *Hybrid) open(ctx context.Context, a *Agent) error {
	h.agent = a
	if h.key == nil {
		if err := h.Load(); err != nil {
			return err
		}
	}
	_, err := h.Credentials(ctx)
	return err
}

// Credentials implements Identity.
func (h *Hybrid) Credentials(ctx context.Context) (sigv4.Credentials, error) {
	return h.cache.get(ctx, h.agent.Now, h.fetch)
}

// fetch asks for the role's credentials, signed with the machine's own key.
func (h *Hybrid) fetch(ctx context.Context) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var token roleToken
	err := h.agent.call(ctx, targetSSM+"RequestManagedInstanceRoleToken", h.signRSA, fingerprintOnly{h.reg.Fingerprint},
		&token)
	if err != nil {
		return fetched{}, err
	}
	if token.UpdateKeyPair {
		if err := h.rotate(ctx); err != nil {
			h.agent.Log.Warn("the key is not replaced", "error", err)
		}
	}
	return token.fetched(), nil
}

func (h *Hybrid) signRSA(r *http.Request, body []byte) error {
	return sigv4.SignRSA(r, body, sigv4.InstanceKey{ID: h.Node(), Private: h.key},
		sigv4.Target{Region: h.Region(), Service: "ssm", Time: h.agent.Now()})
}

// rotate makes a new key, tells the service with the old one, and keeps it only if that worked.
func (h *Hybrid) rotate(ctx context.Context) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	public, err := sigv4.FormatPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	private, err := marshalKey(key)
	if err != nil {
		return err
	}
	in := struct{ NewPublicKey, NewPublicKeyType string }{public, "Rsa"}
	if err := h.agent.call(ctx, targetSSM+"UpdateManagedInstancePublicKey", h.signRSA, in, nil); err != nil {
		return err
	}
	h.key, h.reg.PrivateKey = key, string(private)
	text, err := json.MarshalIndent(h.reg, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(h.Dir, registrationFile), append(text, '\n'))
}
