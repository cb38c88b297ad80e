package gitlab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// maxID is the longest delivery id that is taken as an event's id, in bytes.
const maxID = 200

var kindName = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// addressed is the part of a payload that Events looks at.
type addressed struct {
	ObjectKind string `json:"object_kind"`
	EventName  string `json:"event_name"`
	envelope
}

// Events implements collectors.Webhook: one event. Its kind is in the payload,
// since the header says "Issue Hook" of every work item and "System Hook" of
// everything that a system hook sends. A retry has the id of the first attempt;
// GitLab before 17.4 sent none, there the payload is its own.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var p addressed
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	kind := cmp.Or(p.ObjectKind, p.EventName)
	if !kindName.MatchString(kind) {
		return nil, fmt.Errorf("object_kind is %.80q, no name of an event", kind)
	}
	id := cmp.Or(header.Get("webhook-id"), header.Get("Idempotency-Key"))
	if id == "" || len(id) > maxID {
		id = schema.EventID(Name, kind, string(body))
	}
	ev := schema.Event{
		ID: id, Source: Name, Type: Name + "." + kind, Time: received.UTC(),
		ContentType: header.Get("Content-Type"), Data: body, Key: p.repo(),
	}
	ev.Subject = ev.Key
	return []schema.Event{ev}, nil
}
