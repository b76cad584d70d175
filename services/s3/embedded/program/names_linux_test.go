package program

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3response"
	"pgregory.net/rapid"

	"postern/services/s3/embedded/key"
)

// open opens a store with an empty bucket, which keeps the names of every directory.
func open(t testing.TB, bucket string) *backendStore {
	t.Helper()
	work, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBackend(t.TempDir()) // which changes the working directory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chdir(work); err != nil {
			t.Error(err)
		}
	})
	b.names.min = 0
	if err := os.Mkdir(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

// naive lists a page from all keys there are, as S3's documentation says.
func naive(keys map[string]bool, q query, start string) (objects, groups []string, truncated bool) {
	var sorted []string
	for k := range keys {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	for _, k := range sorted {
		group := q.group(k)
		listed := k
		if group != "" {
			listed = group
		}
		if !strings.HasPrefix(k, q.prefix) || listed <= start || group != "" && slices.Contains(groups, group) {
			continue
		}
		if len(objects)+len(groups) == q.max {
			return objects, groups, true
		}
		if group != "" {
			groups = append(groups, group)
		} else {
			objects = append(objects, k)
		}
	}
	return objects, groups, false
}

// TestListingsWhileObjectsComeAndGo: what is kept of directories between listings is never seen to be old.
func TestListingsWhileObjectsComeAndGo(t *testing.T) {
	b, bucket, round := open(t, "bucket"), "bucket", 0
	names := rapid.StringOfN(rapid.RuneFrom([]rune("ab/-0.")), 1, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		round++
		here := fmt.Sprintf("%d/", round) // the buckets of earlier rounds would grow
		keys := map[string]bool{}
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			name := here + names.Draw(t, "name")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				put(t, b, bucket, name)
				keys[name] = true
			case 2:
				path := key.Encode(name)
				if _, err := b.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &path}); err != nil {
					t.Fatal(err)
				}
				delete(keys, name)
			}
			q := query{
				prefix:    here + rapid.SampledFrom([]string{"", "a", "a/", "b/a", "-"}).Draw(t, "prefix"),
				delimiter: rapid.SampledFrom([]string{"", "/", "a"}).Draw(t, "delimiter"),
				max:       rapid.SampledFrom([]int{1, 2, 3, 1000}).Draw(t, "limit"),
			}
			pages(t, b, bucket, q, keys)
		}
	})
}

func put(t *rapid.T, b *backendStore, bucket, name string) {
	path, length := key.Encode(name), int64(len(name))
	if _, err := b.PutObject(t.Context(), s3response.PutObjectInput{
		Bucket: &bucket, Key: &path, ContentLength: &length, Body: strings.NewReader(name),
	}); err != nil {
		t.Fatalf("put %q: %v", name, err)
	}
}

// pages compares all pages of a listing with naive ones.
func pages(t *rapid.T, b *backendStore, bucket string, q query, keys map[string]bool) {
	start := ""
	for {
		p, err := b.objects(t.Context(), bucket, q, start)
		if err != nil {
			t.Fatal(err)
		}
		var objects, groups []string
		for _, o := range p.objects {
			objects = append(objects, *o.Key)
			if *o.Size != int64(len(*o.Key)) {
				t.Fatalf("%s has %d bytes", *o.Key, *o.Size)
			}
		}
		for _, g := range p.groups {
			groups = append(groups, *g.Prefix)
		}
		wantObjects, wantGroups, more := naive(keys, q, start)
		if !slices.Equal(objects, wantObjects) || !slices.Equal(groups, wantGroups) || p.truncated != more {
			t.Fatalf("%+v after %q: %q, %q, %v; want %q, %q, %v",
				q, start, objects, groups, p.truncated, wantObjects, wantGroups, more)
		}
		if !p.truncated {
			return
		}
		start = p.next
	}
}

// TestNamesAreBounded: what is kept in memory does not grow with what there is.
func TestNamesAreBounded(t *testing.T) {
	n := newNames(time.Now)
	for i := range 7 {
		n.keep(fmt.Sprint(i), &directory{entries: make([]os.DirEntry, maxKept/3)})
	}
	n.keep("small", &directory{entries: make([]os.DirEntry, minKept-1)})
	n.keep("large", &directory{entries: make([]os.DirEntry, maxKept+1)})
	if len(n.dirs) != 3 || n.kept != 3*(maxKept/3) || n.dirs["6"] == nil || n.dirs["0"] != nil {
		t.Errorf("%d names of %d directories", n.kept, len(n.dirs))
	}
}

// BenchmarkListing is a listing of 20,000 objects by 1,000.
func BenchmarkListing(b *testing.B) {
	s := open(b, "bucket")
	for i := range 20_000 {
		if err := os.WriteFile("bucket/"+key.Encode(fmt.Sprintf("object-%05d", i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, row := range []struct {
		name string
		min  int
	}{{"kept", 0}, {"read each time", 1 << 30}} {
		b.Run(row.name, func(b *testing.B) {
			s.names.min = row.min
			for b.Loop() {
				start, n := "", 0
				for more := true; more; {
					p, err := s.objects(b.Context(), "bucket", query{max: 1000}, start)
					if err != nil {
						b.Fatal(err)
					}
					start, more, n = p.next, p.truncated, n+len(p.objects)
				}
				if n != 20_000 {
					b.Fatal(n)
				}
			}
		})
	}
}
