// Package buckets names Amazon's own S3 buckets that managed nodes read: they hold agents, packages and the code and
// snapshots of patch baselines, and each region has its own.
package buckets

import (
	"maps"
	"slices"
)

// A Use says what nodes read a bucket for.
type Use string

// The uses that nodes' policies have to allow; other buckets serve documents of their own.
const (
	AgentUpdate Use = "agent-update"
	Patch       Use = "patch"
	Other       Use = ""
)

// A Bucket is one of Amazon's.
type Bucket struct {
	Name string
	Use  Use
	// Key is an object that is read from it, for policies that limit keys.
	Key string
}

// patchSuffixes end the names of a region's buckets for patches (AWS Systems Manager User Guide, "SSM Agent
// communications with AWS managed S3 buckets"). A region without one has S3 and Systems Manager, and no such bucket in
// the guide.
var patchSuffixes = map[string]string{
	"us-east-1": "1970c647d", "us-east-2": "552881074", "us-west-1": "8badb4304", "us-west-2": "34d7f99f8",
	"af-south-1": "bdd5f65a9", "ap-east-1": "632356271", "ap-south-1": "cb7c62ff9", "ap-south-2": "32f4b4128",
	"ap-southeast-1": "7fdfd9ef7", "ap-southeast-2": "17283a275", "ap-southeast-3": "aa48fc462",
	"ap-southeast-4": "01e2c40d3", "ap-northeast-1": "4849fa78f", "ap-northeast-2": "10467995c",
	"ap-northeast-3": "67373598a", "ca-central-1": "3148e69e3", "ca-west-1": "9e3a4b2f9", "eu-central-1": "9163fdaaf",
	"eu-central-2": "184ce43c8", "eu-west-1": "5522fb710", "eu-west-2": "902a2bc74", "eu-west-3": "29bf85721",
	"eu-south-1": "c52f3f594", "eu-south-2": "a4cf248b1", "eu-north-1": "795879e9b", "il-central-1": "e221cb57b",
	"me-south-1": "a53fc9dce", "me-central-1": "2932f2f80", "sa-east-1": "ddf4b6a09",
	"ap-east-2": "", "ap-southeast-5": "", "ap-southeast-6": "", "ap-southeast-7": "", "mx-central-1": "",
	"cn-north-1": "", "cn-northwest-1": "", "us-gov-east-1": "", "us-gov-west-1": "",
}

// snapshotSuffixes end the names of the buckets for snapshots of patch baselines, in the regions whose have one.
var snapshotSuffixes = map[string]string{
	"af-south-1": "-tbxdb5b9", "ap-south-2": "-50209442", "ap-southeast-3": "-be0a3174", "ap-southeast-4": "-dc6f76ce",
	"eu-south-2": "-df2c9d70", "me-south-1": "-uduvl7q8",
}

// Regions lists the regions that have such buckets, sorted.
func Regions() []string { return slices.Sorted(maps.Keys(patchSuffixes)) }

// Of returns the buckets of a region; none of one that has none.
func Of(region string) []Bucket {
	suffix, ok := patchSuffixes[region]
	if !ok {
		return nil
	}
	const payload = "patchbaselineoperations/linux/payloads/patch-baseline-operations.tar.gz"
	all := []Bucket{
		{"amazon-ssm-" + region, AgentUpdate, "ssm-agent-manifest.json"},
		{"patch-baseline-snapshot-" + region + snapshotSuffixes[region], Patch, "snapshot"},
	}
	if region == "me-south-1" { // the one region whose code for patching is in the bucket with the suffix only
		all = append(all, Bucket{"aws-ssm-" + region, Other, payload})
	} else {
		all = append(all, Bucket{"aws-ssm-" + region, Patch, payload})
	}
	for _, name := range []string{
		"aws-windows-downloads-" + region, "amazon-ssm-packages-" + region, "aws-ssm-document-attachments-" + region,
		region + "-birdwatcher-prod", "aws-ssm-distributor-file-" + region,
		"al2023-repos-" + region + "-de612dc2", "amazonlinux-2-repos-" + region,
	} {
		all = append(all, Bucket{Name: name})
	}
	if suffix != "" {
		all = append(all, Bucket{"aws-patch-manager-" + region + "-" + suffix, Patch, payload},
			Bucket{Name: "aws-patchmanager-macos-" + region + "-" + suffix})
	}
	return all
}
