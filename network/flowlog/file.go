package flowlog

import (
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postern/network"
)

// write writes one file with everything of an interval.
func (w *Writer) write(s *network.State, l *network.FlowLog, i *interval, ended time.Time) (err error) {
	name := w.name(l, ended)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", l.ID, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".flow-log-*")
	if err != nil {
		return fmt.Errorf("make a file of %s: %w", l.ID, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	z := gzip.NewWriter(f)
	p := newPage(w, s, l)
	if _, err = z.Write(p.all(i, ended)); err != nil {
		return fmt.Errorf("write a file of %s: %w", l.ID, err)
	}
	if err = z.Close(); err != nil {
		return fmt.Errorf("write a file of %s: %w", l.ID, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("write a file of %s: %w", l.ID, err)
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("name a file of %s: %w", l.ID, err)
	}
	return w.prune(l)
}

// root is the folder that the flow log's destination names, and below it what is the region's.
func (w *Writer) root(l *network.FlowLog) string {
	return filepath.Join(w.folder(l), "AWSLogs", l.Account, "vpcflowlogs", l.Region)
}

// name is a new file's. The hash at its end keeps apart those of one minute.
func (w *Writer) name(l *network.FlowLog, at time.Time) string {
	at = at.UTC()
	h := fnv.New32a()
	fmt.Fprint(h, at.UnixNano(), l.ID)
	return filepath.Join(w.root(l), at.Format("2006/01/02"),
		fmt.Sprintf("%s_vpcflowlogs_%s_%s_%s_%08x.log.gz", l.Account, l.Region, l.ID, at.Format("20060102T1504Z"), h.Sum32()))
}

// prune removes the oldest files of a flow log until the others are small enough together.
func (w *Writer) prune(l *network.FlowLog) error {
	type file struct {
		path string
		size int64
		at   time.Time
	}
	// Folders and names begin with dates, so their order is that of time.
	paths, err := filepath.Glob(filepath.Join(w.root(l), "*", "*", "*", "*_"+l.ID+"_*.log.gz"))
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", l.ID, err)
	}
	var files []file
	total := int64(0)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			files = append(files, file{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return a.at.Compare(b.at) })
	for _, f := range files {
		if total <= w.config.MaxBytes {
			break
		}
		if err := os.Remove(f.path); err != nil {
			return fmt.Errorf("remove an old file of %s: %w", l.ID, err)
		}
		total -= f.size
	}
	return nil
}
