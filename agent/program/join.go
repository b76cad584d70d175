package program

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/agent"
	"postern/network/link/tunnel"
)

// tunnelFile keeps the tunnel's configuration, with a private key.
const tunnelFile = "tunnel.json"

// joinFlags hold the flags of join.
type joinFlags struct {
	options
	activation, code, codeFile, server, subnet string
	only                                       bool
}

func (c *command) join(ctx context.Context, args []string) error {
	var j joinFlags
	f := c.flags("join", &j.options)
	f.StringVar(&j.activation, "activation", "", "the activation's `id`")
	f.StringVar(&j.code, "code", "",
		"the activation's `code`; other users of this machine may see it in the list of processes")
	f.StringVar(&j.codeFile, "code-file", "", "`file` with the code, - for standard input; or set POSTERN_ACTIVATION_CODE")
	f.StringVar(&j.server, "server", "", "`host[:port]` (UDP) of the server")
	f.StringVar(&j.subnet, "subnet", "",
		"`id` of the subnet that the activation must let this machine into, or it does not join")
	f.BoolVar(&j.only, "register-only", false, "register and do not run; postern-agent run does that later")
	if err := j.parse(f, args); err != nil {
		return err
	}
	if err := j.complete(); err != nil {
		return err
	}
	if err := c.register(ctx, &j); err != nil {
		return err
	}
	if j.only {
		return nil
	}
	return c.resume(ctx, &j.options)
}

// complete finds the code where it was put. No message ever holds it.
func (j *joinFlags) complete() error {
	if j.codeFile != "" {
		file := j.codeFile
		if file == "-" {
			file = "/dev/stdin"
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		j.code = strings.TrimSpace(string(text))
	}
	if j.code == "" {
		j.code = os.Getenv("POSTERN_ACTIVATION_CODE")
	}
	for _, f := range []struct{ name, value, ways string }{
		{"--activation", j.activation, ""},
		{"--code", j.code,
			", or better, since other users of this machine do not see it, POSTERN_ACTIVATION_CODE or --code-file"},
		{"--server", j.server, ""},
	} {
		if f.value == "" {
			return mistake(f.name + " is needed" + f.ways + "; see -h")
		}
	}
	return nil
}

// register joins the private network and registers through it. What is kept is kept only when both have worked.
func (c *command) register(ctx context.Context, j *joinFlags) error {
	ask := tunnel.JoinConfig{Server: j.server, Activation: j.activation, Code: j.code, Subnet: j.subnet, Waiting: c.say}
	// With the key of an earlier try the server gives the same place again, instead of another one.
	if old, err := loadTunnel(j.dir); err == nil {
		ask.PrivateKey = old.PrivateKey
	}
	config, err := tunnel.Join(ctx, ask)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "joined %s in %s as %s\n", config.Grant.Subnet, config.Grant.VPC, config.Local())
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	// The registration comes last: where it is, everything is.
	if err := os.WriteFile(filepath.Join(j.dir, tunnelFile), append(text, '\n'), 0o600); err != nil {
		return err
	}
	h := &agent.Hybrid{Dir: j.dir}
	err = c.through(ctx, config, &j.options, func(a *agent.Agent) error {
		return h.Register(ctx, a, agent.Activation{ID: j.activation, Code: j.code, Region: config.Grant.Region})
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w\nthe private network lets nothing through; on the server, this says why: postern explain "+
			"--from %s --to ssm", err, config.Grant.Interface)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "registered as %s\n", h.Node())
	return nil
}

// say tells the user what takes long.
func (c *command) say(why string) { fmt.Fprintln(c.stderr, "postern-agent join: "+why) }

// through brings the tunnel up for as long as f takes.
func (c *command) through(ctx context.Context, config *tunnel.Config, o *options, f func(a *agent.Agent) error) error {
	log := c.log(o)
	t, err := tunnel.Dial(ctx, config, tunnel.Options{Log: log})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(config.Grant.CA) {
		return errors.Join(errors.New("the server's bundle of certificates holds none"), t.Close())
	}
	client := agent.NewHTTPClient(t.DialContext, roots)
	err = f(&agent.Agent{Dir: o.dir, HTTP: client, Version: Version, Log: log, Program: c.program, Trial: o.trial})
	client.CloseIdleConnections()
	return errors.Join(err, t.Close())
}

// loadTunnel reads the configuration that an earlier join has kept.
func loadTunnel(dir string) (*tunnel.Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, tunnelFile))
	if err != nil {
		return nil, err
	}
	var config tunnel.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read the tunnel that join has kept: %w", err)
	}
	return &config, nil
}

// resume runs with the registration that is kept; agent.ErrNotRegistered if there is none.
func (c *command) resume(ctx context.Context, o *options) error {
	h := &agent.Hybrid{Dir: o.dir}
	if err := h.Load(); err != nil {
		return err
	}
	config, err := loadTunnel(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		// Registered over a network of the machine's own: another VPN, or an attached interface.
		a := &agent.Agent{Identity: h, Dir: o.dir, Version: Version, Log: c.log(o), Endpoint: o.endpoints(),
			Program: c.program, Trial: o.trial}
		return a.Run(ctx)
	}
	if err != nil {
		return err
	}
	h.Local = config.Local().String()
	return c.through(ctx, config, o, func(a *agent.Agent) error {
		a.Identity = h
		return a.Run(ctx)
	})
}
