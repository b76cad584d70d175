package machine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/services/machine"
)

// memory is a Store and the Interfaces of a network, both in memory.
type memory struct {
	mu         sync.Mutex
	rows       map[string]machine.Machine
	interfaces map[string]string // interface → owner
	made       int
	full       error
}

func newMemory() *memory {
	return &memory{rows: map[string]machine.Machine{}, interfaces: map[string]string{}}
}

func (m *memory) Load(context.Context) (list []machine.Machine, err error) {
	for _, row := range m.rows {
		list = append(list, row)
	}
	return list, nil
}

func (m *memory) Put(_ context.Context, row machine.Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full != nil {
		return m.full
	}
	m.rows[row.Key] = row
	return nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, key)
	return nil
}

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
	delete(m.interfaces, row.Interface)
	return nil
}

func open(t *testing.T, m *memory) *machine.Service {
	t.Helper()
	s, err := machine.Open(t.Context(), m, m)
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
	if m.interfaces["eni-1"] != "mi-1" || m.rows["k"].Node != "mi-1" {
		t.Errorf("owner %q, row %+v", m.interfaces["eni-1"], m.rows["k"])
	}
	gone, found, err := s.Forget(t.Context(), "mi-1")
	if gone.Key != "k" || !found || err != nil {
		t.Errorf("forget: %+v, %v, %v", gone, found, err)
	}
	if len(m.rows)+len(m.interfaces) != 0 {
		t.Errorf("left behind: %v, %v", m.rows, m.interfaces)
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
	m.full = errors.New("no space")
	if _, err := s.Admit(t.Context(), request("k", "a", 1)); !errors.Is(err, m.full) {
		t.Errorf("err = %v", err)
	}
	if len(m.interfaces) != 0 {
		t.Errorf("left behind: %v", m.interfaces)
	}
}
