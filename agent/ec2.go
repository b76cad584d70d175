package agent

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/aws/sigv4"
)

const (
	pathProfile = "meta-data/iam/security-credentials/"
	// pathIdentity has the credentials of the instance itself, which need no role.
	pathIdentity = "meta-data/identity-credentials/ec2/security-credentials/ec2-instance"
)

// EC2 is the identity of an instance. Its credentials are the instance profile's; where there is no profile, or it does
// not allow the agent's calls, those of default host management.
type EC2 struct {
	// Dir keeps the instance's key; empty keeps it in memory.
	Dir string
	// Metadata makes the requests to the metadata service; nil means a client that goes there directly.
	Metadata *http.Client

	agent *Agent
	imds  *metadata
	doc   document
	zones struct{ id string }

	profile, host cache
	mu            sync.Mutex
	// viaHost says that the profile does not serve.
	viaHost    bool
	key        *rsa.PrivateKey
	registered bool
}

// Node implements Identity.
func (e *EC2) Node() string { return e.doc.InstanceID }

// Region implements Identity.
func (e *EC2) Region() string { return e.doc.Region }

func (e *EC2) zone() (string, string) { return e.doc.AvailabilityZone, e.zones.id }

func (e *EC2) address() string {
	if e.doc.PrivateIP != "" {
		return e.doc.PrivateIP
	}
	return address()
}

func (e *EC2) open(ctx context.Context, a *Agent) error {
	e.agent = a
	if e.imds == nil {
		e.imds = newMetadata(e.Metadata, a.Now)
	}
	if e.doc.InstanceID == "" {
		doc, err := e.imds.document(ctx)
		if _, noAnswer := errors.AsType[net.Error](err); noAnswer {
			return fmt.Errorf("this machine has not joined (postern-agent join does that) and is no instance: %w", err)
		}
		if err != nil {
			return err
		}
		e.doc = doc
		e.zones.id, _ = e.imds.get(ctx, "meta-data/placement/availability-zone-id") // only for show
	}
	return e.choose(ctx)
}

// choose finds out which credentials serve, by the call that Amazon's agent tries them with.
func (e *EC2) choose(ctx context.Context) error {
	e.setViaHost(false)
	c, err := e.Credentials(ctx)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		err = e.agent.call(ctx, targetSSM+"UpdateInstanceInformation", e.agent.signWith(c, "ssm"),
			information{
				AgentName: agentName, AgentVersion: e.agent.Version, InstanceID: e.Node(), PlatformType: e.agent.platform.kind,
			}, nil)
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, errNoMetadata) && !hasCode(err, "AccessDeniedException") {
		return err
	}
	e.setViaHost(true)
	if _, hostErr := e.Credentials(ctx); hostErr != nil {
		e.setViaHost(false)
		return fmt.Errorf("neither the instance profile (%w) nor default host management serves: %w", err, hostErr)
	}
	return nil
}

func (e *EC2) setViaHost(via bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.viaHost = via
	e.profile.forget()
	e.host.forget()
}

// Credentials implements Identity.
func (e *EC2) Credentials(ctx context.Context) (sigv4.Credentials, error) {
	e.mu.Lock()
	via := e.viaHost
	e.mu.Unlock()
	if via {
		return e.host.get(ctx, e.agent.Now, e.hostCredentials)
	}
	return e.profile.get(ctx, e.agent.Now, e.profileCredentials)
}

func (e *EC2) renew() {
	e.profile.forget()
	e.host.forget()
}

func (e *EC2) profileCredentials(ctx context.Context) (fetched, error) {
	role, err := e.imds.get(ctx, pathProfile)
	if err != nil {
		return fetched{}, err
	}
	role, _, _ = strings.Cut(role, "\n")
	if role == "" {
		return fetched{}, fmt.Errorf("instance profile: %w", errNoMetadata)
	}
	return e.imds.credentials(ctx, pathProfile+role)
}

// hostCredentials asks for the credentials of default host management: signed as the instance, and a second time with
// the key that the instance registered.
func (e *EC2) hostCredentials(ctx context.Context) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTime) // it may register, too
	defer cancel()
	if err := e.register(ctx); err != nil {
		return fetched{}, err
	}
	own, err := e.imds.credentials(ctx, pathIdentity)
	if err != nil {
		return fetched{}, err
	}
	sign := e.agent.signWith(own.Credentials, "ssm")
	var token roleToken
	err = e.agent.call(ctx, targetSSM+"RequestManagedInstanceRoleToken", func(r *http.Request, body []byte) error {
		if err := sign(r, body); err != nil {
			return err
		}
		return sigv4.SignAsymmetric(r, e.key)
	}, fingerprintOnly{e.Node()}, &token)
	if err != nil {
		return fetched{}, err
	}
	return token.fetched(), nil
}

// register makes the instance's key known to the service, once in the life of the key.
func (e *EC2) register(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.registered {
		return nil
	}
	if e.key == nil {
		key, known, err := instanceKey(e.Dir, e.Node())
		if err != nil {
			return err
		}
		if e.key, e.registered = key, known; known {
			return nil
		}
	}
	own, err := e.imds.credentials(ctx, pathIdentity)
	if err != nil {
		return err
	}
	public, err := sigv4.FormatPublicKey(&e.key.PublicKey)
	if err != nil {
		return err
	}
	in := publicKey{Fingerprint: e.Node(), PublicKey: public, PublicKeyType: "Rsa"}
	err = e.agent.call(ctx, targetSSM+"RegisterManagedInstance", e.agent.signWith(own.Credentials, "ssm"), in, nil)
	if err != nil && !hasCode(err, "InstanceAlreadyRegistered") {
		return err
	}
	e.registered = true
	return saveInstanceKey(e.Dir, e.Node(), e.key)
}

// background registers a node that came online by its profile. Amazon's agent does so before anything else; but making
// a key takes a tenth of a second of a processor, and nobody waits for it.
func (e *EC2) background(ctx context.Context) {
	defer e.imds.close()
	wait := time.Minute/4 + rand.N(time.Minute)
	for pause(ctx, wait) {
		c, cancel := context.WithTimeout(ctx, callTime)
		err := e.register(c)
		cancel()
		if err == nil || errors.Is(err, errNoMetadata) {
			break
		}
		e.agent.Log.Warn("the instance's key is not registered", "error", err)
		wait = min(2*wait, time.Hour)
	}
}

func instanceKeyFile(dir, node string) string { return filepath.Join(dir, "key-"+node+".pem") }
