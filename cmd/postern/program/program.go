// Package program is the postern program: the command line, with a server that it can start in its own process.
package program

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"postern/aws/postern"
	"postern/cli"
	"postern/network/link/tunnel"
	"postern/server"
	"postern/server/lab"
	"postern/services/compute"
	"postern/services/compute/guest"
	"postern/services/s3/external"
)

// Main runs the program with the process's arguments and returns its exit code.
func Main() int {
	compute.InitMain()
	tunnel.InitMain()
	return cli.Run(context.Background(), cli.Options{
		Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Start: start, Admin: openAdmin,
	})
}

func openAdmin(ctx context.Context, dataDir, database string) (cli.Admin, error) {
	a, err := server.OpenAdmin(ctx, server.Config{DataDir: dataDir, Database: database})
	if err != nil {
		return nil, err
	}
	return admin{a}, nil
}

// admin is a data directory as the command line sees it.
type admin struct{ *server.Admin }

// ResetKey implements cli.Admin.
func (a admin) ResetKey(ctx context.Context, account string, deactivate bool) (*postern.ResetKeyOutput, error) {
	key, n, err := a.Admin.ResetKey(ctx, account, deactivate)
	if err != nil {
		return nil, err
	}
	return &postern.ResetKeyOutput{
		Account: cmp.Or(account, a.Account()), AccessKeyId: key.ID, SecretAccessKey: key.Secret, Deactivated: n,
	}, nil
}

func start(ctx context.Context, o cli.StartOptions) (cli.Server, error) {
	c := server.Config{
		DataDir: o.DataDir, Database: o.Database, Listen: o.Listen, WireGuard: o.WireGuard, Region: o.Region, Agent: o.Agent,
		ObjectStore: o.ObjectStore,
		Account:     o.Account, Organization: o.Organization, DefaultVPC: o.DefaultVPC,
		ReturnWindow: o.ReturnWindow, HostTargets: o.HostTargets, VerifyDNS: o.VerifyDNS,
		PublicRange: o.PublicRange, Internet: o.Internet, TestCredentials: o.TestCredentials,
		AllowHosts: o.AllowHosts, AllowOrigins: o.AllowOrigins, AllowHostImages: o.AllowHostImages, Log: o.Log,
	}
	if o.S3.Endpoint != "" {
		c.ExternalS3 = external.Config{
			Endpoint: o.S3.Endpoint, Region: o.S3.Region, Prefix: o.S3.BucketPrefix, CredentialsFile: o.S3.CredentialsFile,
			AccessKey: o.S3.AccessKey, Secret: o.S3.Secret, Token: o.S3.Token,
		}
	}
	for _, quota := range o.IAMQuotas {
		if err := c.IAMQuotas.Set(quota); err != nil {
			return nil, fmt.Errorf("--iam-quota: %w", err)
		}
	}
	if o.Ephemeral {
		l, err := lab.Open(ctx, lab.Config{Server: c, AfterReset: o.AfterReset})
		if err != nil {
			return nil, err
		}
		return running{l}, nil
	}
	s, err := server.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return running{s}, nil
}

// either is a *server.Server or a *lab.Lab.
type either interface {
	Access() server.Access
	Join() string
	Missing() []guest.Missing
	Done() <-chan struct{}
	Err() error
	Close() error
}

// running is a server as the command line sees it.
type running struct{ either }

// Connection implements cli.Server.
func (r running) Connection() cli.Connection {
	a := r.Access()
	return cli.Connection{
		Endpoint: a.Endpoint, Region: a.Region, Account: a.Account, AccessKeyID: a.Root.ID, SecretAccessKey: a.Root.Secret,
		CAFile: a.CAFile, Join: r.Join(),
	}
}

// Missing implements cli.Server.
func (r running) Missing() []string {
	var lines []string
	for _, m := range r.either.Missing() {
		lines = append(lines, fmt.Sprintf("%s: %s (remedy: %s)", m.What, m.Why, m.Remedy))
	}
	return lines
}
