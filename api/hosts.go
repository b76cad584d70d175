package api

import (
	"net"
	"slices"
	"strings"
)

// virtual is the service whose hosts may begin with a name that stands before its paths otherwise: S3's buckets.
const virtual = "s3"

// hostAddress reads service and region from a host: "ssm.REGION.DOMAIN", "sts.DOMAIN" or an endpoint's own
// "vpce-….SERVICE.REGION.vpce.DOMAIN". What stands before the service of S3 is a bucket:
//
//	BUCKET.s3.REGION.DOMAIN  BUCKET.s3-REGION.DOMAIN  BUCKET.s3.dualstack.REGION.DOMAIN  BUCKET.s3.DOMAIN
//	BUCKET.bucket.vpce-….s3.REGION.vpce.DOMAIN        BUCKET.localhost
//
// Hosts that name no service, such as localhost, say nothing.
func (h *Handler) hostAddress(hostport string) address {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	if !strings.Contains(host, ".") {
		return address{}
	}
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	if last := len(labels) - 1; labels[last] == "localhost" && !h.labels[labels[0]] {
		return address{bucket: strings.Join(labels[:last], ".")}
	}
	// A bucket may have the name of any service: what stands last decides.
	for i, label := range slices.Backward(labels[:len(labels)-1]) {
		if region, ok := strings.CutPrefix(label, virtual+"-"); ok && isRegion(region) {
			return address{virtual, region, bucketIn(labels[:i])} // S3's older form
		}
		if !h.labels[label] {
			continue
		}
		next := labels[i+1:]
		if label == virtual && len(next) > 1 && next[0] == "dualstack" {
			next = next[1:]
		}
		switch {
		case label == virtual && isRegion(next[0]):
			return address{label, next[0], bucketIn(labels[:i])}
		case isRegion(next[0]):
			return address{label, next[0], ""}
		case label == virtual && (i == 0 || isDomain(next)):
			return address{label, "", bucketIn(labels[:i])}
		case i == 0:
			return address{label, "", ""}
		}
	}
	return address{}
}

// bucketIn returns the bucket in the labels before the service's. An endpoint's own names are of buckets only below
// the word that says so.
func bucketIn(labels []string) string {
	n := len(labels)
	if n == 0 || !strings.HasPrefix(labels[n-1], "vpce-") {
		return strings.Join(labels, ".")
	}
	if n < 2 || labels[n-2] != "bucket" {
		return ""
	}
	return strings.Join(labels[:n-2], ".")
}

// beside names what a host means that is of S3 and not of its buckets, "" for all others: access points and S3 Control,
// which have names of their own in each region, and below each endpoint's (S3 user guide, "AWS PrivateLink for Amazon
// S3").
func beside(host string) string {
	labels := strings.Split(strings.ToLower(host), ".")
	for i, label := range labels {
		last := i+1 < len(labels) && (isRegion(labels[i+1]) || labels[i+1] == "dualstack")
		below := i+1 < len(labels) && strings.HasPrefix(labels[i+1], "vpce-")
		switch {
		case label == virtual+"-accesspoint" && last, label == "accesspoint" && below:
			return "an access point of S3"
		case label == virtual+"-control" && last, label == "control" && below:
			return "S3 Control"
		}
	}
	return ""
}

// isDomain reports whether the labels behind a service without region are a domain of AWS.
func isDomain(labels []string) bool {
	return labels[0] == "amazonaws" || slices.Equal(labels, []string{"localhost", "localstack", "cloud"})
}
