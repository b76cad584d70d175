package machine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
	"postern/services/machine"
)

// memory is a Store and the Interfaces of a network, both in memory.
type memory struct {
	record.Memory

	mu         sync.Mutex
	interfaces map[string]string // interface → owner
	made       int
	stuck      error // of every Release
}

func newMemory() *memory { return &memory{interfaces: map[string]string{}} }

func (m *memory) Create(_ context.Context, row machine.Machine, _ []string) (machine.Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	row.Interface = fmt.Sprintf("eni-%d", m.made)
	m.interfaces[row.Interface] = ""
	return row, nil
}

func (m *memory) Own(_ context.Context, row machine.Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.interfaces[row.Interface] = row.Node
	return nil
}

func (m *memory) Release(_ context.Context, row machine.Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stuck != nil {
		return m.stuck
	}
	delete(m.interfaces, row.Interface)
	return nil
}

func open(t *testing.T, m *memory) *machine.Service {
	t.Helper()
	s, err := machine.Open(t.Context(), &m.Memory, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(key, activation string, limit int) machine.Request {
	return machine.Request{Machine: machine.Machine{Key: key, Activation: activation}, Limit: limit}
}

func TestAdmitIsIdempotentAndLimited(t *testing.T) {
	m := newMemory()
	s := open(t, m)
	for _, step := range []struct {
		key, activation string
		want            string
		kind            fault.Kind
	}{
		{"k1", "a1", "eni-1", 0},
		{"k1", "a1", "eni-1", 0},
		{"k2", "a1", "eni-2", 0},
		{"k3", "a1", "", fault.Limit},
		{"k3", "a2", "eni-3", 0},
		{"k1", "a2", "", fault.Conflict},
	} {
		got, err := s.Admit(t.Context(), request(step.key, step.activation, 2))
		if got.Interface != step.want || step.want == "" && !fault.Is(err, step.kind) {
			t.Errorf("%s with %s: %q, %v", step.key, step.activation, got.Interface, err)
		}
	}
	// A restart changes nothing.
	if got, err := open(t, m).Admit(t.Context(), request("k2", "a1", 2)); got.Interface != "eni-2" || err != nil {
		t.Errorf("after a restart: %q, %v", got.Interface, err)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	m := newMemory()
	s := open(t, m)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := s.Admit(t.Context(), request("k", "a", 1)); got.Interface != "eni-1" || err != nil {
				t.Errorf("%q, %v", got.Interface, err)
			}
		})
	}
	wg.Wait()
	if m.made != 1 {
		t.Errorf("%d interfaces were made", m.made)
	}
}

