package vpc

import "strings"

// named is the public service that a name leads to. S3 has more names than one in each region, and one for every bucket
// below each of them.
func (i *internet) named(name string) *PublicService {
	if service := i.names[name]; service != nil {
		return service
	}
	if region, ok := regionOfS3(name); ok {
		return i.names["s3."+region+".amazonaws.com"]
	}
	return nil
}

// regionOfS3 reads the region from a name of S3's: s3.REGION, s3-REGION, s3.dualstack.REGION and the global s3 of
// us-east-1, each below amazonaws.com and with or without a bucket's name before it (S3 user guide, "Virtual hosting of
// buckets"; a bucket's name may have dots).
func regionOfS3(name string) (region string, ok bool) {
	rest, found := strings.CutSuffix(name, ".amazonaws.com")
	if !found {
		return "", false
	}
	labels := strings.Split(rest, ".")
	last := len(labels) - 1
	switch {
	case labels[last] == "s3":
		return "us-east-1", true
	case strings.HasPrefix(labels[last], "s3-"):
		return labels[last][len("s3-"):], true
	case last >= 1 && labels[last-1] == "s3", last >= 2 && labels[last-1] == "dualstack" && labels[last-2] == "s3":
		return labels[last], true
	}
	return "", false
}
