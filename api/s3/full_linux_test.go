package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sys/unix"
)

// fullVariable tells the test's own program that it is in a mount namespace of its own.
const fullVariable = "POSTERN_TEST_FULL"

// TestAFullDisk runs TestWithAFullDisk where it may mount a small file system.
func TestAFullDisk(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestWithAFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), fullVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Skipf("this host lets nobody make user namespaces: %v", err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "--- PASS: TestWithAFullDisk") {
		t.Errorf("%v\n%s", err, &said)
	}
}

// TestWithAFullDisk: what does not fit is refused by name, and nothing of it is seen; what was there stays; and all
// goes on when there is room.
func TestWithAFullDisk(t *testing.T) {
	if os.Getenv(fullVariable) == "" {
		t.Skip("it is run by TestAFullDisk")
	}
	dir := t.TempDir()
	if err := unix.Mount("objects", dir, "tmpfs", 0, "size=12m,mode=700"); err != nil {
		t.Fatal(err)
	}
	c := keptIn(t, dir).root(t, "bucket")
	d := disk{t, c, filepath.Join(dir, "filler"), aws.String("bucket"), nil}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // its namespace ends anyway
	d.must(d.put("earlier", 1<<20))
	up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: d.bucket, Key: aws.String("parts"),
	})
	d.must(err)
	d.upload = up.UploadId
	d.must(d.part(1, 5<<20))
	d.refused("an object larger than the disk", d.put("large", 16<<20))
	d.refused("a part larger than the disk", d.part(2, 16<<20))
	d.fill()
	d.refused("an object", d.put("new", 1<<20))
	d.refused("another instead of the first", d.put("earlier", 2<<20))
	d.refused("a part", d.part(2, 1<<20))
	_, err = c.CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: d.bucket, Key: aws.String("copy"), CopySource: aws.String("bucket/earlier"),
	})
	d.refused("a copy", err)
	d.has("earlier")
	d.must(os.Remove(d.filler))
	d.must(d.put("new", 1<<20))
	d.must(d.part(2, 1<<20))
	d.has("earlier", "new")
}

// disk is a bucket on a small file system.
type disk struct {
	t      *testing.T
	c      *s3.Client
	filler string
	bucket *string
	upload *string
}

func (d *disk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) refused(what string, err error) {
	d.t.Helper()
	var answer *smithyhttp.ResponseError
	if code(err) != "InsufficientStorage" || !errors.As(err, &answer) ||
		answer.HTTPStatusCode() != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "No space left") {
		d.t.Errorf("%s: %v", what, err)
	}
}

func (d *disk) put(key string, size int) error {
	_, err := d.c.PutObject(d.t.Context(), &s3.PutObjectInput{
		Bucket: d.bucket, Key: &key, Body: bytes.NewReader(bytes.Repeat([]byte("x"), size)),
	})
	return err
}

func (d *disk) part(number int32, size int) error {
	_, err := d.c.UploadPart(d.t.Context(), &s3.UploadPartInput{
		Bucket: d.bucket, Key: aws.String("parts"), UploadId: d.upload, PartNumber: &number,
		Body: bytes.NewReader(bytes.Repeat([]byte("x"), size)),
	})
	return err
}

// fill takes all the room there is.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(d.filler)
	d.must(err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		d.t.Fatal(err)
	}
}

// has sees that there are these objects of 1 MiB and the first part, and nothing else.
func (d *disk) has(keys ...string) {
	d.t.Helper()
	ctx := d.t.Context()
	list, err := d.c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: d.bucket})
	d.must(err)
	var got []string
	for _, o := range list.Contents {
		got = append(got, *o.Key)
	}
	if strings.Join(got, " ") != strings.Join(keys, " ") {
		d.t.Errorf("%q, want %q", got, keys)
	}
	for _, key := range keys {
		out, err := d.c.GetObject(ctx, &s3.GetObjectInput{Bucket: d.bucket, Key: &key})
		d.must(err)
		body, err := io.ReadAll(out.Body)
		if err != nil || len(body) != 1<<20 || strings.Trim(string(body), "x") != "" {
			d.t.Errorf("%s has %d bytes, %v", key, len(body), err)
		}
	}
	parts, err := d.c.ListParts(ctx, &s3.ListPartsInput{Bucket: d.bucket, Key: aws.String("parts"), UploadId: d.upload})
	d.must(err)
	if len(parts.Parts) == 0 || *parts.Parts[0].Size != 5<<20 || len(parts.Parts) > 1 && *parts.Parts[1].Size != 1<<20 {
		d.t.Errorf("%+v", parts.Parts)
	}
}
