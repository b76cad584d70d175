package world

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/api/nodetest"
	"postern/aws/sigv4"
	"postern/network/fabric/fabrictest"
	"postern/network/link/userstack"
)

// A node's state, as DescribeInstanceInformation says it.
const (
	Online         = string(ssmtypes.PingStatusOnline)
	ConnectionLost = string(ssmtypes.PingStatusConnectionLost)
)

// Node is an instance of the world.
type Node struct {
	managed
	// Interface is the id of its network interface, Address the private address of it.
	Interface string
	Address   netip.Addr
}

// managed is a managed node as its operator sees it.
type managed struct {
	// ID is the node's: "i-…" or "mi-…".
	ID string
	w  *World
}

// Instance makes one more instance, and waits until it is ready.
func (w *World) Instance() *Node {
	w.t.Helper()
	n := w.run("")
	n.ready()
	return n
}

// Bare makes an instance on which no agent runs, and waits until it is connected.
func (w *World) Bare() *Node {
	w.t.Helper()
	n := w.run(bare)
	w.Until(n.ID+" is connected", func() bool {
		b := w.host.of(n.ID)
		return b != nil && b.uplink.stack.Load() != nil
	})
	return n
}

// Image registers the root file system at a path of this host, and returns the image's id.
func (w *World) Image(name, path string) string {
	w.t.Helper()
	return *must[ec2.RegisterImageOutput](w)(w.EC2.RegisterImage(w.t.Context(), &ec2.RegisterImageInput{
		Name: &name, ImageLocation: &path,
	})).ImageId
}

func (w *World) run(userData string) *Node {
	w.t.Helper()
	images := must[ec2.DescribeImagesOutput](w)(w.EC2.DescribeImages(w.t.Context(), &ec2.DescribeImagesInput{}))
	return w.RunImage(*images.Images[0].ImageId, userData)
}

// RunImage runs an instance of an image, with user data if it is not empty, and does not wait for it.
func (w *World) RunImage(image, userData string) *Node {
	w.t.Helper()
	made := must[ec2.RunInstancesOutput](w)(w.EC2.RunInstances(w.t.Context(), &ec2.RunInstancesInput{
		ImageId: &image, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &w.Subnets[0], SecurityGroupIds: []string{w.NodeGroup}, UserData: encode(userData),
		IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: &w.Role},
	}))
	i := made.Instances[0]
	n := &Node{
		managed:   managed{ID: *i.InstanceId, w: w},
		Interface: *i.NetworkInterfaces[0].NetworkInterfaceId, Address: netip.MustParseAddr(*i.PrivateIpAddress),
	}
	w.journey.name(n.Interface, n.ID)
	return n
}

// Reboot boots the instance again, as its operator would, and returns when the new boot is connected.
func (n *Node) Reboot() {
	n.w.t.Helper()
	before := n.w.host.of(n.ID)
	must[ec2.RebootInstancesOutput](n.w)(
		n.w.EC2.RebootInstances(n.w.t.Context(), &ec2.RebootInstancesInput{InstanceIds: []string{n.ID}}),
	)
	n.w.Until(n.ID+" has booted again", func() bool {
		now := n.w.host.of(n.ID)
		return now != before && now.uplink.stack.Load() != nil
	})
}

// Dial connects from the instance to an address, or to a name as the VPC's resolver knows it.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.w.host.of(n.ID).uplink.DialContext(ctx, network, address)
}

// DialFrom connects from one of the instance's addresses, through its interface with the device index.
func (n *Node) DialFrom(ctx context.Context, index int, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	s := n.stack(index)
	if s == nil {
		return nil, net.ErrClosed
	}
	return s.DialTCP(ctx, netip.AddrPortFrom(from, 0), to)
}

// Plugged says whether the instance has an interface with the device index.
func (n *Node) Plugged(index int) bool { return n.stack(index) != nil }

func (n *Node) stack(index int) *userstack.Stack {
	b := n.w.host.of(n.ID)
	if index == 0 {
		return b.uplink.stack.Load()
	}
	n.w.host.mu.Lock()
	defer n.w.host.mu.Unlock()
	if r := b.more[index]; r != nil {
		return r.stack.Load()
	}
	return nil
}

// Lookup asks the VPC's resolver from the instance.
func (n *Node) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return n.w.host.of(n.ID).uplink.lookup(ctx, name)
}

// ListenUDP takes a UDP port of the instance's address. It is closed with the instance's boot.
func (n *Node) ListenUDP(port uint16) net.PacketConn {
	n.w.t.Helper()
	c, err := n.w.host.of(n.ID).uplink.stack.Load().DialUDP(netip.AddrPortFrom(n.Address, port), netip.AddrPort{})
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.w.onClose(func() { _ = c.Close() })
	return c
}

