package port

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/redact"
	"github.com/headway-metrics/headway/schema"
)

// Types of event, by what Port calls the resource that changed.
const (
	typeRun    = Name + ".run"
	typeEntity = Name + ".entity"
)

// Members that are taken out: what is known of a person beyond an id, what an action
// sends to its backend, and of runs what somebody typed in.
const (
	memberUser       = "user"
	memberInvocation = "invocationMethod"
	memberPayload    = "payload"
	memberInputs     = "userInputs"
	memberProperties = "properties"
)

// delivery is the body of README.md's automations: the event that triggered them. See
// https://docs.port.io/actions-and-automations/define-automations/setup-trigger.
type delivery struct {
	Event struct {
		ID           string `json:"id"`
		ResourceType string `json:"resourceType"`
		Trigger      struct {
			At time.Time `json:"at"`
		} `json:"trigger"`
		Context struct {
			Action struct {
				Trigger struct {
					Type string `json:"type"`
				} `json:"trigger"`
			} `json:"action"`
		} `json:"context"`
		Diff struct {
			Before *resource `json:"before"`
			After  *resource `json:"after"`
		} `json:"diff"`
	} `json:"event"`
}

// resource is a run or an entity.
type resource struct {
	// ID is that of a run, Identifier that of an entity.
	ID         string    `json:"id"`
	Identifier string    `json:"identifier"`
	Title      string    `json:"title"`
	Blueprint  reference `json:"blueprint"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`

	Status           string     `json:"status"`
	Action           reference  `json:"action"`
	Entity           reference  `json:"entity"`
	RequiredApproval bool       `json:"requiredApproval"`
	EndedAt          *time.Time `json:"endedAt"`
	CreatedBy        string     `json:"createdBy"`

	Team       teams                      `json:"team"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// reference is the identifier of something, which Port writes alone or in an object.
type reference string

// UnmarshalJSON accepts null as no reference.
func (r *reference) UnmarshalJSON(b []byte) error {
	var id string
	if json.Unmarshal(b, &id) == nil {
		*r = reference(id)
		return nil
	}
	var object struct {
		Identifier string `json:"identifier"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return fmt.Errorf("%.40s is no reference", b)
	}
	*r = reference(object.Identifier)
	return nil
}

// teams are the teams of an entity, of which there may be one without a list.
type teams []string

// UnmarshalJSON accepts null as no team.
func (t *teams) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = nil
		if one != "" {
			*t = teams{one}
		}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("team %.40s is neither a name nor a list of names", b)
	}
	*t = list
	return nil
}

// subject is what changed: as it is now, or as it was before it was deleted.
func (d delivery) subject() resource {
	if d.Event.Diff.After != nil {
		return *d.Event.Diff.After
	}
	if d.Event.Diff.Before != nil {
		return *d.Event.Diff.Before
	}
	return resource{}
}

// Verify checks X-Port-Signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery, without what may be secret or personal.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	members := []string{memberUser, memberInvocation, memberPayload, memberInputs}
	var d delivery
	err := json.Unmarshal(body, &d)
	kind := strings.ToLower(d.Event.ResourceType)
	if err != nil || kind != "entity" {
		members = append(members, memberProperties)
	}
	clean, cleanErr := redact.Members(body, members...)
	switch {
	case cleanErr != nil:
		// It is no JSON, so it is not from Port and holds nothing of a run.
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	case err != nil || kind == "":
		return []schema.Event{collectors.Unreadable(Name, header, clean, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	subject := d.subject()
	id := cmp.Or(subject.ID, strings.Trim(string(subject.Blueprint)+"/"+subject.Identifier, "/"))
	return []schema.Event{{
		ID: cmp.Or(d.Event.ID, schema.EventID("event", string(clean))), Source: Name, Type: Name + "." + kind, Subject: id,
		Time: received.UTC(), Key: id, ContentType: header.Get("Content-Type"), Data: clean,
	}}, nil
}

// Normalize turns a run into a request, and an entity into a service or team.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeRun && ev.Type != typeEntity {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ev.Type, err)
	}
	if ev.Type == typeRun {
		return s.run(d)
	}
	return s.entity(d)
}

// page is an address in the portal.
func (s *Source) page(path, key, value string) string {
	return strings.TrimSuffix(s.cfg.URL, "/") + "/" + path + "?" + url.Values{key: {value}}.Encode()
}
