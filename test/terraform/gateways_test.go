package terraform

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestGateways applies the alternative path: Internet and NAT gateways, Elastic IP addresses, flow logs. The nodes are
// Online without any endpoint. Then it changes some of it, forgets some and imports that again.
func TestGateways(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "gateways")
	w.apply()
	w.settled()
	var seen map[string]bool
	w.output("seen", &seen)
	for what, ok := range seen {
		if !ok {
			t.Errorf("%s is seen differently by its data source", what)
		}
	}
	var instances []string
	w.output("instances", &instances)
	c := connect(t, s)
	for _, id := range instances {
		c.online(id)
	}
	changed := []string{"interval=600", "nodes_out=nowhere"}
	w.apply(changed...)
	w.settled(changed...)
	var ids map[string]string
	w.output("ids", &ids)
	w.reimport(changed, ids)
	w.destroy(changed...)
	c.empty()
	c.noPaths()
}

// noPaths wants no address and no flow log to be left, and NAT gateways only as AWS shows those that are deleted.
func (c *clients) noPaths() {
	c.t.Helper()
	addresses, err := c.ec2.DescribeAddresses(c.t.Context(), &ec2.DescribeAddressesInput{})
	if err != nil || len(addresses.Addresses) > 0 {
		c.t.Errorf("addresses are left: %+v (%v)", addresses, err)
	}
	logs, err := c.ec2.DescribeFlowLogs(c.t.Context(), &ec2.DescribeFlowLogsInput{})
	if err != nil || len(logs.FlowLogs) > 0 {
		c.t.Errorf("flow logs are left: %+v (%v)", logs, err)
	}
	gateways, err := c.ec2.DescribeNatGateways(c.t.Context(), &ec2.DescribeNatGatewaysInput{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, g := range gateways.NatGateways {
		if g.State != types.NatGatewayStateDeleted {
			c.t.Errorf("%s is %s", *g.NatGatewayId, g.State)
		}
	}
}
