package ec2_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/network"
)

var errBroken = errors.New("the store is broken")

// once lets the client send a request once, whatever the answer is.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// ofInstances are the network interfaces that belong to an instance, whether that is there or not.
func (l *harness) ofInstances() (out []*network.Interface) {
	state := l.network.State()
	for _, owner := range state.Owners() {
		out = append(out, state.InterfacesOf(owner)...)
	}
	return out
}

// halfDone are the ways in which a launch can fail between its steps.
var halfDone = []struct {
	name string
	fail func(l *harness)
	// left is how many interfaces stay behind.
	left int
}{
	{"the interfaces are not kept", func(l *harness) { l.networkStore.Fail(errBroken) }, 0},
	{"the instance is not kept", func(l *harness) { l.computeStore.Fail(errBroken) }, 0},
	{"the instance is not kept, and the interfaces are not taken back", func(l *harness) {
		l.computeStore.Fail(errBroken)
		l.networkStore.FailAfter(1, errBroken)
	}, 2},
}

func (l *harness) repair() {
	l.networkStore.Fail(nil)
	l.computeStore.Fail(nil)
}

func launchWithToken(p places) *sdk.RunInstancesInput {
	return &sdk.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ClientToken: aws.String("token"),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{
			{DeviceIndex: aws.Int32(0), SubnetId: &p.a},
			{DeviceIndex: aws.Int32(1), SubnetId: &p.a},
		},
	}
}

// TestLaunchHalfDone: a launch that fails between its steps leaves nothing behind, or what the same request goes on
// with.
func TestLaunchHalfDone(t *testing.T) {
	for _, tt := range halfDone {
		t.Run(tt.name, func(t *testing.T) {
			l := newHarness(t)
			in := launchWithToken(l.places())
			tt.fail(l)
			if _, err := l.RunInstances(l.ctx, in, once); err == nil {
				t.Fatal("it did not fail")
			}
			l.repair()
			left := l.ofInstances()
			if len(left) != tt.left {
				t.Errorf("%d interfaces are left, want %d", len(left), tt.left)
			}
			made := must(l.RunInstances(l.ctx, in, once))(t).Instances[0]
			for _, n := range left {
				if n.Owner() != *made.InstanceId {
					t.Errorf("%s belongs to %s and not to the instance %s", n.ID, n.Owner(), *made.InstanceId)
				}
			}
			if all := l.ofInstances(); len(all) != 2 {
				t.Errorf("%d interfaces, want those of one instance", len(all))
			}
			l.reaches(*made.InstanceId, types.InstanceStateNameRunning)
			again := must(l.RunInstances(l.ctx, in, once))(t).Instances
			if len(again) != 1 || *again[0].InstanceId != *made.InstanceId || len(l.ofInstances()) != 2 {
				t.Errorf("the same request made %v", again)
			}
		})
	}
}

// TestLaunchHalfDoneAndNotRepeated: what a launch leaves behind is taken away when nobody has gone on with it, and a
// token with which nothing was made is free for another request.
func TestLaunchHalfDoneAndNotRepeated(t *testing.T) {
	for _, tt := range halfDone {
		t.Run(tt.name, func(t *testing.T) {
			l := newHarness(t)
			p := l.places()
			tt.fail(l)
			if _, err := l.RunInstances(l.ctx, launchWithToken(p), once); err == nil {
				t.Fatal("it did not fail")
			}
			l.repair()
			if err := l.instances.ReleaseOrphans(l.ctx); err != nil {
				t.Fatal(err)
			}
			if left := l.ofInstances(); len(left) != tt.left {
				t.Errorf("%d interfaces are left at once, want %d", len(left), tt.left)
			}
			l.ahead.Add(int64(2 * time.Minute))
			if err := l.instances.ReleaseOrphans(l.ctx); err != nil {
				t.Fatal(err)
			}
			if left := l.ofInstances(); len(left) != 0 {
				t.Errorf("%d interfaces are left after two minutes", len(left))
			}
			if tt.left == 0 {
				other := launchWithToken(p)
				other.NetworkInterfaces[1].SubnetId = &p.a
				other.InstanceType = types.InstanceTypeM5Large
				must(l.RunInstances(l.ctx, other, once))(t)
				return
			}
			// The same request still may: it begins anew.
			made := must(l.RunInstances(l.ctx, launchWithToken(p), once))(t).Instances[0]
			if all := l.ofInstances(); len(all) != 2 || all[0].Owner() != *made.InstanceId {
				t.Errorf("interfaces %v", all)
			}
		})
	}
}

// TestAttachHalfDone: an interface that a running instance does not take is free again.
func TestAttachHalfDone(t *testing.T) {
	f := newEverything(t)
	f.booted()
	f.host.mu.Lock()
	f.host.noLease = errBroken
	f.host.mu.Unlock()
	_, err := f.AttachNetworkInterface(f.ctx, &sdk.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &f.eniFree, InstanceId: &f.instance, DeviceIndex: aws.Int32(2),
	}, once)
	if err == nil {
		t.Fatal("it did not fail")
	}
	free := slices.DeleteFunc(f.ofInstances(), func(n *network.Interface) bool { return n.ID != f.eniFree })
	if len(free) > 0 {
		t.Errorf("%s belongs to %s", f.eniFree, free[0].Owner())
	}
}
