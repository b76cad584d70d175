package wire

import "postern/aws/fault"

// Failure is an error as a service answers it.
type Failure struct {
	// Code is Amazon's, such as "InvalidVpcID.NotFound"; Message is for the caller.
	Code, Message string
	// Status is the HTTP status; 5xx is the service's failure, all else the sender's.
	Status    int
	RequestID string
	// Service is the service's name in the SDK, if it has one: "ssm".
	Service string
	// Namespace is the service's XML namespace.
	Namespace string
	// Details are further elements, and HostID the second id of the request: S3 only.
	Details []fault.Detail
	HostID  string
}

// AppendFailure appends the error's body in the protocol's form.
func (p Protocol) AppendFailure(dst []byte, f Failure) []byte {
	switch p {
	case EC2:
		dst = append(dst, xmlHead...)
		dst = append(dst, "<Response><Errors><Error>"...)
		dst = appendElement(dst, "Code", f.Code)
		dst = appendElement(dst, "Message", f.Message)
		dst = append(dst, "</Error></Errors>"...)
		dst = appendElement(dst, "RequestID", f.RequestID)
		return append(dst, "</Response>"...)
	case Query, RESTXML:
		dst = openRoot(dst, "ErrorResponse", f.Namespace)
		dst = openTag(dst, "Error")
		kind := "Sender"
		if f.Status >= 500 {
			kind = "Receiver"
		}
		dst = appendElement(dst, "Type", kind)
		dst = appendElement(dst, "Code", f.Code)
		dst = appendElement(dst, "Message", f.Message)
		dst = closeTag(dst, "Error")
		dst = appendElement(dst, "RequestId", f.RequestID)
		return closeTag(dst, "ErrorResponse")
	case REST:
		// The element is the code: amazon-ssm-agent looks for the text "<AccessDeniedException>" in the body to decide
		// whether it falls back to ec2messages.
		dst = openTag(dst, f.Code)
		dst = appendElement(dst, "Message", f.Message)
		dst = appendElement(dst, "RequestId", f.RequestID)
		return closeTag(dst, f.Code)
	case S3:
		dst = append(append(dst, xmlHead...), "<Error>"...)
		dst = appendElement(dst, "Code", f.Code)
		dst = appendElement(dst, "Message", f.Message)
		for _, d := range f.Details {
			dst = appendElement(dst, d.Name, d.Text)
		}
		dst = appendElement(dst, "RequestId", f.RequestID)
		if f.HostID != "" {
			dst = appendElement(dst, "HostId", f.HostID)
		}
		return append(dst, "</Error>"...)
	default:
		dst = append(dst, `{"__type":`...)
		dst = appendJSONString(dst, f.Code)
		// Generated clients read the exact member of an error's model, which for some is the one and for some the other.
		if inLine(f.Service, "capitals", f.Code) {
			dst = append(dst, `,"Message":`...)
		} else {
			dst = append(dst, `,"message":`...)
		}
		dst = appendJSONString(dst, f.Message)
		return append(dst, '}')
	}
}

// ContentType is the media type of the protocol's answers.
func (p Protocol) ContentType() string {
	switch p {
	case EC2:
		return "text/xml;charset=UTF-8"
	case Query:
		return "text/xml"
	case REST, S3, RESTXML:
		return "application/xml"
	case RESTJSON:
		return "application/json"
	default:
		return "application/x-amz-json-1.1"
	}
}
