package wire

import (
	"encoding/json"
	"net/http"
	"strings"
)

// ReadFailure is the error that a service answers, as a client sees it: the inverse of AppendFailure. Code is empty
// where the body is no error of the protocol, such as a page of a proxy.
func (p Protocol) ReadFailure(status int, header http.Header, body []byte) Failure {
	f := Failure{Status: status}
	if p == JSON || p == RESTJSON {
		f.readJSON(header, body)
		return f
	}
	r := newXMLReader(body)
	if root, err := r.root(); err == nil && (root == "Response" || root == "ErrorResponse" || p == S3 && root == "Error") {
		f.readXML(r, 0)
	}
	return f
}

func (f *Failure) readJSON(header http.Header, body []byte) {
	f.RequestID = header.Get("X-Amzn-Requestid")
	var members struct { // names are matched without regard to case: "message" and "Message"
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &members) != nil {
		members.Type, members.Code = "", ""
	}
	f.Message = members.Message
	for _, code := range []string{header.Get("X-Amzn-Errortype"), members.Type, members.Code} {
		// "com.amazonaws.ssm#InvalidDocument:http://…" is InvalidDocument.
		code, _, _ = strings.Cut(code, ":")
		if code = code[strings.LastIndexByte(code, '#')+1:]; code != "" {
			f.Code = code
			return
		}
	}
}

// readXML reads the wrappers and what they hold. What cannot be read leaves the rest empty.
func (f *Failure) readXML(r xmlReader, depth int) {
	_ = r.children(depth, func(name string) (err error) { // a body cut short says what it says
		switch name {
		case "Errors", "Error":
			f.readXML(r, depth+1)
		case "Code":
			f.Code, err = r.text()
		case "Message":
			f.Message, err = r.text()
		case "RequestID", "RequestId":
			f.RequestID, err = r.text()
		default:
			err = r.Skip()
		}
		return err
	})
}
