package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/service/ec2"
	ec2types "postern/aws/service/ec2/types"
	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
	"postern/network/link/tunnel"
)

// instanceNode is an instance of the sample network.
type instanceNode struct{ sample *sample }

func (n *instanceNode) start(ctx context.Context) (string, error) {
	err := n.sample.ensureInstance(ctx)
	return n.sample.instance, err
}

func (n *instanceNode) restart(ctx context.Context) error {
	_, err := n.sample.clients.ec2.RebootInstances(ctx,
		&ec2.RebootInstancesInput{InstanceIds: []string{n.sample.instance}})
	return err
}

// showIsolation shows first that the probe can succeed: a probe that always fails would prove nothing.
func (n *instanceNode) showIsolation(ctx context.Context, d *demo) (string, error) {
	script := strings.NewReplacer("SECONDS", strconv.Itoa(probeSeconds), "ADDRESS", internetAddress).Replace(
		`probe() { timeout SECONDS bash -c "exec 3<>/dev/tcp/$1/443" 2>/dev/null; }
probe ssm.$AWS_SSM_REGION_NAME.amazonaws.com || { echo "the probe fails even for the ssm endpoint"; exit 1; }
if probe ADDRESS; then echo "connected"; else echo "no path"; fi`)
	r, err := d.command(ctx, n.sample.instance, script)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(r.Stdout) != "no path" {
		return "", fmt.Errorf("a probe of %s on the node says: %s%s", internetAddress, r.Stdout, r.Stderr)
	}
	return fmt.Sprintf("on the node, a connection to the ssm endpoint opens and one to %s:443 gets no answer",
		internetAddress), nil
}

// close terminates the instance; the server waits for its end.
func (n *instanceNode) close() error {
	if n.sample.instance == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), demoPatience)
	defer cancel()
	_, err := n.sample.clients.ec2.TerminateInstances(ctx,
		&ec2.TerminateInstancesInput{InstanceIds: []string{n.sample.instance}})
	return err
}

// hostNode is postern-agent on this host, as the current user, over its own tunnel: for hosts where instances cannot
// run.
type hostNode struct {
	demo *demo
	dir  string
	id   string
	cmd  *exec.Cmd
}

func (n *hostNode) start(ctx context.Context) (string, error) {
	var err error
	if n.dir, err = os.MkdirTemp("", "postern-demo-node-"); err != nil {
		return "", err
	}
	activation, err := n.activation(ctx)
	if err != nil {
		return "", err
	}
	join := exec.CommandContext(ctx, n.demo.flags.agentPath(), "join", "--register-only", "--state", n.dir,
		"--activation", aws.ToString(activation.ActivationId), "--server", n.demo.server.Join())
	join.Env = append(os.Environ(), "POSTERN_ACTIVATION_CODE="+aws.ToString(activation.ActivationCode))
	out, err := join.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("join: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if n.id, err = n.registered(ctx); err != nil {
		return "", err
	}
	return n.id, n.run()
}

// activation lets one machine into the sample's first subnet, with the nodes' security group.
func (n *hostNode) activation(ctx context.Context) (*ssm.CreateActivationOutput, error) {
	s := &n.demo.sample
	return s.clients.ssm.CreateActivation(ctx, &ssm.CreateActivationInput{
		IamRole: aws.String(sampleName), RegistrationLimit: aws.Int32(1),
		Tags: []ssmtypes.Tag{
			{Key: aws.String("postern:subnet-id"), Value: &s.subnets[0]},
			{Key: aws.String("postern:security-group-ids"), Value: &s.nodeGroup},
		},
	})
}

// registered returns the id of the node that has just registered: the owner of the only joined machine's interface.
func (n *hostNode) registered(ctx context.Context) (string, error) {
	found, err := n.demo.sample.clients.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{filter("subnet-id", n.demo.sample.subnets[0])},
	})
	if err != nil {
		return "", err
	}
	for _, i := range found.NetworkInterfaces {
		if i.Attachment != nil && strings.HasPrefix(aws.ToString(i.Attachment.InstanceId), "mi-") {
			return aws.ToString(i.Attachment.InstanceId), nil
		}
	}
	return "", errors.New("the machine has joined, but no interface belongs to it")
}

func (n *hostNode) run() error {
	log, err := os.Create(filepath.Join(n.dir, "agent.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(n.demo.flags.agentPath(), "run", "--state", n.dir)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	return n.cmd.Start()
}

// showIsolation looks through the node's own tunnel: commands on this host would use the host's network.
func (n *hostNode) showIsolation(ctx context.Context, d *demo) (string, error) {
	if err := n.stop(); err != nil { // two ends of one tunnel would take it from each other
		return "", err
	}
	if err := n.probe(ctx, d.sample.region); err != nil {
		return "", err
	}
	if err := n.run(); err != nil {
		return "", err
	}
	if _, err := d.command(ctx, n.id, "true"); err != nil { // what follows begins with a node that is there
		return "", err
	}
	return fmt.Sprintf(
		"through the node's tunnel, a connection to the ssm endpoint opens and one to %s:443 gets no answer",
		internetAddress,
	), nil
}

func (n *hostNode) probe(ctx context.Context, region string) (err error) {
	text, err := os.ReadFile(filepath.Join(n.dir, "tunnel.json"))
	if err != nil {
		return err
	}
	var config tunnel.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	t, err := tunnel.Dial(ctx, &config, tunnel.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	endpoint, err := t.DialContext(ctx, "tcp", "ssm."+region+".amazonaws.com:443")
	if err != nil {
		return fmt.Errorf("the probe fails even for the ssm endpoint: %w", err)
	}
	endpoint.Close()
	short, cancel := context.WithTimeout(ctx, probeSeconds*time.Second)
	defer cancel()
	if c, err := t.DialContext(short, "tcp", internetAddress+":443"); err == nil {
		c.Close()
		return fmt.Errorf("the tunnel reaches %s", internetAddress)
	}
	return nil
}

func (n *hostNode) restart(context.Context) error {
	if err := n.stop(); err != nil {
		return err
	}
	return n.run()
}

func (n *hostNode) stop() error {
	if n.cmd == nil {
		return nil
	}
	defer func() { n.cmd = nil }()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(demoPatience, func() { _ = n.cmd.Process.Kill() })
	defer kill.Stop()
	var ended *exec.ExitError
	if err := n.cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return err
	}
	return nil
}

func (n *hostNode) close() error {
	err := n.stop()
	if n.dir != "" {
		err = errors.Join(err, os.RemoveAll(n.dir))
	}
	return err
}
