package github

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/pick"
	"github.com/headway-metrics/headway/schema"
)

const formType = "application/x-www-form-urlencoded"

var eventName = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// Events implements collectors.Webhook: one event, whose id is the delivery's.
// GitHub redelivers under the same id.
func (s *Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	name := header.Get("X-GitHub-Event")
	if !eventName.MatchString(name) {
		return nil, fmt.Errorf("header X-GitHub-Event is %.80q, no name of an event", name)
	}
	id := header.Get("X-GitHub-Delivery")
	if id == "" {
		id = schema.EventID(Name, name, string(body))
	}
	ev := schema.Event{
		ID: id, Source: Name, Type: Name + "." + name, Time: received.UTC(),
		ContentType: header.Get("Content-Type"), Data: body,
	}
	if strings.HasPrefix(name, "secret_scanning") {
		var err error
		if ev, err = withoutSecret(ev); err != nil {
			return nil, err
		}
	}
	var url [1][]byte
	// What cannot be read is Normalize's to refuse; it only gets no partition.
	if data, err := payloadJSON(ev); err == nil && pick.Find(data, s.keyed, url[:]) == nil && pick.Text(url[0]) != "" {
		ev.Key = schema.RepoID(pick.Text(url[0]))
		ev.Subject = ev.Key
	}
	return []schema.Event{ev}, nil
}

// payloadJSON is the JSON of an event. A webhook may be configured to send a form
// with one field instead.
func payloadJSON(ev schema.Event) ([]byte, error) {
	if mediaType, _, err := mime.ParseMediaType(ev.ContentType); err != nil || mediaType != formType {
		return ev.Data, nil //nolint:nilerr // No form, whatever else it is.
	}
	form, err := url.ParseQuery(string(ev.Data))
	if err != nil {
		return nil, fmt.Errorf("reading the form: %w", err)
	}
	return []byte(form.Get("payload")), nil
}
