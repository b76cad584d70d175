package access

import (
	"postern/api"
	"postern/services/identity"
)

// NoteUse notes which access key has signed a request, once its signature was found right.
func NoteUse(s *identity.Service, rec api.Record) {
	if rec.Account != "" && rec.AccessKey != "" {
		s.Used(identity.KeyUse{Key: rec.AccessKey, Time: rec.Time, Service: rec.Service, Region: rec.Region})
	}
}
