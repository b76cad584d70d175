// Package instances translates the operations of the EC2 API on instances and what belongs to them: images, key pairs,
// instance profiles, attachments of network interfaces, and tags.
package instances
