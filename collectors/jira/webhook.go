package jira

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// delivery is a webhook. See
// https://developer.atlassian.com/server/jira/platform/webhooks/.
type delivery struct {
	// Timestamp in milliseconds since 1970.
	Timestamp    int64  `json:"timestamp"`
	WebhookEvent string `json:"webhookEvent"`
	Issue        *issue `json:"issue"`
	// Changelog is what this one delivery changed.
	Changelog struct {
		Items []item `json:"items"`
	} `json:"changelog"`
}

// Verify checks X-Hub-Signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var d struct {
		WebhookEvent string `json:"webhookEvent"`
		Issue        struct {
			ID string `json:"id"`
		} `json:"issue"`
	}
	if json.Unmarshal(body, &d) != nil || d.WebhookEvent == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		ID:     cmp.Or(header.Get("X-Atlassian-Webhook-Identifier"), schema.EventID("webhook", string(body))),
		Source: Name, Type: Name + "." + strings.TrimPrefix(d.WebhookEvent, "jira:"), Subject: d.Issue.ID,
		Time: received.UTC(), Key: d.Issue.ID, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}
