package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"postern/ssm/mgs"
)

// maxWhole bounds what is kept of one stream for S3, in bytes, so that a script that prints without end does not fill
// the node's disk.
const maxWhole = 1 << 30

// Upload puts the whole output of a step where the command wants it. Empty streams are nil. It returns the bucket and
// the prefix under which the step's streams are.
type Upload func(ctx context.Context, s Streams) (bucket, prefix string, err error)

// Streams are the whole output of a step.
type Streams struct {
	// Action is the plugin, Step the step's name in the document.
	Action, Step   string
	Stdout, Stderr io.ReadSeeker
}

// whole keeps the streams of a step in files that have no names. A nil whole keeps nothing.
type whole struct{ stdout, stderr stream }

func newWhole(dir string) *whole {
	w := &whole{}
	w.stdout.open(dir)
	w.stderr.open(dir)
	return w
}

func (w *whole) close() {
	if w == nil {
		return
	}
	for _, s := range []*stream{&w.stdout, &w.stderr} {
		if s.file != nil {
			s.file.Close() // it is gone then
		}
	}
}

// writers returns where a script's streams go, beside the beginnings that replies hold.
func (w *whole) writers() (stdout, stderr io.Writer) {
	if w == nil {
		return nil, nil
	}
	return &w.stdout, &w.stderr
}

// add writes what a Runner only returned.
func (w *whole) add(before [2]int64, o *Outcome) {
	if w == nil {
		return
	}
	if w.stdout.size == before[0] {
		w.stdout.say(o.Stdout)
	}
	if w.stderr.size == before[1] {
		w.stderr.say(o.Stderr)
	}
}

// note keeps a text of the agent's own among the error output, and returns it.
func (w *whole) note(text string) string {
	if w != nil {
		w.stderr.say(text)
	}
	return text
}

func (w *whole) sizes() (now [2]int64) {
	if w != nil {
		now = [2]int64{w.stdout.size, w.stderr.size}
	}
	return now
}

// stream takes all that a script writes: the script must not notice that the disk is full.
type stream struct {
	file *os.File
	size int64
	err  error
}

func (s *stream) open(dir string) {
	if dir != "" {
		s.err = os.MkdirAll(dir, 0o700)
	}
	if s.err == nil {
		s.file, s.err = os.CreateTemp(dir, "postern-output-")
	}
	if s.err == nil {
		s.err = os.Remove(s.file.Name())
	}
}

// Write implements io.Writer; it never fails.
func (s *stream) Write(b []byte) (int, error) {
	switch {
	case s.err != nil:
	case s.size+int64(len(b)) > maxWhole:
		s.err = fmt.Errorf("what comes after the first %d bytes of a stream is not kept", s.size)
	default:
		n, err := s.file.Write(b)
		s.size, s.err = s.size+int64(n), err
	}
	return len(b), nil
}

// open makes room for the output of a step, where somebody wants all of it.
func (r *run) open() *whole {
	if r.Upload == nil {
		return nil
	}
	return newWhole(r.Spool)
}

// upload puts what was kept where the command wants it, and returns a text for the step's error output where that does
// not work: the step itself has ended as it has.
func (r *run) upload(ctx context.Context, s Streams, w *whole, out *mgs.StepStatus) string {
	if w == nil {
		return ""
	}
	s.Stdout, s.Stderr = w.stdout.reader(), w.stderr.reader()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ErrShutdown) {
		// A command that was cancelled has output, too.
		var end context.CancelFunc
		ctx, end = context.WithTimeout(context.WithoutCancel(ctx), cancelledUpload)
		defer end()
	}
	var err error
	if out.OutputS3BucketName, out.OutputS3KeyPrefix, err = r.Upload(ctx, s); err != nil {
		out.OutputS3BucketName, out.OutputS3KeyPrefix = "", ""
	}
	if err = errors.Join(err, w.stdout.err, w.stderr.err); err != nil {
		return "\nfailed to put the output into S3: " + err.Error()
	}
	return ""
}

func (s *stream) say(text string) { _, _ = s.Write([]byte(text)) }

func (s *stream) reader() io.ReadSeeker {
	if s.size == 0 {
		return nil
	}
	return s.file
}
