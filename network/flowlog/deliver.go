package flowlog

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/network"
)

// Object is a file on its way into a bucket.
type Object struct {
	// FlowLog is the flow log whose file it is, Account and Region are the flow log's.
	FlowLog, Account, Region string
	Bucket, Key              string
	Body                     []byte
}

// Deliver puts the files that wait for a bucket there, and removes them here. What a bucket does not take waits for the
// next run, and is the flow log's error meanwhile.
func (w *Writer) Deliver(ctx context.Context) error {
	undelivered := map[string]error{}
	err := filepath.WalkDir(w.config.Spool, func(path string, d fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
			return ctx.Err()
		}
		o, ok := w.object(path)
		if !ok {
			return nil
		}
		if o.Body, err = os.ReadFile(path); err != nil {
			return err
		}
		if err := w.config.Put(ctx, o); err != nil {
			undelivered[o.FlowLog] = err
			return ctx.Err()
		}
		return os.Remove(path)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.undelivered = undelivered
	return err
}

// object reads from a file's path what it is and where it has to go.
func (w *Writer) object(path string) (o Object, ok bool) {
	rest, err := filepath.Rel(w.config.Spool, path)
	if err != nil {
		return o, false
	}
	if o.Bucket, o.Key, ok = strings.Cut(filepath.ToSlash(rest), "/"); !ok {
		return o, false
	}
	parts := strings.Split(filepath.Base(path), "_") // ACCOUNT_vpcflowlogs_REGION_fl-ID_TIME_HASH.log.gz
	if len(parts) != 6 {
		return o, false
	}
	o.Account, o.Region, o.FlowLog = parts[0], parts[2], parts[3]
	return o, true
}

// folder is where the files of a flow log begin: at its destination, or where they wait for their bucket.
func (w *Writer) folder(l *network.FlowLog) string {
	bucket, folder := l.Bucket()
	if bucket == "" {
		return filepath.Join(w.config.Dir, filepath.FromSlash(folder))
	}
	return filepath.Join(w.config.Spool, bucket, filepath.FromSlash(folder))
}
