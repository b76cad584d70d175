package wire

// Protocol is one of Amazon's ways to write requests and answers.
type Protocol uint8

// The protocols.
const (
	// JSON is AWS JSON 1.1: the operation in X-Amz-Target, JSON in and out.
	JSON Protocol = iota
	// EC2 is the EC2 query protocol: a form in, XML out.
	EC2
	// Query is the AWS query protocol of IAM and STS: a form in, XML out.
	Query
	// REST finds the operation by method and path; JSON in, XML out (ssmmessages).
	REST
	// S3 is S3's REST: only its errors are known here, for clients that ask for it where it is not served.
	S3
)

// IsForm reports whether an operation's name stands among the parameters of a form.
func (p Protocol) IsForm() bool { return p == EC2 || p == Query }

func (p Protocol) String() string {
	switch p {
	case JSON:
		return "json"
	case EC2:
		return "ec2"
	case Query:
		return "query"
	case REST:
		return "rest"
	case S3:
		return "s3"
	}
	return "unknown"
}
