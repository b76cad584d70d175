package flowlog_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/network/fabric"
	"postern/network/flowlog"
	"postern/network/vpc"
	"postern/record"
)

var here = scope.Scope{Account: "000000000000", Region: "us-east-1"}

// desk is a network with two interfaces, and a writer of its flow logs.
type desk struct {
	*network.Service
	t          *testing.T
	dir        string
	writer     *flowlog.Writer
	vpc        string
	node, idle *network.Interface
	now        time.Time
}

func newDesk(t *testing.T, maxBytes int64) *desk {
	d := &desk{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)}
	var err error
	if d.Service, err = network.New(t.Context(), network.Config{
		Store: new(record.Memory), Now: func() time.Time { return d.now },
	}); err != nil {
		t.Fatal(err)
	}
	v, err := d.CreateVpc(t.Context(), here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := d.CreateSubnet(t.Context(), here, network.CreateSubnetInput{
		VPC: v.ID, CIDR: netip.MustParsePrefix("10.0.1.0/24"),
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := d.CreateInterfaces(t.Context(), here, []network.CreateInterfaceInput{
		{
			Subnet: subnet.ID, Owner: "i-1", Kind: vpc.InstanceInterface, DeleteOnTermination: true,
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.20")},
		},
		{Subnet: subnet.ID, Owner: "i-2", Kind: vpc.InstanceInterface},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.vpc, d.node, d.idle = v.ID, made[0], made[1]
	d.writer = flowlog.New(flowlog.Config{Dir: d.dir, State: d.State, MaxBytes: maxBytes})
	return d
}

func (d *desk) log(in network.CreateFlowLogsInput) string {
	d.t.Helper()
	in.Type, in.Resources, in.Destination = "VPC", []string{d.vpc}, network.FlowLogBucket("us-east-1")+in.Destination
	ids, err := d.CreateFlowLogs(d.t.Context(), here, in)
	if err != nil {
		d.t.Fatal(err)
	}
	return ids[0]
}

// record is one of the node's, to a port.
func (d *desk) record(port uint16, accept bool) fabric.Record {
	return fabric.Record{
		Interface: d.node.ID, Source: netip.MustParseAddrPort("10.0.1.20:40000"),
		Destination: netip.AddrPortFrom(netip.MustParseAddr("10.0.1.10"), port),
		Protocol:    vpc.TCP, Packets: 3, Bytes: 180, Flags: 3, Start: d.now, End: d.now.Add(time.Second), Accept: accept,
	}
}

// minute lets one interval of the fabric pass.
func (d *desk) minute(records ...fabric.Record) {
	d.writer.Take(records)
	began := d.now
	d.now = d.now.Add(time.Minute)
	d.writer.End(began, d.now)
}

// files are the texts of a flow log's files, the oldest first.
func (d *desk) files(id string) []string {
	d.t.Helper()
	var out []string
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, id) {
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
		out = append(out, string(text))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

const short = "${interface-id} ${dstport} ${packets} ${action} ${log-status}"

// TestIntervals: a log of 60 s has a file each minute, one of 600 s adds ten minutes up, and an interface without
// traffic is said to have none.
func TestIntervals(t *testing.T) {
	d := newDesk(t, 0)
	fast, slow := d.log(network.CreateFlowLogsInput{
		Traffic: "ALL", Interval: 60, Format: short,
	}), d.log(network.CreateFlowLogsInput{Traffic: "ALL", Interval: 600, Format: short, Destination: "/slow"})
	for range 10 {
		d.minute(d.record(443, true))
	}
	if got := d.files(fast); len(got) != 10 {
		t.Errorf("%d files of the fast one, want 10", len(got))
	}
	want := []string{
		"interface-id dstport packets action log-status", d.node.ID + " 443 30 ACCEPT OK", d.idle.ID + " - - - NODATA",
	}
	got := d.files(slow)
	if len(got) != 1 {
		t.Fatalf("%d files of the slow one, want 1", len(got))
	}
	lines := strings.Split(strings.TrimSpace(got[0]), "\n")
	slices.Sort(want[1:])
	slices.Sort(lines[1:])
	if !slices.Equal(lines, want) {
		t.Errorf("the file says\n%s\nwant\n%s", got[0], strings.Join(want, "\n"))
	}
}

// TestTraffic: who asks for accepts gets no rejects, and the other way.
func TestTraffic(t *testing.T) {
	d := newDesk(t, 0)
	accepts, rejects := d.log(network.CreateFlowLogsInput{
		Traffic: "ACCEPT", Interval: 60, Format: short,
	}), d.log(network.CreateFlowLogsInput{Traffic: "REJECT", Interval: 60, Format: short})
	d.minute(d.record(443, true), d.record(22, false))
	for id, row := range map[string][2]string{
		accepts: {" 443 3 ACCEPT OK", "REJECT"}, rejects: {" 22 3 REJECT OK", "ACCEPT"},
	} {
		if text := strings.Join(d.files(id), ""); !strings.Contains(text, row[0]) || strings.Contains(text, row[1]) {
			t.Errorf("%s has\n%s", id, text)
		}
	}
}

// TestInterfacesThatAreGone still have the records of their last minute; flow logs that are gone write nothing.
func TestInterfacesThatAreGone(t *testing.T) {
	d := newDesk(t, 0)
	kept, deleted := d.log(network.CreateFlowLogsInput{
		Traffic: "ALL", Interval: 60, Format: short,
	}), d.log(network.CreateFlowLogsInput{Traffic: "ACCEPT", Interval: 60, Format: short})
	d.minute()
	before := len(d.files(deleted))
	if err := d.ReleaseOwner(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.DeleteFlowLogs(t.Context(), here, []string{deleted}); err != nil {
		t.Fatal(err)
	}
	d.minute(d.record(443, true))
	if text := strings.Join(d.files(kept), ""); !strings.Contains(text, d.node.ID+" 443 3 ACCEPT OK") {
		t.Errorf("its last minute is not in\n%s", text)
	}
	if got := len(d.files(deleted)); got != before {
		t.Errorf("the deleted one has %d files, want %d", got, before)
	}
}

// TestBounds: the oldest files go, and what cannot be written is said.
func TestBounds(t *testing.T) {
	d := newDesk(t, 600)
	id := d.log(network.CreateFlowLogsInput{Traffic: "ALL", Interval: 60})
	for range 12 {
		d.minute(d.record(443, true))
	}
	if got := len(d.files(id)); got == 0 || got > 5 {
		t.Errorf("%d files are left", got)
	}
	if err := d.writer.Delivered(id); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.minute(d.record(443, true))
	if err := d.writer.Delivered(id); err == nil {
		t.Error("nothing is said about a file that cannot be written")
	}
}
