// Package arn is Amazon's way to name a resource: arn:partition:service:region:account:resource.
package arn

import (
	"fmt"
	"strings"
)

// commercial is the partition of all regions but China's and those of the US government.
const commercial = "aws"

// Partition returns the partition that a region is of. Postern knows those that are public.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return commercial
}

// Segments is the number of colon-separated parts of an ARN; the last one may hold further colons.
const Segments = 6

// ARN is one Amazon Resource Name, taken apart.
type ARN struct {
	Partition string
	Service   string
	Region    string // empty for global services and for S3
	Account   string // twelve digits, "aws" for Amazon's own, or empty as in S3
	Resource  string // everything after the fifth colon, such as "instance/i-0123456789abcdef0"
}

// New names a resource in a region, and so in its partition.
func New(service, region, account, resource string) ARN {
	return ARN{Partition: Partition(region), Service: service, Region: region, Account: account, Resource: resource}
}

// Global names a resource of a service that has no regions, such as IAM, in a partition; "" is "aws".
func Global(partition, service, account, resource string) ARN {
	if partition == "" {
		partition = commercial
	}
	return ARN{Partition: partition, Service: service, Account: account, Resource: resource}
}

// Parse takes an ARN apart. Partition, service and resource may not be empty; wildcards are ordinary characters.
func Parse(s string) (ARN, error) {
	parts, ok := Split(s)
	if !ok {
		return ARN{}, fmt.Errorf("%q is no ARN: want arn:partition:service:region:account:resource", s)
	}
	a := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}
	for _, part := range []struct{ name, value string }{
		{"partition", a.Partition}, {"service", a.Service}, {"resource", a.Resource},
	} {
		if part.value == "" {
			return ARN{}, fmt.Errorf("%q is no ARN: its %s is empty", s, part.name)
		}
	}
	return a, nil
}

// Split cuts an ARN or an ARN pattern at its first five colons. It reports false where there are fewer, or where the
// first segment is not "arn".
func Split(s string) (parts [Segments]string, ok bool) {
	for i := range Segments - 1 {
		head, tail, found := strings.Cut(s, ":")
		if !found {
			return parts, false
		}
		parts[i], s = head, tail
	}
	parts[Segments-1] = s
	return parts, parts[0] == "arn"
}

// String puts the ARN together again; Parse(s).String() is s.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Type returns the part of the resource before its first slash or colon, such as "instance"; empty where there is
// neither.
func (a ARN) Type() string {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return a.Resource[:i]
	}
	return ""
}

// ID returns the part of the resource after its first slash or colon, and the whole resource where there is neither.
func (a ARN) ID() string {
	return a.Resource[strings.IndexAny(a.Resource, "/:")+1:]
}
