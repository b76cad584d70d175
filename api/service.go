package api

import "postern/aws/wire"

// Service is one AWS endpoint: its name, how it speaks, and the table of what it does.
type Service struct {
	// Name is the endpoint's name, the first label of its host: "ssm", "ec2messages".
	Name string
	// SigningName is the service in a signature's scope; empty means Name.
	SigningName string
	// ActionPrefix is the service in policies' actions ("ssm:…"); empty means SigningName.
	ActionPrefix string
	Protocol     wire.Protocol
	// TargetPrefix stands before the operation in X-Amz-Target ("AmazonSSM"); JSON only.
	TargetPrefix string
	// Version and Namespace are the API's version ("2016-11-15") and its XML namespace; EC2, Query and REST only.
	Version, Namespace string
	// Global services (iam) have one endpoint for all regions; their signatures are scoped to us-east-1.
	Global bool
	// BodyLimit is the largest request body in bytes; 0 means 1 MiB.
	BodyLimit int64
	// Known are the names of all operations that Amazon's service has; those that are not in Operations answer 501.
	Known []string
	// Operations is the table.
	Operations []Operation
}