// Wire is a bare wire in the place of the instance's stack, on which packets can be put as they are.
func (n *Node) Wire() *fabrictest.Wire {
	wire := fabrictest.NewWire(9001)
	n.w.onClose(n.w.Server.Attach(n.Interface, wire))
	return wire
}

// Client makes requests from the instance.
func (n *Node) Client() *http.Client {
	c := n.w.host.of(n.ID).client()
	n.w.onClose(c.CloseIdleConnections)
	return c
}

// Ask sends a request from the instance as it is, and reads the answer.
func (n *Node) Ask(r *http.Request) (status int, body string) {
	n.w.t.Helper()
	c := n.w.host.of(n.ID).client()
	defer c.CloseIdleConnections()
	status, text := n.w.do(c, r)
	return status, string(text)
}

// AskAt is Ask of the server at an address, host:port, whatever the VPC's resolver says of the request's host.
func (n *Node) AskAt(address string, r *http.Request) (status int, body string) {
	n.w.t.Helper()
	c := n.w.host.of(n.ID).client()
	transport, ok := c.Transport.(*http.Transport)
	if !ok {
		n.w.t.Fatalf("a client's transport is a %T", c.Transport)
	}
	transport = transport.Clone()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.Dial(ctx, network, address)
	}
	c.Transport = transport
	defer c.CloseIdleConnections()
	status, text := n.w.do(c, r)
	return status, string(text)
}

// Metadata returns the answer of the instance's metadata service below meta-data.
func (n *Node) Metadata(path string) string {
	n.w.t.Helper()
	client := n.w.host.of(n.ID).uplink.metadata()
	const latest = "http://169.254.169.254/latest/"
	token := n.fetch(client, http.MethodPut, latest+"api/token",
		http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
	return string(
		n.fetch(client, http.MethodGet, latest+"meta-data/"+path, http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}),
	)
}

// Credentials returns the credentials of the instance's role, as its metadata service gives them.
func (n *Node) Credentials() sigv4.Credentials {
	n.w.t.Helper()
	text := []byte(n.Metadata("iam/security-credentials/" + n.w.Role))
	var c struct{ AccessKeyID, SecretAccessKey, Token string }
	if err := json.Unmarshal(text, &c); err != nil {
		n.w.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.Token}
}

func (n *Node) fetch(client *http.Client, method, url string, header http.Header) []byte {
	n.w.t.Helper()
	r, err := http.NewRequestWithContext(n.w.t.Context(), method, url, nil)
	if err != nil {
		n.w.t.Fatal(err)
	}
	r.Header = header
	status, body := n.w.do(client, r)
	if status != http.StatusOK {
		n.w.t.Fatalf("%s %s: %d %s", method, url, status, body)
	}
	return body
}

// Scripted is a machine in the place of the instance's agent, over the instance's uplink and with its credentials. It
// has sent its first sign of life.
func (n *Node) Scripted() *nodetest.Machine {
	n.w.t.Helper()
	m := nodetest.Over(n.w.t, n.Client(), n.ID, n.Credentials())
	m.Ping()
	return m
}

// Drops counts the node's packets that went no further, by reason.
func (n *Node) Drops() map[string]int { return n.w.journey.dropped(n.Interface) }

// Status is the node's ping status; empty while it is not known.
func (m *managed) Status() string {
	m.w.t.Helper()
	out := must[ssm.DescribeInstanceInformationOutput](m.w)(
		m.w.SSM.DescribeInstanceInformation(m.w.t.Context(), &ssm.DescribeInstanceInformationInput{
			Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{m.ID}}},
		}),
	)
	if len(out.InstanceInformationList) == 0 {
		return ""
	}
	return string(out.InstanceInformationList[0].PingStatus)
}

// Await waits for a status.
func (m *managed) Await(status string) {
	m.w.t.Helper()
	m.w.Until(m.ID+" is "+status, func() bool { return m.Status() == status })
}

// Connected says whether the node's control channel is open.
func (m *managed) Connected() bool {
	m.w.t.Helper()
	out := must[ssm.GetConnectionStatusOutput](m.w)(
		m.w.SSM.GetConnectionStatus(m.w.t.Context(), &ssm.GetConnectionStatusInput{Target: &m.ID}),
	)
	return out.Status == ssmtypes.ConnectionStatusConnected
}

// ready waits until commands come at once.
func (m *managed) ready() {
	m.w.t.Helper()
	m.Await(Online)
	m.w.Until(m.ID+" has a control channel", m.Connected)
}
