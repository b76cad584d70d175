package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many clients ask at once, each on a connection that is kept alive.
const connections = 16

// hammer sends the same request over and over for a while and returns how many answers came in a second. Every answer
// must be 200.
func hammer(
	ctx context.Context,
	address string,
	config *tls.Config,
	request []byte,
	lasting time.Duration,
) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var answered atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, connections)
	began := time.Now()
	for i := range connections {
		wait.Go(func() {
			n, err := ask(ctx, address, config, request, began.Add(lasting))
			answered.Add(n)
			if errs[i] = err; err != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	took := time.Since(began)
	return float64(answered.Load()) / took.Seconds(), errors.Join(errs...)
}

// ask is one client.
func ask(ctx context.Context, address string, config *tls.Config, request []byte, end time.Time) (n int64, err error) {
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	for time.Now().Before(end) {
		if _, err := conn.Write(request); err != nil {
			return n, err
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return n, err
		}
		body, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return n, err
		}
		if answer.StatusCode != http.StatusOK {
			return n, fmt.Errorf("HTTP %d: %s", answer.StatusCode, tail(body))
		}
		n++
	}
	return n, nil
}

// wire is a request as it stands on the wire.
func wire(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	err := r.Write(&b)
	return b.Bytes(), err
}
