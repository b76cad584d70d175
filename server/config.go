package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/network"
	"postern/services/identity"
	"postern/services/s3/external"
)

// Defaults of a Config.
const (
	DefaultAccount = "000000000000"
	DefaultRegion  = "us-east-1"
)

// Config says how a server runs.
type Config struct {
	// DataDir keeps everything; empty keeps the state in memory and nothing on the disk afterwards.
	DataDir string
	// Database is the URL of the PostgreSQL database that keeps the state; empty keeps it in a file in DataDir. It may
	// hold a password, and is never logged. Servers that share one need the same keys in their data directories.
	Database string
	// Listen is the public API's address (TCP, host:port; port 0 takes a free one).
	Listen string
	// WireGuard is where machines join (UDP, host:port; port 0 takes a free one).
	WireGuard string
	// Account and Region are those of the root user's credentials and of requests that name none. A data directory keeps
	// the account of its first start: empty is that one, and DefaultAccount in a new directory.
	Account, Region string
	// Organization is the id of the organization that all accounts are in, with the path to them where it is not a root
	// (identity.ParseOrganization), or identity.NoOrganization. Empty leaves what the state has.
	Organization string
	// DefaultVPC makes the account's default VPC in Region at the start, unless it is there.
	DefaultVPC bool
	// HostTargets are the addresses and ports of this host that endpoint services may lead to; none by default, since
	// whoever may make such a service reaches them.
	HostTargets []netip.AddrPort
	// VerifyDNS is the name server (address:port) that is asked for the TXT records that prove the private names of
	// endpoint services. Without one no such name can be verified.
	VerifyDNS string
	// Agent is the path of the postern-agent program for instances.
	Agent string
	// ObjectStore is the path of the postern-s3 program, which keeps the objects of S3.
	ObjectStore string
	// ExternalS3 is an S3 service that keeps them in its place. A reset would not empty it.
	ExternalS3 external.Config
	// ReturnWindow is how long a node whose channel closed may take to come back before its status is ConnectionLost;
	// 0 means 30 s.
	ReturnWindow time.Duration
	// Audit gets a record of every request; it must not block. nil keeps none.
	Audit func(api.Record)
	Log   *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// PublicRange is where public addresses are taken from; the zero Prefix is network.DefaultPublicRange.
	PublicRange netip.Prefix
	// Internet are the ranges of the host's network that Internet and NAT gateways lead to; none is the default.
	Internet []netip.Prefix
	// IAMQuotas bound the policies of users and roles; zeros are Amazon's defaults.
	IAMQuotas identity.Quotas
	// TestCredentials gives the root user the key TestKey, which everybody knows. Only a server that can be reset may
	// have it.
	TestCredentials bool
	// AllowHosts are names by which clients reach this server, beside loopback, its own name and AWS's; AllowOrigins are
	// the web pages that may send requests, as browsers write an origin ("http://localhost:3000").
	AllowHosts, AllowOrigins []string
	// AllowHostImages lets the key that TestCredentials gives register images of paths of this host.
	AllowHostImages bool
	// Hooks are for tests.
	Hooks TestHooks
}

