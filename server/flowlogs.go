package server

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path"
	"time"

	"postern/aws/arn"
	"postern/network"
	"postern/network/flowlog"
	"postern/services/s3"
)

// flowLogsModule writes flow logs into the data directory, and from there into buckets. It closes after the fabric,
// whose last records it still takes: they wait for the next start.
type flowLogsModule struct {
	config  *Config
	base    *baseModule
	network *networkModule
	objects *s3Module // opened later

	*flowlog.Writer
}

func (m *flowLogsModule) module() module {
	return module{name: "flow logs", open: m.open, reconcilers: m.reconcilers, close: m.close}
}

func (m *flowLogsModule) open(context.Context) error {
	m.Writer = flowlog.New(flowlog.Config{
		Dir: m.dir(), Spool: m.spool(), Put: m.put, State: m.network.State, Log: m.config.Log,
		Service: func(a netip.Addr) bool {
			_, ok := m.network.Snapshot().PublicServiceAt(a)
			return ok
		},
	})
	return nil
}

func (m *flowLogsModule) dir() string { return m.base.dir.File("flow-logs") }

// spool is where files wait for their bucket.
func (m *flowLogsModule) spool() string { return m.base.dir.File("flow-logs-undelivered") }

func (m *flowLogsModule) reconcilers() []reconciler {
	return []reconciler{{name: "delivery of flow logs", every: 10 * time.Second, run: m.Deliver}}
}

func (m *flowLogsModule) put(ctx context.Context, o flowlog.Object) error {
	return m.objects.Deliver(ctx, delivery(o), o.Body)
}

// Accepts implements vpcs.FlowLogs. A bucket's policy is asked about any file of the flow log's.
func (m *flowLogsModule) Accepts(l *network.FlowLog) error {
	bucket, folder := l.Bucket()
	return m.objects.MayDeliver(delivery(flowlog.Object{
		Account: l.Account, Region: l.Region, Bucket: bucket,
		Key: path.Join(folder, "AWSLogs", l.Account, "vpcflowlogs", l.Region, "file.log.gz"),
	}))
}

// delivery says for whom a file is put into a bucket (VPC user guide, "Publish flow logs to Amazon S3").
func delivery(o flowlog.Object) s3.Delivery {
	return s3.Delivery{
		Service: "delivery.logs.amazonaws.com", Account: o.Account,
		Source: arn.New("logs", o.Region, o.Account, "*").String(),
		Bucket: o.Bucket, Key: o.Key,
	}
}

// close writes what is left. Where another generation of the server follows, nothing stays.
func (m *flowLogsModule) close() error {
	if m.base.kept != nil {
		return errors.Join(os.RemoveAll(m.dir()), os.RemoveAll(m.spool()))
	}
	m.Close(m.config.Now())
	return nil
}
