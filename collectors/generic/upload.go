package generic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/redact"
	"github.com/headway-metrics/headway/schema"
)

// Headers in which whoever uploads a tool's file says what the file does not: of
// which service or repository it is.
const (
	ServiceHeader    = "X-Headway-Service"
	RepositoryHeader = "X-Headway-Repository"
)

// Origin is what an upload's headers say.
type Origin struct{ Service, Repo string }

// ReadOrigin reads it from the subject of an event that Upload made.
func ReadOrigin(subject string) (Origin, error) {
	q, err := url.ParseQuery(subject)
	if err != nil {
		return Origin{}, fmt.Errorf("reading what the upload is of: %w", err)
	}
	return Origin{Service: q.Get("service"), Repo: q.Get("repository")}, nil
}

// Upload receives files that tools write: each becomes one event.
type Upload struct {
	Verifier
	// Type of the event.
	Type string
	// Secrets are the names of members that may hold secrets; they are taken out.
	Secrets []string
}

// Events implements collectors.Receiver.
func (u Upload) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var object map[string]json.RawMessage
	clean, err := redact.Members(body, u.Secrets...)
	if err != nil || json.Unmarshal(clean, &object) != nil || object == nil {
		return []schema.Event{collectors.Unreadable(u.source, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	origin := url.Values{}
	if s := header.Get(ServiceHeader); s != "" {
		origin.Set("service", s)
	}
	if r := header.Get(RepositoryHeader); r != "" {
		origin.Set("repository", schema.RepoID(r))
	}
	subject := origin.Encode()
	return []schema.Event{{
		ID: schema.EventID(u.source, subject, string(clean)), Source: u.source, Type: u.Type, Subject: subject, Key: subject,
		Time: received.UTC(), Data: clean,
	}}, nil
}
