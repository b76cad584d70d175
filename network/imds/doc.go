// Package imds is the instance metadata service at 169.254.169.254: what an instance may learn about itself, and the
// credentials of its role, told over HTTP to whoever asks from one of its network interfaces.
//
// It is version 2: a session token, had by PUT, goes with every question. Version 1, without tokens, works only for an
// instance whose TokensOptional is set. The answer to PUT does not leave the instance, as with AWS's hop limit of 1,
// because the fabric delivers it to the interface that asked and to nothing behind it.
package imds
