package pulumi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/schema"
)

// Types of event. Pulumi names kinds in a header that it does not sign.
const (
	typeUpdate     = Name + ".stack_update"
	typePreview    = Name + ".stack_preview"
	typeDeployment = Name + ".deployment"
	typePing       = Name + ".ping"
	typeOther      = Name + ".other"
)

// payload is a webhook. See https://www.pulumi.com/docs/deployments/webhooks/.
type payload struct {
	User struct {
		Login string `json:"githubLogin"`
	} `json:"user"`
	Organization struct {
		Login string `json:"githubLogin"`
	} `json:"organization"`
	Project string `json:"projectName"`
	Stack   string `json:"stackName"`
	// UpdateURL is the page of an update or a preview.
	UpdateURL       string             `json:"updateUrl"`
	DeploymentURL   string             `json:"deploymentUrl"`
	Kind            string             `json:"kind"`
	Result          string             `json:"result"`
	IsPreview       bool               `json:"isPreview"`
	ResourceChanges map[string]float64 `json:"resourceChanges"`
	// Message is that of a ping.
	Message string `json:"message"`
}

// eventType is what the body shows the event to be; "" when it shows nothing.
func (p payload) eventType() string {
	switch {
	case p.UpdateURL != "" && (p.IsPreview || strings.Contains(p.UpdateURL, "/previews/")):
		return typePreview
	case p.UpdateURL != "":
		return typeUpdate
	case p.DeploymentURL != "":
		return typeDeployment
	case p.Organization.Login != "":
		return typeOther
	case p.Message != "":
		return typePing
	}
	return ""
}

func (p payload) stack() string { return p.Organization.Login + "/" + p.Project + "/" + p.Stack }

// Verify checks Pulumi-Webhook-Signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var p payload
	if json.Unmarshal(body, &p) != nil || p.eventType() == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		// The header's id is one for each webhook that tells of an update, and not signed.
		ID: schema.EventID("webhook", string(body)), Source: Name, Type: p.eventType(), Subject: p.UpdateURL, Time: received.UTC(),
		Key: p.stack(), ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns an update into a request.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case typeUpdate:
	case typePreview, typeDeployment, typePing, typeOther:
		return nil, schema.Ignore("Pulumi " + strings.TrimPrefix(ev.Type, Name+"."))
	default:
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading an update: %w", err)
	}
	switch p.Kind {
	case "update":
	case "refresh", "destroy", "import", "resource-import", "rename":
		return nil, schema.Ignore("Pulumi " + p.Kind)
	default:
		return nil, fmt.Errorf("kind %.40q of an update is unknown", p.Kind)
	}
	return s.update(p, ev.Time)
}

func (s *Source) update(p payload, received time.Time) ([]schema.Fact, error) {
	page, err := url.Parse(p.UpdateURL)
	if err != nil || strings.Trim(page.Path, "/") == "" {
		return nil, fmt.Errorf("updateUrl %.200q is no page", p.UpdateURL)
	}
	if p.Organization.Login == "" || p.Project == "" || p.Stack == "" {
		return nil, errors.New("update without organization, projectName or stackName")
	}
	run := provision.Run{
		// What is told once more keeps the time at which it was told first.
		Meta: schema.Meta{Source: Name, URL: p.UpdateURL, Version: schema.EarliestVersion(received)},
		ID:   Name + ":" + strings.Trim(page.Path, "/"), CreatedAt: received, DryRun: p.unchanged(),
	}
	if p.User.Login != "" {
		run.Actor = Name + ":" + p.User.Login
	}
	switch p.Result {
	case "succeeded":
		run.Status = schema.RequestCompleted
	case "failed":
		run.Status = schema.RequestFailed
	default:
		return nil, fmt.Errorf("result %.40q is unknown", p.Result)
	}
	to, ok := s.rules.Find(p.stack())
	if !ok {
		return nil, schema.Ignore("Pulumi stack that no rule names")
	}
	return to.Facts(run), nil
}

// unchanged reports whether an update says of every resource that it stayed as it was.
func (p payload) unchanged() bool {
	for operation, n := range p.ResourceChanges {
		if operation != "same" && n != 0 {
			return false
		}
	}
	return len(p.ResourceChanges) > 0
}
