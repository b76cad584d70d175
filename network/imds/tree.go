package imds

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
)

// leaf is a path below the version with its value.
type leaf struct {
	path  string
	value func(context.Context) ([]byte, error)
}

// tree collects leaves.
type tree []leaf

// put adds a value; an empty one is left out, as AWS leaves out what an instance does not have.
func (t *tree) put(path, value string) {
	if value != "" {
		t.add(path, func(context.Context) ([]byte, error) { return []byte(value), nil })
	}
}

func (t *tree) add(path string, value func(context.Context) ([]byte, error)) {
	*t = append(*t, leaf{path, value})
}

// publicKeys is listed as numbers with the names of key pairs.
const publicKeys = "meta-data/public-keys"

// listing names what lies directly below a path, with a slash after what has something below it.
func listing(leaves []leaf, below string) (names []string) {
	if below != "" {
		below += "/"
	}
	for _, l := range leaves {
		rest, ok := strings.CutPrefix(l.path, below)
		if !ok {
			continue
		}
		name, _, more := strings.Cut(rest, "/")
		if more {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// leaves returns everything that the instance may ask for.
func (s *Server) leaves(i *Instance) []leaf {
	var t tree
	t.facts(i)
	for n := range i.Interfaces {
		t.nic(i, n)
	}
	if i.TagsEnabled {
		for key, value := range i.Tags {
			if !strings.Contains(key, "/") { // such a key cannot be a path; EC2 refuses to enable tags with one
				t.add("meta-data/tags/instance/"+key, func(context.Context) ([]byte, error) { return []byte(value), nil })
			}
		}
	}
	t.add("dynamic/instance-identity/document", func(context.Context) ([]byte, error) { return identityDocument(i) })
	if i.UserData != nil {
		t.add("user-data", func(context.Context) ([]byte, error) { return i.UserData, nil })
	}
	s.credentialLeaves(&t, i)
	return t
}

func (t *tree) facts(i *Instance) {
	const at = "meta-data/"
	t.put(at+"ami-id", i.Image)
	t.put(at+"ami-launch-index", "0")
	t.put(at+"instance-action", "none")
	t.put(at+"instance-id", i.ID)
	t.put(at+"instance-life-cycle", "on-demand")
	t.put(at+"instance-type", i.Type)
	t.put(at+"reservation-id", i.Reservation)
	t.put(at+"placement/availability-zone", i.Zone)
	t.put(at+"placement/availability-zone-id", i.ZoneID)
	t.put(at+"placement/region", i.Region)
	if i.PublicKey != "" {
		t.put(publicKeys+"/0/openssh-key", i.PublicKey+"\n")
	}
	t.put(at+"services/domain", "amazonaws.com")
	t.put(at+"services/partition", arn.Partition(i.Region))
	if len(i.Interfaces) == 0 {
		return
	}
	c := &i.Interfaces[0]
	t.put(at+"hostname", c.HostName)
	t.put(at+"local-hostname", c.HostName)
	t.put(at+"local-ipv4", first(c.Addresses))
	t.put(at+"public-ipv4", text(c.Public))
	t.put(at+"public-hostname", c.PublicHostName)
	t.put(at+"mac", c.MAC)
	t.put(at+"security-groups", strings.Join(c.GroupNames, "\n"))
}

// nic adds one network interface.
func (t *tree) nic(i *Instance, n int) {
	c := &i.Interfaces[n]
	at := "meta-data/network/interfaces/macs/" + c.MAC + "/"
	t.put(at+"device-number", fmt.Sprint(c.Device))
	t.put(at+"interface-id", c.ID)
	t.put(at+"local-hostname", c.HostName)
	t.put(at+"local-ipv4s", join(c.Addresses, netip.Addr.Is4))
	t.put(at+"ipv6s", join(c.Addresses, netip.Addr.Is6))
	t.put(at+"mac", c.MAC)
	t.put(at+"owner-id", i.Account)
	t.put(at+"public-ipv4s", text(c.Public))
	t.put(at+"public-hostname", c.PublicHostName)
	if c.Public.IsValid() && len(c.Addresses) > 0 {
		t.put(at+"ipv4-associations/"+c.Public.String(), text(c.Addresses[0]))
	}
	t.put(at+"security-group-ids", strings.Join(c.Groups, "\n"))
	t.put(at+"security-groups", strings.Join(c.GroupNames, "\n"))
	t.put(at+"subnet-id", c.Subnet)
	t.put(at+"vpc-id", c.VPC)
	if c.SubnetRange.IsValid() {
		t.put(at+"subnet-ipv4-cidr-block", c.SubnetRange.String())
	}
	if len(c.VPCRanges) > 0 {
		t.put(at+"vpc-ipv4-cidr-block", c.VPCRanges[0].String())
		t.put(at+"vpc-ipv4-cidr-blocks", join(c.VPCRanges, func(netip.Prefix) bool { return true }))
	}
}

func first(addresses []netip.Addr) string {
	if len(addresses) == 0 {
		return ""
	}
	return text(addresses[0])
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// join writes those of the list that are wanted, one a line.
func join[T fmt.Stringer](list []T, wanted func(T) bool) string {
	var words []string
	for _, v := range list {
		if wanted(v) {
			words = append(words, v.String())
		}
	}
	return strings.Join(words, "\n")
}

// document is the instance identity document, in the order of AWS's. We do not sign it: no agent sends it anywhere.
type document struct {
	AccountID               string   `json:"accountId"`
	Architecture            string   `json:"architecture"`
	AvailabilityZone        string   `json:"availabilityZone"`
	BillingProducts         []string `json:"billingProducts"`
	DevpayProductCodes      []string `json:"devpayProductCodes"`
	MarketplaceProductCodes []string `json:"marketplaceProductCodes"`
	ImageID                 string   `json:"imageId"`
	InstanceID              string   `json:"instanceId"`
	InstanceType            string   `json:"instanceType"`
	KernelID                *string  `json:"kernelId"`
	PendingTime             string   `json:"pendingTime"`
	PrivateIP               string   `json:"privateIp"`
	RamdiskID               *string  `json:"ramdiskId"`
	Region                  string   `json:"region"`
	Version                 string   `json:"version"`
}

func identityDocument(i *Instance) ([]byte, error) {
	d := document{
		AccountID: i.Account, Architecture: i.Architecture, AvailabilityZone: i.Zone, ImageID: i.Image, InstanceID: i.ID,
		InstanceType: i.Type, PendingTime: stamp(i.Launched), Region: i.Region, Version: "2017-09-30",
	}
	if len(i.Interfaces) > 0 {
		d.PrivateIP = first(i.Interfaces[0].Addresses)
	}
	return indented(d)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Internal, "imds.get", "encode: %w", err)
	}
	return b, nil
}
