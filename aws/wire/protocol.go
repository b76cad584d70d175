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
	// S3 is RESTXML as S3 speaks it: an error has no wrapper, and times have milliseconds.
	S3
	// RESTJSON is AWS's restJson1: members in the path, the query, headers and a JSON body.
	RESTJSON
	// RESTXML is AWS's restXml: the same with an XML body.
	RESTXML
)

// IsForm reports whether an operation's name stands among the parameters of a form.
func (p Protocol) IsForm() bool { return p == EC2 || p == Query }

// HasPaths reports whether an operation is found by the method and the path of a request.
func (p Protocol) HasPaths() bool { return p == REST || p.Binds() }

// Binds reports whether members stand in the path, the query and headers too: then DecodeRequest and EncodeAnswer read
// and write messages.
func (p Protocol) Binds() bool { return p == S3 || p == RESTJSON || p == RESTXML }

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
	case RESTJSON:
		return "rest-json"
	case RESTXML:
		return "rest-xml"
	}
	return "unknown"
}
