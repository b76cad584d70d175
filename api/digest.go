package api

import (
	"crypto/md5"  //nolint:gosec // Content-MD5 is a checksum, not a proof
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"

	"postern/aws/fault"
	"postern/aws/wire"
)

// nvme is the polynomial of CRC-64/NVME in the order of bits of hash/crc64.
const nvme = 0x9a6c9329ac4bc9b5

// digests are the headers by which S3's clients say what the body is.
var digests = []struct {
	header string
	make   func() hash.Hash
}{
	{"Content-Md5", md5.New},
	{"X-Amz-Checksum-Crc32", func() hash.Hash { return crc32.NewIEEE() }},
	{"X-Amz-Checksum-Crc32c", func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
	{"X-Amz-Checksum-Crc64nvme", func() hash.Hash { return crc64.New(crc64.MakeTable(nvme)) }},
	{"X-Amz-Checksum-Sha1", sha1.New},
	{"X-Amz-Checksum-Sha256", sha256.New},
}

// checkDigests holds the body of a request to S3, which has been read, against what its headers say it is. Operations
// whose body is a stream prove it on their way, and where checksums are members, they are an object's.
func (x *exchange) checkDigests() error {
	if x.service.Protocol != wire.S3 || x.body.stream != nil {
		return nil
	}
	_, members := x.op.input.FieldByName("ChecksumCRC32")
	for i, d := range digests {
		said := x.r.Header.Get(d.header)
		if said == "" || members && i > 0 {
			continue
		}
		h := d.make()
		want, err := base64.StdEncoding.DecodeString(said)
		if err != nil || len(want) != h.Size() {
			if d.header == "Content-Md5" {
				return fault.New(fault.Invalid, "api.decode", "The Content-MD5 you specified is not valid.").
					WithCode("InvalidDigest")
			}
			return fault.New(fault.Invalid, "api.decode", "Value for %s header is invalid.", d.header).
				WithCode("InvalidRequest")
		}
		h.Write(x.body.bytes)
		if got := h.Sum(nil); string(got) != string(want) {
			return fault.New(fault.Invalid, "api.decode",
				"The %s you specified did not match what we received.", d.header).WithCode("BadDigest")
		}
	}
	return nil
}
