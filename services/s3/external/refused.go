package external

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
)

// maxError is how much of an answer that is an error is read, in bytes.
const maxError = 64 << 10

// ofServer are the codes of refusals that are about this server and its settings, beside all of status 403: its key,
// its clock, its region.
var ofServer = map[string]bool{
	"AuthorizationHeaderMalformed": true, "ExpiredToken": true, "InvalidToken": true, "PermanentRedirect": true,
	"TemporaryRedirect": true, "AuthorizationQueryParametersError": true, "InvalidClientTokenId": true,
}

// ofObject are the codes of refusals with status 403 that are about the object.
var ofObject = map[string]bool{"InvalidObjectState": true}

// checked lets answers pass, but for those that are no answer to who asked.
func (s *Store) checked(answer *http.Response) (*http.Response, error) {
	if answer.StatusCode < http.StatusMultipleChoices || answer.StatusCode == http.StatusNotModified {
		return answer, nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxError))
	answer.Body.Close()
	if err != nil {
		return nil, unavailable("the answer of the object store broke off; try again (%w)", err)
	}
	var e struct{ Code, Message string }
	_ = xml.Unmarshal(text, &e) // what cannot be read leaves the status
	switch {
	case answer.StatusCode < http.StatusBadRequest, ofServer[e.Code],
		answer.StatusCode == http.StatusForbidden && !ofObject[e.Code], answer.StatusCode == http.StatusUnauthorized:
		s.say("the S3 service that keeps objects refuses this server", "status", answer.StatusCode, "code", e.Code,
			"error", e.Message, "path", answer.Request.URL.Path)
		return nil, unavailable("the object store refuses this server (%s): its credentials, Region or bucket prefix are to "+
			"be mended by who runs it", strings.TrimSpace(answer.Status+" "+e.Code))
	case answer.StatusCode >= http.StatusInternalServerError && e.Code == "": // of a proxy between
		s.say("the S3 service that keeps objects does not answer", "status", answer.StatusCode)
		return nil, unavailable("the object store does not answer (%s); try again", answer.Status)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}