func TestRegisterAndForget(t *testing.T) {
	m := newMemory()
	s := open(t, m)
	if _, err := s.Admit(t.Context(), request("k", "a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Registered(t.Context(), "eni-9", "i-1"); err != nil {
		t.Errorf("an instance's registration: %v", err)
	}
	if err := s.Registered(t.Context(), "eni-1", "mi-1"); err != nil {
		t.Fatal(err)
	}
	if now, _ := open(t, m).Find("k"); m.interfaces["eni-1"] != "mi-1" || now.Node != "mi-1" {
		t.Errorf("owner %q, record %+v", m.interfaces["eni-1"], now)
	}
	gone, found, err := s.Forget(t.Context(), "mi-1")
	if gone.Key != "k" || !found || err != nil {
		t.Errorf("forget: %+v, %v, %v", gone, found, err)
	}
	if m.Len()+len(m.interfaces) != 0 {
		t.Errorf("left behind: %d records, %v", m.Len(), m.interfaces)
	}
	if _, found, err := s.Forget(t.Context(), "mi-1"); found || err != nil {
		t.Errorf("forget again: %v, %v", found, err)
	}
}

func TestAbandon(t *testing.T) {
	m := newMemory()
	s := open(t, m)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, node := range []string{"", "mi-2", ""} {
		r := request(fmt.Sprintf("k%d", i+1), "a", 3)
		r.Joined = noon.Add(time.Duration(i) * time.Hour)
		made, err := s.Admit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if node != "" {
			if err := s.Registered(t.Context(), made.Interface, node); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Abandon(t.Context(), noon.Add(90*time.Minute)); err != nil {
		t.Fatal(err)
	}
	left := s.All()
	if len(left) != 2 || left[0].Key != "k2" || left[1].Key != "k3" || len(m.interfaces) != 2 {
		t.Errorf("left: %+v, interfaces %v", left, m.interfaces)
	}
}

func TestFullDiskLeavesNoInterface(t *testing.T) {
	m := newMemory()
	s := open(t, m)
	full := errors.New("no space")
	m.Fail(full)
	if _, err := s.Admit(t.Context(), request("k", "a", 1)); !errors.Is(err, full) {
		t.Errorf("err = %v", err)
	}
	if len(m.interfaces) != 0 {
		t.Errorf("left behind: %v", m.interfaces)
	}
	m.stuck = errors.New("the network is stuck")
	_, err := s.Admit(t.Context(), request("k", "a", 1))
	if !errors.Is(err, full) || !errors.Is(err, m.stuck) || !strings.Contains(err.Error(), "eni-2 is left over") {
		t.Errorf("err = %v", err)
	}
}

// TestTwoServers: what one does the other sees after Refresh.
func TestTwoServers(t *testing.T) {
	m := newMemory()
	one, two := open(t, m), open(t, m)
	if _, err := one.Admit(t.Context(), request("k", "a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := two.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, ok := two.Find("k"); !ok || got.Interface != "eni-1" {
		t.Errorf("%+v, %v", got, ok)
	}
	if err := two.Registered(t.Context(), "eni-1", "mi-1"); err != nil {
		t.Fatal(err)
	}
	if err := one.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone, ok, err := one.Forget(t.Context(), "mi-1"); gone.Key != "k" || !ok || err != nil {
		t.Errorf("%+v, %v, %v", gone, ok, err)
	}
	// The other server still knows it; to forget it again is no error and touches nothing.
	m.stuck = errors.New("released twice")
	if _, ok, err := two.Forget(t.Context(), "mi-1"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if list := two.All(); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

// TestMeanwhile has another server let a machine in between the plan and the commit of the first one.
func TestMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile machine.Request
		conflicts int
		kind      fault.Kind // of the first server's refusal
		owner     string     // the interface of machine k
		left      []string
	}{
		{"unrelated", request("other", "b", 1), 0, 0, "eni-1", []string{"k", "other"}},
		{"of the same activation", request("other", "a", 2), 1, 0, "eni-1", []string{"k", "other"}},
		{"the last place", request("other", "a", 9), 1, fault.Limit, "", []string{"other"}},
		{"itself", request("k", "a", 2), 1, 0, "eni-2", []string{"k"}},
		{"itself, with another activation", request("k", "b", 2), 1, fault.Conflict, "eni-2", []string{"k"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMemory()
			between := &recordtest.Between{Store: &m.Memory}
			one, err := machine.Open(t.Context(), between, m)
			if err != nil {
				t.Fatal(err)
			}
			two := open(t, m)
			between.Next = func() {
				if _, err := two.Admit(t.Context(), tt.meanwhile); err != nil {
					t.Error(err)
				}
			}
			limit := 2
			if tt.kind == fault.Limit {
				limit = 1
			}
			got, err := one.Admit(t.Context(), request("k", "a", limit))
			if tt.kind == 0 && (err != nil || got.Interface != tt.owner) || tt.kind != 0 && !fault.Is(err, tt.kind) {
				t.Errorf("%+v, %v", got, err)
			}
			if between.Conflicts != tt.conflicts {
				t.Errorf("%d conflicts, want %d", between.Conflicts, tt.conflicts)
			}
			var keys []string
			for _, m := range open(t, m).All() {
				keys = append(keys, m.Key)
			}
			if !slices.Equal(keys, tt.left) || len(m.interfaces) != len(keys) {
				t.Errorf("machines %q, want %q; interfaces %v", keys, tt.left, m.interfaces)
			}
		})
	}
}

// TestRegisteredMeanwhile: a machine that has become a node on another server is not abandoned.
func TestRegisteredMeanwhile(t *testing.T) {
	m := newMemory()
	between := &recordtest.Between{Store: &m.Memory}
	one, err := machine.Open(t.Context(), between, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.Admit(t.Context(), request("k", "a", 1)); err != nil {
		t.Fatal(err)
	}
	between.Next = func() {
		if err := open(t, m).Registered(t.Context(), "eni-1", "mi-1"); err != nil {
			t.Error(err)
		}
	}
	if err := one.Expel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if now, ok := one.Find("k"); !ok || now.Node != "mi-1" || m.interfaces["eni-1"] != "mi-1" {
		t.Errorf("%+v, %v, %v", now, ok, m.interfaces)
	}
}
