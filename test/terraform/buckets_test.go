package terraform

import "testing"

// TestBuckets applies a bucket as a security team wants it, with an object, and destroys it.
func TestBuckets(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	w := newWorkspace(t, have, serve(t), "buckets")
	w.apply()
	w.settled()
	var content, region string
	w.output("content", &content)
	w.output("region", &region)
	if content != `{"hall":7}` || region != "us-east-1" {
		t.Errorf("the object is %q, in %s", content, region)
	}
	w.destroy()
}