func (c Config) withDefaults() Config {
	c.Region = cmp.Or(c.Region, DefaultRegion)
	c.Listen, c.WireGuard = cmp.Or(c.Listen, "127.0.0.1:0"), cmp.Or(c.WireGuard, "127.0.0.1:0")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// maxRegion is the most characters that a region may have; Amazon's longest has 15.
const maxRegion = 32

// check refuses what could not work, before anything is made: a refused start leaves no data directory behind.
func (c Config) check(resettable bool) error {
	if !regionForm(c.Region) {
		return fault.New(fault.Invalid, "server.Open",
			"--region %q: write it as us-east-1, small letters, digits and dashes with a number at the end", c.Region)
	}
	if err := c.checkAddresses(); err != nil {
		return err
	}
	if err := c.checkDatabase(resettable); err != nil {
		return err
	}
	if err := c.checkExternalS3(resettable); err != nil {
		return err
	}
	if c.ReturnWindow < 0 {
		return fault.New(fault.Invalid, "server.Open", "--return-window %v: must not be negative", c.ReturnWindow)
	}
	if _, err := c.lookupTXT(); err != nil {
		return err
	}
	if err := c.checkAccount(); err != nil {
		return err
	}
	return c.checkTestCredentials(resettable)
}

func (c Config) checkAddresses() error {
	for _, a := range []struct{ flag, value, example string }{
		{"--listen", c.Listen, "127.0.0.1:4566"},
		{"--wireguard", c.WireGuard, "127.0.0.1:51820"},
	} {
		host, port, err := net.SplitHostPort(a.value)
		if _, notPort := strconv.ParseUint(port, 10, 16); err != nil || notPort != nil {
			return fault.New(fault.Invalid, "server.Open",
				"%s %q: write it as address:port, such as %s", a.flag, a.value, a.example)
		}
		if a.flag == "--wireguard" && net.ParseIP(host) == nil {
			return fault.New(fault.Invalid, "server.Open", "%s %q: %q is no address", a.flag, a.value, host)
		}
	}
	return nil
}

// checkDatabase refuses a database for a server that keeps nothing, not even the keys to what it would write there.
func (c Config) checkDatabase(resettable bool) error {
	switch {
	case c.Database == "":
		return nil
	case resettable:
		return fault.New(fault.Invalid, "server.Open",
			"--database: a lab keeps its state in memory; leave out --ephemeral, or the database")
	case c.DataDir == "":
		return fault.New(fault.Invalid, "server.Open",
			"--database: the keys to what is in the database are kept in a data directory; name one with --data")
	}
	return nil
}

// checkExternalS3 refuses an S3 service of which this server could not work, or for one that forgets its buckets.
func (c Config) checkExternalS3(resettable bool) error {
	if c.ExternalS3.Endpoint != "" && resettable {
		return fault.New(fault.Invalid, "server.Open",
			"--s3-endpoint: a lab forgets its buckets, and their objects would stay there; leave out --ephemeral, or the "+
				"endpoint")
	}
	return c.ExternalS3.Check()
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// checkAccount refuses what is no account's number or no organization, and a default VPC in a Region that is not known.
func (c Config) checkAccount() error {
	if c.Account != "" && !accountForm.MatchString(c.Account) {
		return fault.New(fault.Invalid, "server.Open", "--account %q: write it as 12 digits, such as 123456789012",
			c.Account)
	}
	if c.Organization != "" {
		if _, err := identity.ParseOrganization(c.Organization); err != nil {
			return fault.New(fault.Invalid, "server.Open", "--organization: %w", err)
		}
	}
	if _, known := network.RegionByName(c.Region); c.DefaultVPC && !known {
		return fault.New(fault.Invalid, "server.Open",
			"--default-vpc: the Region %s has no Availability Zones; choose another with --region", c.Region)
	}
	return nil
}

// checkTestCredentials refuses a key that everybody knows where more than this host could use it, or where it would
// stay.
func (c Config) checkTestCredentials(resettable bool) error {
	if !c.TestCredentials {
		return nil
	}
	if !resettable {
		return fault.New(fault.Invalid, "server.Open", "test credentials are for labs, whose state is in memory")
	}
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil || !address.IP.IsLoopback() {
		return fault.New(fault.Invalid, "server.Open",
			"test credentials are known to everybody: the address %s is not on loopback", c.Listen)
	}
	return nil
}

// mayImport refuses images of this host's paths where a key that everybody knows could ask for them.
func (c Config) mayImport(path string) error {
	if !c.TestCredentials || c.AllowHostImages {
		return nil
	}
	return fault.New(fault.Denied, "server.mayImport", "The root user's key is known to everybody, so no path of this "+
		"host is read: start the server with --allow-host-images to register %.200q", path).
		WithCode("UnauthorizedOperation")
}

// regionForm reports whether a text has the form of a region; api's isRegion says the same of requests.
func regionForm(s string) bool {
	dash := strings.LastIndexByte(s, '-')
	return dash > 0 && dash < len(s)-1 && len(s) <= maxRegion && strings.Trim(s[dash+1:], "0123456789") == "" &&
		strings.Trim(s[:dash], "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// listen opens the public listener.
func (c Config) listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, listenFault("TCP", c.Listen, "--listen", err)
	}
	return l, nil
}

// listenFault says why an address cannot be listened at, and which flag chooses another.
func listenFault(protocol, address, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.Conflict, "server.Open",
			"%s %s is taken, perhaps by another Postern: choose another with %s (%w)", protocol, address, flag, err)
	}
	return fault.New(fault.Unavailable, "server.Open",
		"listen at %s %s: %w; choose another address with %s", protocol, address, err, flag)
}
