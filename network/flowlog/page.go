package flowlog

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/network"
	"postern/network/vpc"
)

// page is the text of one file.
type page struct {
	writer *Writer
	state  *network.State
	log    *network.FlowLog
	fields []string
	text   []byte
}

func newPage(w *Writer, s *network.State, l *network.FlowLog) *page {
	p := &page{writer: w, state: s, log: l}
	for _, f := range strings.Fields(l.Format) {
		p.fields = append(p.fields, strings.TrimSuffix(strings.TrimPrefix(f, "${"), "}"))
	}
	return p
}

// row is one record with where it was seen.
type row struct {
	*network.Interface
	line   line
	counts counts
	// status is OK, NODATA or SKIPDATA.
	status string
}

// compare orders lines by everything that they differ in.
func (l line) compare(o line) int {
	refused := func(l line) int {
		if l.accept {
			return 0
		}
		return 1
	}
	return cmp.Or(
		l.source.Compare(o.source), l.destination.Compare(o.destination), cmp.Compare(l.protocol, o.protocol),
		cmp.Compare(refused(l), refused(o)), l.packets[0].Compare(o.packets[0]), l.packets[1].Compare(o.packets[1]),
	)
}

// all is the header, the records by interface and time, and a record of each interface that had none.
func (p *page) all(i *interval, ended time.Time) []byte {
	p.text = append(p.text, strings.Join(p.fields, " ")+"\n"...)
	rows := make([]row, 0, len(i.lines))
	busy := map[string]bool{}
	for k, c := range i.lines {
		if n := p.writer.nic(p.state, k.eni); n != nil {
			rows = append(rows, row{n, k, *c, "OK"})
			busy[k.eni] = true
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.counts.start.Compare(b.counts.start), a.line.compare(b.line))
	})
	window := counts{start: i.began, end: ended}
	for n := range p.state.AllInterfaces() {
		if !busy[n.ID] && n.Attachment != nil && p.log.Covers(n) {
			rows = append(rows, row{n, line{eni: n.ID}, window, "NODATA"})
		}
		if i.skipped && p.log.Covers(n) {
			rows = append(rows, row{n, line{eni: n.ID}, window, "SKIPDATA"})
		}
	}
	for j := range rows {
		for k, f := range p.fields {
			if k > 0 {
				p.text = append(p.text, ' ')
			}
			p.text = append(p.text, cmp.Or(p.field(f, &rows[j]), "-")...)
		}
		p.text = append(p.text, '\n')
	}
	return p.text
}

// versions say in which version of the format a field came.
var versions = map[string]int{
	"vpc-id": 3, "subnet-id": 3, "instance-id": 3, "tcp-flags": 3, "type": 3, "pkt-srcaddr": 3, "pkt-dstaddr": 3,
	"region": 4, "az-id": 4, "sublocation-type": 4, "sublocation-id": 4,
	"pkt-src-aws-service": 5, "pkt-dst-aws-service": 5, "flow-direction": 5, "traffic-path": 5,
}

func (p *page) version() string {
	highest := 2
	for _, f := range p.fields {
		highest = max(highest, versions[f])
	}
	return strconv.Itoa(highest)
}

// field returns what a field says; it is empty for what is not known or does not apply.
func (p *page) field(name string, r *row) string {
	switch name {
	case "version":
		return p.version()
	case "account-id":
		return r.Account
	case "interface-id":
		return r.ID
	case "start":
		return strconv.FormatInt(r.counts.start.Unix(), 10)
	case "end":
		return strconv.FormatInt(r.counts.end.Unix(), 10)
	case "log-status":
		return r.status
	case "vpc-id":
		return r.VPC
	case "subnet-id":
		return r.Subnet
	case "instance-id":
		if r.Kind == vpc.InstanceInterface {
			return r.Owner()
		}
		return ""
	case "region":
		return r.Region
	case "az-id":
		return network.ZoneID(r.Zone)
	}
	if r.status != "OK" {
		return ""
	}
	return p.traffic(name, r)
}

// traffic returns what a field says of packets.
func (p *page) traffic(name string, r *row) string {
	l := &r.line
	switch name {
	case "srcaddr":
		return l.source.Addr().String()
	case "dstaddr":
		return l.destination.Addr().String()
	case "srcport":
		return strconv.Itoa(int(l.source.Port()))
	case "dstport":
		return strconv.Itoa(int(l.destination.Port()))
	case "protocol":
		return strconv.Itoa(int(l.protocol))
	case "packets":
		return strconv.FormatUint(r.counts.packets, 10)
	case "bytes":
		return strconv.FormatUint(r.counts.bytes, 10)
	case "action":
		if l.accept {
			return "ACCEPT"
		}
		return "REJECT"
	case "tcp-flags":
		return strconv.Itoa(int(r.counts.flags))
	case "type":
		return "IPv4"
	case "pkt-srcaddr":
		return l.packetSource().String()
	case "pkt-dstaddr":
		return l.packetDestination().String()
	case "pkt-src-aws-service":
		return p.service(l.packetSource())
	case "pkt-dst-aws-service":
		return p.service(l.packetDestination())
	case "flow-direction":
		if r.sends() {
			return "egress"
		}
		return "ingress"
	case "traffic-path":
		return p.path(r)
	}
	return ""
}

func (l *line) packetSource() netip.Addr {
	if l.packets[0].IsValid() {
		return l.packets[0]
	}
	return l.source.Addr()
}

func (l *line) packetDestination() netip.Addr {
	if l.packets[1].IsValid() {
		return l.packets[1]
	}
	return l.destination.Addr()
}

// sends reports whether the packets leave the interface.
func (r *row) sends() bool { return slices.Contains(r.Addresses, r.line.source.Addr()) }

// service names the range of Amazon's that an address is in.
func (p *page) service(a netip.Addr) string {
	if p.writer.config.Service != nil && p.writer.config.Service(a) {
		return "AMAZON"
	}
	return ""
}

// path is the number of the way by which packets leave (VPC user guide, "traffic-path"): within the VPC, or by an
// Internet gateway. Other ways are not told apart here.
func (p *page) path(r *row) string {
	if !r.sends() {
		return ""
	}
	v, ok := p.state.AnyVPC(r.VPC)
	if ok && slices.ContainsFunc(v.Blocks, func(b network.Block) bool {
		return b.CIDR.Contains(r.line.destination.Addr())
	}) {
		return "1"
	}
	if r.Public != nil && !r.line.destination.Addr().IsPrivate() {
		return "8"
	}
	return ""
}
