package network

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// FlowLog says that the traffic of a VPC, a subnet or a network interface is written down.
type FlowLog struct {
	Meta
	// Resource is the id of the VPC, subnet or network interface.
	Resource string
	// Traffic is "ACCEPT", "REJECT" or "ALL".
	Traffic string
	// Destination is the ARN of a bucket and a folder in it, or of FlowLogBucket.
	Destination string
	// Format lists the fields of a record, as "${version} ${account-id} …".
	Format string
	// Interval is how many seconds a record covers at the most: 60 or 600.
	Interval int
}

// FlowLogBucket is the destination with no bucket behind it: it names a folder of the server's data directory that the
// files are in, in the order that they have in a bucket.
func FlowLogBucket(region string) string {
	return arn.Global(arn.Partition(region), "s3", "", ownBucket).String()
}

// DefaultFlowLogFormat is the format of version 2.
const DefaultFlowLogFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} " +
	"${protocol} " +
	"${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// FlowLogFields are the fields of versions 2 to 5 (VPC user guide, "Flow log records").
var FlowLogFields = []string{
	"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
	"start", "end", "action", "log-status",
	"vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr",
	"region", "az-id", "sublocation-type", "sublocation-id",
	"pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path",
}

var flowLogKind = declare(&kind[FlowLog]{
	Kind: record.Kind[FlowLog]{
		Name: "flow-log",
		// Nothing is compiled of it, but whoever has a snapshot looks whether there are flow logs.
		Views: func(_ *record.Tables, l *FlowLog) []string { return []string{l.ID} },
	},
	resourceType: resourceType{
		prefix: "fl", name: "vpc-flow-log", notFound: "InvalidFlowLogId.NotFound", malformed: "InvalidFlowLogId.NotFound",
		missing: "These flow log ids in the input list are not found: [TotalCount: 1] %s",
	},
	inside: func(l *FlowLog) []string { return []string{l.Resource} },
	refs:   func(l *FlowLog) []string { return []string{l.Resource} },
	limit: &limit{
		of: func(l *Limits) int { return l.FlowLogs }, code: "FlowLogsLimitExceeded",
		message: "OF has the maximum number of flow logs: LIMIT",
	},
})

func (*FlowLog) kind() declared { return flowLogKind }

// FlowLog finds a flow log.
func (s *State) FlowLog(c scope.Scope, id string) (*FlowLog, error) {
	return flowLogKind.lookup(s, c, id)
}

// FlowLogs are the scope's flow logs.
func (s *State) FlowLogs(c scope.Scope) iter.Seq[*FlowLog] { return flowLogKind.scoped(s, c) }

// AllFlowLogs are the flow logs of every scope.
func (s *State) AllFlowLogs() iter.Seq[*FlowLog] { return flowLogKind.All(s.Tables) }

// HasFlowLogs reports whether there is any flow log.
func (s *State) HasFlowLogs() bool { return flowLogKind.Len(s.Tables) > 0 }

// Covers reports whether the traffic of the interface is the flow log's.
func (l *FlowLog) Covers(n *Interface) bool {
	return l.scope() == n.scope() && (l.Resource == n.VPC || l.Resource == n.Subnet || l.Resource == n.ID)
}

// AnyInterface finds a network interface of any scope.
func (s *State) AnyInterface(id string) (*Interface, bool) { return interfaceKind.Get(s.Tables, id) }

// AllInterfaces are the network interfaces of every scope.
func (s *State) AllInterfaces() iter.Seq[*Interface] { return interfaceKind.All(s.Tables) }

