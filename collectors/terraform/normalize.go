package terraform

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/schema"
)

// payload is a notification. See
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations.
type payload struct {
	ConfigurationID string         `json:"notification_configuration_id"`
	RunURL          string         `json:"run_url"`
	RunID           string         `json:"run_id"`
	RunCreatedAt    *time.Time     `json:"run_created_at"`
	RunCreatedBy    string         `json:"run_created_by"`
	WorkspaceID     string         `json:"workspace_id"`
	Workspace       string         `json:"workspace_name"`
	Organization    string         `json:"organization_name"`
	Notifications   []notification `json:"notifications"`
	// Trigger is that of version 2, which tells of workspaces and not of runs.
	Trigger string `json:"trigger"`
}

type notification struct {
	Trigger      string     `json:"trigger"`
	RunStatus    string     `json:"run_status"`
	RunUpdatedAt *time.Time `json:"run_updated_at"`
}

// latest is the notification that counts.
func (p payload) latest() notification {
	var out notification
	for _, n := range p.Notifications {
		if out.Trigger == "" || n.RunUpdatedAt != nil && (out.RunUpdatedAt == nil || !n.RunUpdatedAt.Before(*out.RunUpdatedAt)) {
			out = n
		}
	}
	return out
}

func (p payload) trigger() string { return cmp.Or(p.latest().Trigger, p.Trigger) }

// Verify checks X-TFE-Notification-Signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var p payload
	if json.Unmarshal(body, &p) != nil || p.trigger() == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		// There is no delivery id; what is sent again is the same body.
		ID: schema.EventID("notification", string(body)), Source: Name, Type: Name + "." + p.trigger(), Subject: p.RunID,
		Time: received.UTC(), Key: cmp.Or(p.WorkspaceID, p.ConfigurationID), ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns a notification of a run into a request.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	trigger := strings.TrimPrefix(ev.Type, Name+".")
	scope, _, _ := strings.Cut(trigger, ":")
	switch scope {
	case "verification":
		return nil, schema.Ignore("verification")
	case "assessment", "workspace", "change_request":
		return nil, schema.Ignore("HCP Terraform notification of scope " + scope)
	}
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ev.Type, err)
	}
	n := p.latest()
	if scope != "run" || n.Trigger != trigger {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	return s.run(p, n)
}

// Ranks of notifications of one run at one instant.
const (
	rankOpen  = 0
	rankEnded = 1
)

func (s *Source) run(p payload, n notification) ([]schema.Fact, error) {
	if p.RunID == "" || p.Workspace == "" || p.Organization == "" || p.RunCreatedAt == nil || n.RunUpdatedAt == nil {
		return nil, errors.New("notification without run_id, workspace, organization, run_created_at or run_updated_at")
	}
	run := provision.Run{ID: Name + ":" + p.RunID, CreatedAt: *p.RunCreatedAt}
	if p.RunCreatedBy != "" {
		run.Actor = Name + ":" + p.RunCreatedBy
	}
	var err error
	if run.Status, run.DryRun, err = status(n); err != nil {
		return nil, err
	}
	rank := uint8(rankOpen)
	if run.Status != schema.RequestOpen {
		rank, run.CompletedAt = rankEnded, n.RunUpdatedAt
	}
	run.Meta = schema.Meta{Source: Name, URL: p.RunURL, Version: schema.NewVersion(*n.RunUpdatedAt, rank)}
	to, ok := s.rules.Find(p.Organization + "/" + p.Workspace)
	if !ok {
		return nil, schema.Ignore("HCP Terraform workspace that no rule names")
	}
	return to.Facts(run), nil
}

// status is the request's, from the trigger and the run's status. See
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run, "Run States".
func status(n notification) (status string, dryRun bool, err error) {
	switch n.Trigger {
	case "run:created", "run:planning", "run:needs_attention", "run:applying":
		return schema.RequestOpen, false, nil
	case "run:completed", "run:errored":
	default:
		return "", false, fmt.Errorf("trigger %.40q is unknown", n.Trigger)
	}
	switch n.RunStatus {
	case "applied":
		return schema.RequestCompleted, false, nil
	case "planned_and_finished":
		return schema.RequestCompleted, true, nil
	case "errored", "policy_soft_failed":
		return schema.RequestFailed, false, nil
	case "canceled", "force_canceled", "discarded":
		return schema.RequestCancelled, false, nil
	}
	return "", false, fmt.Errorf("status %.40q of a run that ended is unknown", n.RunStatus)
}
