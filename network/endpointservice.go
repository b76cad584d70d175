package network

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"postern/network/vpc"
)

// EndpointService is a service that VPC endpoints lead to, as a region has it: one of Amazon's, or somebody's own.
type EndpointService struct {
	// ID is "vpce-svc-…", Name "com.amazonaws.REGION.SHORT".
	ID, Name string
	Kind     vpc.EndpointKind
	Region   string
	// Short is the last part of the name.
	Short string
	// PrivateNames are the service's ordinary names; none means that private DNS is not offered.
	PrivateNames []string
	// Gateway says that there is a gateway endpoint to the service too. Its private names may then be for inbound
	// Resolver endpoints only.
	Gateway bool
	// BaseNames are the ends of endpoints' own names.
	BaseNames []string
	// Own is the record of a service of somebody's own, nil for Amazon's.
	Own *VpcEndpointService
}

// amazonServices are the services that a private Systems Manager set-up has endpoints for. SERVICE.REGION.amazonaws.com
// is the private name of each that takes private DNS; S3 has more.
var amazonServices = []struct {
	short      string
	kind       vpc.EndpointKind
	privateDNS bool
}{
	{"ec2", vpc.InterfaceEndpoint, true},
	{"ec2messages", vpc.InterfaceEndpoint, true},
	{"kms", vpc.InterfaceEndpoint, true},
	{"logs", vpc.InterfaceEndpoint, true},
	{"monitoring", vpc.InterfaceEndpoint, true},
	{"s3", vpc.GatewayEndpoint, false},
	{"s3", vpc.InterfaceEndpoint, true},
	{"ssm", vpc.InterfaceEndpoint, true},
	{"ssmmessages", vpc.InterfaceEndpoint, true},
	{"sts", vpc.InterfaceEndpoint, true},
}

// EndpointServices are a region's services, in the order of their names.
func EndpointServices(region string) []EndpointService {
	out := make([]EndpointService, 0, len(amazonServices))
	for _, s := range amazonServices {
		name := "com.amazonaws." + region + "." + s.short
		e := EndpointService{
			ID: "vpce-svc-" + stableDigits(name, s.kind), Name: name, Kind: s.kind, Region: region, Short: s.short,
			BaseNames: []string{s.short + "." + region + ".vpce.amazonaws.com"},
		}
		if s.kind == vpc.GatewayEndpoint {
			e.BaseNames = []string{s.short + "." + region + ".amazonaws.com"}
		}
		if s.privateDNS {
			e.PrivateNames = privateNames(s.short, region)
		}
		e.Gateway = s.short == "s3"
		out = append(out, e)
	}
	return out
}

// privateNames are the ordinary names of a service of Amazon's. S3's are those of buckets, access points and S3 Control
// (S3 user guide, "AWS PrivateLink for Amazon S3").
func privateNames(short, region string) []string {
	if short != "s3" {
		return []string{short + "." + region + ".amazonaws.com"}
	}
	var out []string
	for _, s := range []string{"s3", "s3-accesspoint", "s3-control"} {
		name := s + "." + region + ".amazonaws.com"
		out = append(out, name, "*."+name)
	}
	return out
}

// stableDigits makes an id's 17 digits that are the same in every process.
func stableDigits(name string, kind vpc.EndpointKind) string {
	sum := sha256.Sum256(append([]byte(name), byte(kind)))
	return "0" + hex.EncodeToString(sum[:8])
}

func endpointService(region, name string, kind vpc.EndpointKind) (EndpointService, bool) {
	if !strings.HasPrefix(name, "com.amazonaws."+region+".") {
		return EndpointService{}, false
	}
	all := EndpointServices(region)
	i := slices.IndexFunc(all, func(s EndpointService) bool { return s.Name == name && s.Kind == kind })
	if i < 0 {
		return EndpointService{}, false
	}
	return all[i], true
}

// DNSEntry is one of the names of an endpoint, with the hosted zone that holds it.
type DNSEntry struct{ Name, HostedZone string }

// Name is the endpoint's own regional name.
func (e *VpcEndpoint) Name() string {
	if e.Kind != vpc.InterfaceEndpoint {
		return ""
	}
	return e.below() + e.ID + "-" + e.Suffix + "." + e.baseName()
}

// below is "*." where the endpoint's own names have names below them: S3's buckets.
func (e *VpcEndpoint) below() string {
	if e.Service == "com.amazonaws."+e.Region+".s3" {
		return "*."
	}
	return ""
}

func (e *VpcEndpoint) baseName() string {
	short := strings.TrimPrefix(strings.TrimPrefix(e.Service, "com.amazonaws."), "vpce.")
	return strings.TrimPrefix(short, e.Region+".") + "." + e.Region + ".vpce.amazonaws.com"
}

// DNSEntries are the endpoint's names as DescribeVpcEndpoints lists them: the regional one, one a zone, and then the
// private ones. zones are those of its subnets. While it is pending its private zone has no id yet.
func (s *State) DNSEntries(e *VpcEndpoint, zones []string) []DNSEntry {
	if e.Kind != vpc.InterfaceEndpoint {
		return nil
	}
	public := endpointZone(e.Region)
	out := []DNSEntry{{e.Name(), public}}
	for _, z := range slices.Compact(slices.Sorted(slices.Values(zones))) {
		out = append(out, DNSEntry{e.below() + e.ID + "-" + e.Suffix + "-" + z + "." + e.baseName(), public})
	}
	if !e.PrivateDNS {
		return out
	}
	private := e.HostedZone
	if e.State == Pending {
		private = "ZONEIDPENDING"
	}
	if service, ok := s.serviceOf(e); ok {
		for _, name := range service.PrivateNames {
			out = append(out, DNSEntry{name, private})
		}
	}
	return out
}

// endpointZone is the hosted zone of endpoints' own names in a region. Amazon publishes some of them; for the others
// an id of the right form stands in.
func endpointZone(region string) string {
	if r, ok := RegionByName(region); ok && r.endpointZone != "" {
		return r.endpointZone
	}
	return "Z" + strings.ToUpper(stableDigits(region, vpc.InterfaceEndpoint))[1:14]
}
