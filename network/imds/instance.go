package imds

import (
	"context"
	"net/netip"
	"time"
)

// Source knows the instances. Its errors are faults: NotFound for an interface that is no instance's, Denied where EC2
// may not assume the role, Unavailable for now.
type Source interface {
	// Instance is the instance that has the network interface.
	Instance(ctx context.Context, eni string) (Instance, error)
	// RoleCredentials are new credentials of the role in the instance's profile.
	RoleCredentials(ctx context.Context, instance, role string) (Credentials, error)
	// IdentityCredentials are new credentials of the instance itself, with which its agent registers.
	IdentityCredentials(ctx context.Context, instance string) (Credentials, error)
}

// Instance holds what an instance may learn about itself. Empty fields are left out of the answers.
type Instance struct {
	ID, Account, Region string
	// Zone and ZoneID are the availability zone's name and id, such as "us-east-1a" and "use1-az1".
	Zone, ZoneID string
	Image, Type  string
	// Architecture is "x86_64" or "arm64".
	Architecture string
	Reservation  string
	Launched     time.Time
	// Interfaces are its network interfaces, the primary one first.
	Interfaces []Interface
	Profile    Profile
	// KeyName and PublicKey are those of the key pair that it was launched with, empty for none.
	KeyName, PublicKey string
	// UserData is given as it was put in; nil where there is none.
	UserData []byte
	// Tags are told only where TagsEnabled.
	Tags map[string]string
	// HopLimit bounds how many hops the answer with a token may make; 0 is as many as usual.
	HopLimit int
	// Disabled turns the service off, TokensOptional lets version 1 in, TagsEnabled tells the tags.
	Disabled, TokensOptional, TagsEnabled bool
}

// Interface is one of an instance's network interfaces.
type Interface struct {
	// Device is the device index, 0 for the primary interface.
	Device int
	// MAC is its address in the form "02:00:0a:00:01:14".
	ID, MAC     string
	VPC, Subnet string
	// SubnetRange and VPCRanges are the IPv4 ranges.
	SubnetRange netip.Prefix
	VPCRanges   []netip.Prefix
	// Addresses are the private ones, the primary first; Public is the public one, if any.
	Addresses []netip.Addr
	Public    netip.Addr
	// PublicHostName is the public address's name, empty where it has none.
	PublicHostName string
	// HostName is the private DNS name, such as "ip-10-0-1-20.ec2.internal".
	HostName string
	// Groups and GroupNames are the security groups, in the same order.
	Groups, GroupNames []string
}

// Profile is the instance profile and the name of its role; it is zero where the instance has none. RoleID tells the
// role from one that is made anew under its name.
type Profile struct{ ARN, ID, Role, RoleID string }

// Credentials are temporary credentials. They are secret: never log them.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	// Issued says when they were made, Expires when they end.
	Issued, Expires time.Time
}