// CreateFlowLogsInput is one flow log to be made for each of several resources of one type.
type CreateFlowLogsInput struct {
	// Type is "VPC", "Subnet" or "NetworkInterface".
	Type                         string
	Resources                    []string
	Traffic, Destination, Format string
	Interval                     int
	Tags                         []Tag
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateFlowLogs makes a flow log for each resource, or none. A resource that is not there is the error of its id.
func (s *Service) CreateFlowLogs(ctx context.Context, c scope.Scope, in CreateFlowLogsInput) ([]string, error) {
	var ids []string
	err := s.do(ctx, c, func(p *plan) error {
		known, err := p.recall("CreateFlowLogs", in.Token, in)
		if err != nil {
			return err
		}
		if ids = nil; known != "" {
			ids = strings.Split(known, ",")
			return nil
		}
		whole := in
		if err := whole.complete(c.Region); err != nil {
			return err
		}
		tags, err := p.limits.cleanTags(in.Tags)
		if err != nil {
			return err
		}
		for _, resource := range whole.Resources {
			l := &FlowLog{
				Meta: p.meta("fl", tags), Resource: resource, Traffic: whole.Traffic,
				Destination: whole.Destination, Format: whole.Format, Interval: whole.Interval,
			}
			if err := p.mayLog(l, in.Type); err != nil {
				return err
			}
			p.put(l)
			ids = append(ids, l.ID)
		}
		p.remember("CreateFlowLogs", in.Token, in, strings.Join(ids, ","))
		return nil
	})
	return ids, err
}

// complete checks the input and fills in what is left out.
func (in *CreateFlowLogsInput) complete(region string) error {
	if len(in.Resources) == 0 {
		return missing("ResourceId")
	}
	if !slices.Contains([]string{"ACCEPT", "REJECT", "ALL"}, in.Traffic) {
		return invalidValue("Value (%s) for parameter trafficType is invalid. Accepted values: ACCEPT, REJECT, ALL",
			in.Traffic)
	}
	if in.Interval == 0 {
		in.Interval = 600
	}
	if in.Interval != 60 && in.Interval != 600 {
		return invalidParameter("Invalid Flow Log Max Aggregation Interval: %d. Accepted values: 60, 600", in.Interval)
	}
	if in.Format == "" {
		in.Format = DefaultFlowLogFormat
	}
	if err := checkFormat(in.Format); err != nil {
		return err
	}
	prefix := strings.TrimSuffix(FlowLogBucket(region), ownBucket)
	rest, ok := strings.CutPrefix(in.Destination, prefix)
	bucket, folder, _ := strings.Cut(rest, "/")
	if !ok || !bucketForm.MatchString(bucket) || slices.ContainsFunc(strings.Split(folder, "/"), badPart) {
		return invalidParameter("LogDestination: %s is not of the form %sBUCKET or %sBUCKET/FOLDER", in.Destination, prefix,
			prefix)
	}
	return nil
}

// Bucket returns the bucket that the files go to and the folder in it; the bucket is empty for FlowLogBucket.
func (l *FlowLog) Bucket() (bucket, folder string) {
	bucket, folder, _ = strings.Cut(strings.TrimPrefix(l.Destination,
		strings.TrimSuffix(FlowLogBucket(l.Region), ownBucket)), "/")
	if bucket == ownBucket {
		bucket = ""
	}
	return bucket, strings.Trim(folder, "/")
}

// ownBucket is the name of FlowLogBucket.
const ownBucket = "postern-flow-logs"

var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// badPart reports whether part of a folder's name could lead out of it, or is not what a file may be called everywhere.
func badPart(part string) bool {
	return part == ".." || part == "." || part == "AWSLogs" || len(part) > 64 ||
		strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=") != ""
}

func checkFormat(format string) error {
	fields := strings.Fields(format)
	if len(fields) == 0 {
		return invalidParameter("LogFormat must have at least one field")
	}
	var unknown []string
	seen := map[string]bool{}
	for _, f := range fields {
		name, ok := strings.CutPrefix(f, "${")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case !ok || !closed || !slices.Contains(FlowLogFields, name):
			unknown = append(unknown, f)
		case seen[name]:
			return invalidParameter("LogFormat has the field %s twice", f)
		}
		seen[name] = true
	}
	if len(unknown) > 0 {
		return invalidParameter("Unknown fields provided: [%s]", strings.Join(unknown, ", "))
	}
	return nil
}

// mayLog checks that the resource is there and has no such flow log yet.
func (p *plan) mayLog(l *FlowLog, kind string) (err error) {
	switch kind {
	case "VPC":
		_, err = p.VPC(p.scope, l.Resource)
	case "Subnet":
		_, err = p.Subnet(p.scope, l.Resource)
	case "NetworkInterface":
		_, err = p.Interface(p.scope, l.Resource)
	default:
		return fault.New(fault.NotImplemented, "network.CreateFlowLogs", "CreateFlowLogs for a %s is not implemented", kind)
	}
	if err != nil {
		return err
	}
	for other := range flowLogKind.In(p.Tables, l.Resource) {
		if other.Destination == l.Destination && other.Traffic == l.Traffic && other.Format == l.Format {
			return refuse(fault.Exists, "FlowLogAlreadyExists",
				"Error. There is an existing Flow Log with the same configuration and log destination. It is %s.", other.ID)
		}
	}
	return flowLogKind.room(p, l.Resource, 1)
}

// DeleteFlowLogs deletes flow logs; what they wrote stays. Each is deleted or not by itself: the map holds the error of
// each id that was not.
func (s *Service) DeleteFlowLogs(ctx context.Context, c scope.Scope, ids []string) (map[string]error, error) {
	failed := map[string]error{}
	err := s.do(ctx, c, func(p *plan) error {
		clear(failed)
		for _, id := range ids {
			l, err := p.FlowLog(c, id)
			if err != nil {
				failed[id] = err
				continue
			}
			p.remove(l)
		}
		return nil
	})
	return failed, err
}
