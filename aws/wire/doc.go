// Package wire is how AWS requests and answers look as bytes: it decodes bodies into the input types of the AWS SDK
// and encodes the SDK's output types, for each of the protocols that Amazon's services speak.
package wire
