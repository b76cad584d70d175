package network

import (
	"slices"
	"strings"

	"postern/aws/arn"
)

// Region is one AWS region.
type Region struct {
	// Name is "us-east-1".
	Name string
	// code begins the ids of its zones, "use1".
	code string
	// letters are the zones' last letters.
	letters string
	// endpointZone is the hosted zone id of "vpce.amazonaws.com" names there, where it is known.
	endpointZone string
}

// Zone is one availability zone.
type Zone struct{ Name, ID, Region string }

// numbered are the regions where Systems Manager works. A region's place says which public addresses its services have,
// so a new one is put at the end.
var numbered = []Region{
	{"af-south-1", "afs1", "abc", ""},
	{"ap-east-1", "ape1", "abc", ""},
	{"ap-east-2", "ape2", "abc", ""},
	{"ap-northeast-1", "apne1", "acd", "Z2E726K9Y6RL4W"},
	{"ap-northeast-2", "apne2", "abcd", "Z27UANNT0PRK1T"},
	{"ap-northeast-3", "apne3", "abc", ""},
	{"ap-south-1", "aps1", "abc", "Z2KVTB3ZLFM7JR"},
	{"ap-south-2", "aps2", "abc", ""},
	{"ap-southeast-1", "apse1", "abc", "Z18LLCSTV4NVNL"},
	{"ap-southeast-2", "apse2", "abc", "ZDK2GCRPAFKGO"},
	{"ap-southeast-3", "apse3", "abc", ""},
	{"ap-southeast-4", "apse4", "abc", ""},
	{"ap-southeast-5", "apse5", "abc", ""},
	{"ap-southeast-6", "apse6", "abc", ""},
	{"ap-southeast-7", "apse7", "abc", ""},
	{"ca-central-1", "cac1", "abd", "ZRCXCF510Y6P9"},
	{"ca-west-1", "caw1", "abc", ""},
	{"eu-central-1", "euc1", "abc", "Z273ZU8SZ5RJPC"},
	{"eu-central-2", "euc2", "abc", ""},
	{"eu-north-1", "eun1", "abc", "Z3OIVFA9R6ITM"},
	{"eu-south-1", "eus1", "abc", ""},
	{"eu-south-2", "eus2", "abc", ""},
	{"eu-west-1", "euw1", "abc", "Z38GZ743OKFT7T"},
	{"eu-west-2", "euw2", "abc", "Z7K1066E3PUKB"},
	{"eu-west-3", "euw3", "abc", "Z1DWHTMFP0WECP"},
	{"il-central-1", "ilc1", "abc", ""},
	{"me-central-1", "mec1", "abc", ""},
	{"me-south-1", "mes1", "abc", ""},
	{"mx-central-1", "mxc1", "abc", ""},
	{"sa-east-1", "sae1", "abc", "Z2LXUWEVLCVZIB"},
	{"us-east-1", "use1", "abcdef", "Z7HUB22UULQXV"},
	{"us-east-2", "use2", "abc", "ZC8PG0KIFKBRI"},
	{"us-west-1", "usw1", "ac", "Z12I86A8N7VCZO"},
	{"us-west-2", "usw2", "abcd", "Z1YSA3EXCYUU9Z"},
	{"cn-north-1", "cnn1", "abd", ""},
	{"cn-northwest-1", "cnnw1", "abc", ""},
	{"us-gov-east-1", "usge1", "abc", ""},
	{"us-gov-west-1", "usgw1", "abc", ""},
}

// regions are the same in the order of their names.
var regions = slices.SortedFunc(slices.Values(numbered), func(a, b Region) int {
	return strings.Compare(a.Name, b.Name)
})

// Regions returns every region, in the order of their names.
func Regions() []Region { return slices.Clone(regions) }

// RegionsBeside returns the regions of a region's partition, in the order of their names.
func RegionsBeside(region string) []Region {
	partition := arn.Partition(region)
	return slices.DeleteFunc(Regions(), func(r Region) bool { return arn.Partition(r.Name) != partition })
}

// RegionByName finds a region.
func RegionByName(name string) (Region, bool) {
	i, ok := slices.BinarySearchFunc(regions, name, func(r Region, name string) int {
		return strings.Compare(r.Name, name)
	})
	if !ok {
		return Region{}, false
	}
	return regions[i], true
}

// Zones returns the region's zones in the order of their names. On AWS each account has its own order of zone ids;
// here a zone's letter and its number agree in every account.
func (r Region) Zones() []Zone {
	zones := make([]Zone, 0, len(r.letters))
	for _, letter := range r.letters {
		number := string('1' + letter - 'a')
		zones = append(zones, Zone{Name: r.Name + string(letter), ID: r.code + "-az" + number, Region: r.Name})
	}
	return zones
}

// ZoneByName finds a zone by its name or its id in a region.
func (r Region) ZoneByName(nameOrID string) (Zone, bool) {
	for _, z := range r.Zones() {
		if nameOrID != "" && (z.Name == nameOrID || z.ID == nameOrID) {
			return z, true
		}
	}
	return Zone{}, false
}

// zonesByName are the zones of every region.
var zonesByName = func() map[string]Zone {
	all := map[string]Zone{}
	for _, r := range regions {
		for _, z := range r.Zones() {
			all[z.Name] = z
		}
	}
	return all
}()

// ZoneID is the id of a zone by its name, "" for a zone that is not.
func ZoneID(name string) string { return zonesByName[name].ID }
