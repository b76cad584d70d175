package server

import (
	"encoding/json"
	"encoding/xml"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/api"
	"postern/api/apitest"
	"postern/aws/sigv4"
	"postern/aws/wire"
)

// TestEveryLimitOfEveryOperationIsHeld sends, for each limit that the service's model puts on a member of an operation,
// an input just inside it and one just outside. They come from a stranger, to whom nothing is allowed: that the limit
// is told although the caller may do nothing shows that it is checked before anybody is asked.
func TestEveryLimitOfEveryOperationIsHeld(t *testing.T) {
	s, stranger := guarded(t)
	limits := 0
	for _, service := range s.api.Handler.Services() {
		for _, op := range service.Operations {
			if op.Codec() == nil || op.Auth != api.Signed {
				continue
			}
			t.Run(service.Name+"/"+op.Name, func(t *testing.T) {
				for edge := range op.Codec().Edges() {
					limits++
					code, message := s.askAsStranger(t, stranger, service, op, edge.Input)
					checkEdge(t, service.Protocol, edge, code, message)
				}
			})
		}
	}
	if limits < 500 {
		t.Errorf("only %d limits tried: the tables are not seen", limits)
	}
	t.Logf("%d inputs at limits", limits)
}

func checkEdge(t *testing.T, p wire.Protocol, edge wire.Edge, code, message string) {
	t.Helper()
	if !edge.Outside {
		if !strings.HasPrefix(code, "AccessDenied") && code != "UnauthorizedOperation" {
			t.Errorf("%s, just inside: %s: %s", edge.Path, code, message)
		}
		return
	}
	want := "at '" + edge.Path + "' failed to satisfy constraint: " + edge.Demand
	switch p {
	case wire.EC2:
		missing := edge.Demand == "Member must not be null"
		path := strings.ReplaceAll(edge.Path, ".member", "")
		told := strings.Contains(message, want) || strings.Contains(message, "for parameter "+path+" is invalid") ||
			missing && strings.EqualFold(message, "The request must contain the parameter "+path)
		if code != "InvalidParameterValue" && (code != "MissingParameter" || !missing) || !told {
			t.Errorf("%s, %s: %s: %s", edge.Path, edge.Demand, code, message)
		}
	case wire.Query:
		name := edge.Path[strings.LastIndexByte(edge.Path, '.')+1:]
		own := strings.Contains(edge.Demand, "regular expression") &&
			strings.HasPrefix(message, "The specified value for "+name+" is invalid.")
		if code != "ValidationError" || !strings.Contains(message, want) && !own {
			t.Errorf("%s, %s: %s: %s", edge.Path, edge.Demand, code, message)
		}
	case wire.S3:
		// A request without a bucket or a key is another operation's, and of documents S3 says no more than this.
		if edge.Path != "bucket" && edge.Path != "key" && code != "MalformedXML" && code != "MissingRequestBodyError" {
			t.Errorf("%s, %s: %s: %s", edge.Path, edge.Demand, code, message)
		}
	default:
		if code != "ValidationException" || !strings.Contains(message, want) {
			t.Errorf("%s, %s: %s: %s", edge.Path, edge.Demand, code, message)
		}
	}
}

// askAsStranger calls an operation and gives the error that it answers.
func (s *Server) askAsStranger(
	t *testing.T, stranger sigv4.Credentials, service api.Service, op api.Operation, in any,
) (code, message string) {
	t.Helper()
	r, body, err := apitest.Request(service, op, in)
	if err == nil {
		err = apitest.Sign(r, body, service, stranger, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.api.Handler.ServeHTTP(w, r)
	var answer struct {
		Type    string `json:"__type" xml:"-"`
		Code    string `json:"-" xml:"Error>Code"`
		EC2Code string `json:"-" xml:"Errors>Error>Code"`
		Message string `json:"message" xml:"Error>Message"`
		EC2Text string `json:"-" xml:"Errors>Error>Message"`
		S3Code  string `json:"-" xml:"Code"`
		S3Text  string `json:"-" xml:"Message"`
	}
	if service.Protocol == wire.JSON {
		err = json.Unmarshal(w.Body.Bytes(), &answer)
	} else {
		err = xml.Unmarshal(w.Body.Bytes(), &answer)
	}
	if err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return answer.Type + answer.Code + answer.EC2Code + answer.S3Code, answer.Message + answer.EC2Text + answer.S3Text
}
