package s3

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
)

// PutPublicAccessBlock says what public access is kept from a bucket.
func (s *Service) PutPublicAccessBlock(ctx context.Context, name string, p PublicAccessBlock) error {
	return s.configure(ctx, name, func(b *stored) error { b.PublicAccessBlock = &p; return nil })
}

// DeletePublicAccessBlock takes the public access block off a bucket.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.PublicAccessBlock = nil; return nil })
}

// PutOwnership says who owns the objects that others put into a bucket.
func (s *Service) PutOwnership(ctx context.Context, name, ownership string) error {
	return s.configure(ctx, name, func(b *stored) error {
		if err := checkOwnership(ownership); err != nil {
			return err
		}
		b.Ownership = ownership
		return nil
	})
}

// DeleteOwnership takes the ownership controls off a bucket.
func (s *Service) DeleteOwnership(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.Ownership = ""; return nil })
}

func checkOwnership(o string) error {
	if !slices.Contains([]string{ownerEnforced, "BucketOwnerPreferred", "ObjectWriter"}, o) {
		return malformedXML()
	}
	return nil
}

func malformedXML() error {
	return fail(fault.Invalid, "MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema")
}

// PutEncryption says how objects that are put into a bucket are encrypted. Keys of KMS are NotImplemented.
func (s *Service) PutEncryption(ctx context.Context, name string, e Encryption) error {
	return s.configure(ctx, name, func(b *stored) error {
		switch e.Algorithm {
		case "AES256":
		case "aws:kms", "aws:kms:dsse":
			return fail(fault.NotImplemented, "NotImplemented", "encryption with %s is not implemented", e.Algorithm)
		default:
			return malformedXML()
		}
		if e.KMSKey != "" {
			return fail(fault.Invalid, "InvalidArgument",
				"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		b.Encryption = &e
		return nil
	})
}

// DeleteEncryption gives a bucket the default encryption back.
func (s *Service) DeleteEncryption(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error { b.Encryption = nil; return nil })
}

// The bounds of a bucket's tags, in number and in characters.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// PutABAC says whether the tags of a bucket control access to it.
func (s *Service) PutABAC(ctx context.Context, name string, enabled bool) error {
	return s.configure(ctx, name, func(b *stored) error { b.ABAC = enabled; return nil })
}

// PutTags puts tags on a bucket in the place of those that it has.
func (s *Service) PutTags(ctx context.Context, name string, tags []Tag) error {
	return s.configure(ctx, name, func(b *stored) error {
		if b.ABAC {
			return controlled()
		}
		if err := checkTags(tags, maxTags); err != nil {
			return err
		}
		b.Tags = slices.Clone(tags)
		return nil
	})
}

// DeleteTags takes all tags off a bucket.
func (s *Service) DeleteTags(ctx context.Context, name string) error {
	return s.configure(ctx, name, func(b *stored) error {
		if b.ABAC {
			return controlled()
		}
		b.Tags = nil
		return nil
	})
}

// controlled refuses to change tags that control access the way in which tags are changed that do not.
func controlled() error {
	return invalidRequest("Tags of a bucket with ABAC enabled are changed by TagResource and UntagResource only. " +
		"Disable ABAC on the bucket, change them, and enable it again.")
}

func checkTags(tags []Tag, most int) error {
	if len(tags) > most {
		return fail(fault.Invalid, "BadRequest", "Bucket tag count cannot be greater than %d", most)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch n := utf8.RuneCountInString(t.Key); {
		case n == 0 || n > maxTagKey:
			return fail(fault.Invalid, "InvalidTag", "The TagKey you have provided is invalid")
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return fail(fault.Invalid, "InvalidTag", "The TagValue you have provided is invalid")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return fail(fault.Invalid, "InvalidTag", "System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return fail(fault.Invalid, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil
}
