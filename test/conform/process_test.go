package conform

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"go.uber.org/goleak"

	"postern/aws/transport"
	"postern/cmd/postern/program"
	"postern/services/compute"
	s3program "postern/services/s3/embedded/program"
	"postern/test/ports"
)

// patience is how long a state may take to come about on a busy machine.
const patience = 60 * time.Second

// asProgram makes this test binary the postern program.
const asProgram = "POSTERN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	compute.InitMain()
	s3program.InitMain()
	if os.Getenv(asProgram) != "" {
		os.Exit(program.Main())
	}
	goleak.VerifyTestMain(m)
}

// process is a `postern up` that is started and killed.
type process struct {
	t                 *testing.T
	data              string
	listen, wireGuard string

	cmd *exec.Cmd
	out sync.WaitGroup
	// said holds the output of all its lives.
	mu   sync.Mutex
	said strings.Builder

	connection struct {
		Endpoint string `json:"endpoint"`
		Region   string `json:"region"`
		KeyID    string `json:"access_key_id"`
		Secret   string `json:"secret_access_key"`
		CAFile   string `json:"ca_file"`
		Join     string `json:"join"`
	}
	http *http.Transport
	ec2  *ec2.Client
	iam  *iam.Client
	ssm  *ssm.Client
}

// newProcess finds addresses that stay the same over restarts.
func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, data: t.TempDir()}
	for _, address := range []*string{&p.listen, &p.wireGuard} {
		free, err := ports.Free()
		if err != nil {
			t.Fatal(err)
		}
		*address = free
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("postern up says:\n%s", p.said.String())
		}
	})
	return p
}

// up starts it and waits until it is ready.
func (p *process) up(flags ...string) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	// No instances run here: there is no agent for them.
	args := append(
		[]string{
			"up",
			"--data",
			p.data,
			"--listen",
			p.listen,
			"--wireguard",
			p.wireGuard,
			"--agent",
			filepath.Join(p.data, "none"),
			"--return-window",
			"1s",
		},
		flags...)
	p.cmd = exec.Command(self, args...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "POSTERN_S3=/proc/self/exe")
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ready, ended := make(chan struct{}, 1), make(chan struct{})
	p.out.Go(func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(p, lines.Text())
			if strings.HasPrefix(lines.Text(), "stop with Ctrl-C") {
				ready <- struct{}{}
			}
		}
	})
	select {
	case <-ready:
	case <-ended:
		p.t.Fatal("postern up ended before it was ready")
	case <-time.After(patience):
		p.t.Fatalf("postern up is not ready after %v", patience)
	}
	p.connect()
}

// Write keeps what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

// kill ends it at once, as a power cut would.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	p.out.Wait()
	_ = p.cmd.Wait() // it was killed, which is what Wait says
	p.cmd = nil
}

func (p *process) connect() {
	p.t.Helper()
	if p.ssm != nil {
		// Its addresses, its key and its authority are the same as before; what is still open led to the one that was killed.
		p.http.CloseIdleConnections()
		return
	}
	text, err := os.ReadFile(filepath.Join(p.data, "client.json"))
	if err == nil {
		err = json.Unmarshal(text, &p.connection)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.http = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots()}}
	p.t.Cleanup(p.http.CloseIdleConnections)
	config := aws.Config{
		Region: p.connection.Region, BaseEndpoint: &p.connection.Endpoint,
		HTTPClient:  transport.Client(&http.Client{Transport: p.http}),
		Credentials: credentials.NewStaticCredentialsProvider(p.connection.KeyID, p.connection.Secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	p.ec2, p.iam, p.ssm = ec2.NewFromConfig(config), iam.NewFromConfig(config), ssm.NewFromConfig(config)
}

func (p *process) roots() *x509.CertPool {
	p.t.Helper()
	pem, err := os.ReadFile(p.connection.CAFile)
	if err != nil {
		p.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// until waits until a condition holds.
func (p *process) until(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("waited for %v in vain until %s", patience, what)
		}
	}
}
