package world_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
	"postern/test/world"
)

// TestFlowLogs sends packets that are accepted and refused, within the VPC and out by a NAT gateway, and reads what the
// flow logs' files say of them.
func TestFlowLogs(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	n := w.Bare()
	g := w.NATGateway()
	log := func(resource string, kind ec2types.FlowLogsResourceType, traffic ec2types.TrafficType, format *string) string {
		out, err := w.EC2.CreateFlowLogs(t.Context(), &ec2.CreateFlowLogsInput{
			ResourceIds: []string{resource}, ResourceType: kind, TrafficType: traffic, LogDestinationType: "s3",
			LogDestination: aws.String(
				network.FlowLogBucket("us-east-1") + "/lab",
			), MaxAggregationInterval: aws.Int32(60), LogFormat: format,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.FlowLogIds[0]
	}
	all := log(w.VPC, "VPC", "ALL", nil)
	rejects := log(
		n.Interface,
		"NetworkInterface",
		"REJECT",
		aws.String(
			"${interface-id} ${dstaddr} ${dstport} ${action} ${tcp-flags} ${flow-direction} ${instance-id} ${sublocation-id}",
		),
	)
	outside := log(w.Subnets[1], "Subnet", "ACCEPT",
		aws.String("${version} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${pkt-dst-aws-service} ${flow-direction}"))

	if got := try(t, n, ssmName, connects); got != connects {
		t.Fatal(got)
	}
	if got := try(t, n, "ec2.us-east-1.amazonaws.com:443", connects); got != connects {
		t.Fatal(got)
	}
	w.Revoke()
	if got := try(t, n, ssmName, timesOut); got != timesOut {
		t.Fatal(got)
	}
	if got := try(t, n, "203.0.113.9:443", timesOut); got != timesOut {
		t.Fatal(got)
	}
	nat := natInterface(t, w, g.NAT)
	w.Restart()

	checkAll(t, n, readLog(t, w, all))
	if want := n.Interface + " 203.0.113.9 443 REJECT 2 egress " + n.ID + " -"; !slices.Contains(
		readLog(t, w, rejects), want) {
		t.Errorf("no record %q in\n%s", want, strings.Join(readLog(t, w, rejects), "\n"))
	}
	checkOutside(t, n, nat, readLog(t, w, outside))
	shown, err := w.EC2.DescribeFlowLogs(t.Context(), &ec2.DescribeFlowLogsInput{FlowLogIds: []string{all}})
	if err != nil || *shown.FlowLogs[0].DeliverLogsStatus != "SUCCESS" {
		t.Errorf("shown as %+v (%v)", shown, err)
	}
}

// checkAll wants a log in the default format to have what was accepted and what was rejected.
func checkAll(t *testing.T, n *world.Node, lines []string) {
	t.Helper()
	if lines[0] != "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "+
		"action log-status" {
		t.Errorf("the file begins with %q", lines[0])
	}
	for _, action := range []string{"ACCEPT", "REJECT"} {
		if !slices.ContainsFunc(lines, func(l string) bool {
			f := strings.Fields(l)
			return len(f) == 14 && f[0] == "2" && f[1] == "000000000000" && f[3] == n.Address.String() && f[6] == "443" &&
				f[7] == "6" &&
				f[12] == action &&
				f[13] == "OK"
		}) {
			t.Errorf("no record of %s in\n%s", action, strings.Join(lines, "\n"))
		}
	}
}

// checkOutside wants a log of the public subnet to have both sides of the translation.
func checkOutside(t *testing.T, n *world.Node, nat string, lines []string) {
	t.Helper()
	public := ""
	for _, l := range lines {
		if f := strings.Fields(l); f[2] != "-" && f[5] == "AMAZON" && f[1] == nat {
			public = f[2]
		}
	}
	for _, want := range []string{
		"5 " + n.Address.String() + " " + nat + " " + n.Address.String() + " " + public + " - ingress",
		"5 " + nat + " " + public + " " + nat + " " + public + " AMAZON egress",
	} {
		if !slices.Contains(lines, want) &&
			!slices.Contains(lines, strings.Replace(want, " - ingress", " AMAZON ingress", 1)) {
			t.Errorf("no record %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// natInterface is the private address of a NAT gateway.
func natInterface(t *testing.T, w *world.World, id string) string {
	t.Helper()
	out, err := w.EC2.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	return *out.NatGateways[0].NatGatewayAddresses[0].PrivateIp
}

// readLog reads every line that a flow log has written.
func readLog(t *testing.T, w *world.World, id string) []string {
	t.Helper()
	var lines []string
	root := filepath.Join(w.DataDir(), "flow-logs", "lab", "AWSLogs", "000000000000", "vpcflowlogs", "us-east-1")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, id) {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(z)
		lines = append(lines, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		return err
	})
	if err != nil || len(lines) == 0 {
		t.Fatalf("nothing of %s: %v", id, err)
	}
	return lines
}
