package network

import (
	"iter"
	"net/netip"
	"slices"

	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

// PrefixList is a managed prefix list.
type PrefixList struct {
	Meta
	Name       string
	MaxEntries int
	Version    int64
	Entries    []PrefixListEntry
	// Modified says that it has been changed since it was made: the EC2 API names the last thing done.
	Modified bool `json:",omitempty"`
}

// PrefixListEntry is one range of a prefix list.
type PrefixListEntry struct {
	CIDR        netip.Prefix
	Description string `json:",omitempty"`
}

var prefixListKind = declare(&kind[PrefixList]{
	Kind: record.Kind[PrefixList]{
		Name:  "prefix-list",
		Views: func(_ *record.Tables, l *PrefixList) []string { return []string{l.ID} },
	},
	resourceType: resourceType{
		prefix: "pl", name: "prefix-list",
		notFound: "InvalidPrefixListID.NotFound", malformed: "InvalidPrefixListId.Malformed",
		missing: "The prefix list ID '%s' does not exist",
	},
	shared: func(_ *State, l *PrefixList, out *vpc.Shared) { out.PrefixLists = append(out.PrefixLists, l.value()) },
})

func (*PrefixList) kind() declared { return prefixListKind }

// s3Lists are the ids of Amazon's prefix list of S3 in the regions where they are publicly known.
var s3Lists = map[string]string{
	"us-east-1": "pl-63a5400a", "us-east-2": "pl-7ba54012", "us-west-1": "pl-6ba54002", "us-west-2": "pl-68a54001",
	"eu-west-1": "pl-6da54004", "eu-west-2": "pl-7ca54015", "eu-west-3": "pl-23ad484a", "eu-central-1": "pl-6ea54007",
	"eu-north-1": "pl-c3aa4faa", "ap-southeast-1": "pl-6fa54006", "ap-southeast-2": "pl-6ca54005",
	"ap-northeast-1": "pl-61a54008", "ap-northeast-2": "pl-78a54011", "sa-east-1": "pl-6aa54003",
	"ca-central-1": "pl-7da54014",
}

// s3Ranges are public addresses of S3. Each region has an equal part of both, so that a gateway endpoint reaches its
// own region's S3 only.
var s3Ranges = []netip.Prefix{netip.MustParsePrefix("52.216.0.0/15"), netip.MustParsePrefix("54.231.0.0/16")}

// s3Parts is how many regions there is room for, as a power of two.
const s3Parts = 6

// rangesOfS3 are a region's parts of s3Ranges; a region that is not known has the last ones.
func rangesOfS3(region string) []netip.Prefix {
	i := slices.IndexFunc(numbered, func(r Region) bool { return r.Name == region })
	if i < 0 {
		i = 1<<s3Parts - 1
	}
	out := make([]netip.Prefix, len(s3Ranges))
	for j, r := range s3Ranges {
		bits := r.Bits() + s3Parts
		out[j] = netip.PrefixFrom(at(r, i<<(32-bits)), bits)
	}
	return out
}

// addressOfS3 is where S3 answers in a region.
func addressOfS3(region string) netip.Addr { return at(rangesOfS3(region)[0], 1) }

// AmazonAccount owns what Amazon manages in everybody's account.
const AmazonAccount = "AWS"

// amazonLists are the prefix lists that Amazon keeps in a region.
func amazonLists(region string) []*PrefixList {
	name := "com.amazonaws." + region + ".s3"
	id, ok := s3Lists[region]
	if !ok {
		id = "pl-" + stableDigits(name, vpc.GatewayEndpoint)[1:9]
	}
	list := &PrefixList{
		Meta: Meta{ID: id, Account: AmazonAccount, Region: region},
		Name: name, MaxEntries: len(s3Ranges), Version: 1,
	}
	for _, r := range rangesOfS3(region) {
		list.Entries = append(list.Entries, PrefixListEntry{CIDR: r})
	}
	return []*PrefixList{list}
}

// PrefixList finds a prefix list, the scope's own or one of Amazon's.
func (s *State) PrefixList(c scope.Scope, id string) (*PrefixList, error) {
	for _, l := range amazonLists(c.Region) {
		if l.ID == id {
			return l, nil
		}
	}
	return prefixListKind.lookup(s, c, id)
}

// PrefixLists are Amazon's prefix lists in the region, then the scope's own.
func (s *State) PrefixLists(c scope.Scope) iter.Seq[*PrefixList] {
	return func(yield func(*PrefixList) bool) {
		for _, l := range amazonLists(c.Region) {
			if !yield(l) {
				return
			}
		}
		prefixListKind.scoped(s, c)(yield)
	}
}

func (l *PrefixList) value() vpc.PrefixList {
	out := vpc.PrefixList{ID: l.ID, Name: l.Name}
	for _, e := range l.Entries {
		out.CIDRs = append(out.CIDRs, e.CIDR)
	}
	return out
}
