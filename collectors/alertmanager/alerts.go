package alertmanager

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/schema"
)

// Rules say which alerts are incidents, and of what.
type Rules struct {
	// Incidents are patterns by label; an alert is an incident when all of one entry
	// match.
	Incidents []map[string]string `yaml:"incidents" json:"incidents,omitempty" jsonschema:"description=Which alerts are incidents: patterns by label\\, all of one entry must match; default {severity: critical}"`
	// ServiceLabels name the service; the first that the alert has counts.
	ServiceLabels []string `yaml:"service_labels" json:"service_labels,omitempty" jsonschema:"description=Labels that name the service\\, the first that is set counts; default service"`
	SeverityLabel string   `yaml:"severity_label" json:"severity_label,omitempty" jsonschema:"description=Label that holds the severity,default=severity"`
}

// DefaultRules are those of an empty configuration.
func DefaultRules() Rules {
	return Rules{Incidents: []map[string]string{{"severity": "critical"}}, ServiceLabels: []string{"service"}, SeverityLabel: "severity"}
}

// Alerts reads groups for a source.
type Alerts struct {
	source    string
	rules     Rules
	incidents []map[string]pattern.Pattern
	// skip names what is no alert about a service, by its labels; "" takes it.
	skip func(labels map[string]string) string
}

// NewAlerts compiles the rules; the error names the key that is wrong.
func NewAlerts(source string, r Rules, skip func(labels map[string]string) string) (Alerts, error) {
	a := Alerts{source: source, rules: r, skip: skip}
	var errs []error
	if len(r.Incidents) == 0 {
		errs = append(errs, errors.New("incidents is empty: say which alerts are incidents, such as {severity: critical}"))
	}
	for i, labels := range r.Incidents {
		if len(labels) == 0 {
			errs = append(errs, fmt.Errorf("incidents[%d] has no label: it would make an incident of every alert", i))
		}
		made := map[string]pattern.Pattern{}
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			p, err := pattern.Compile(labels[name])
			if err != nil {
				errs = append(errs, fmt.Errorf("incidents[%d].%s %w", i, name, err))
			}
			made[name] = p
		}
		a.incidents = append(a.incidents, made)
	}
	if slices.Contains(r.ServiceLabels, "") {
		errs = append(errs, errors.New("service_labels holds an empty name: take it out"))
	}
	return a, errors.Join(errs...)
}

// group is a notification. The shape is that of
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
type group struct {
	Version     string  `json:"version"`
	GroupKey    string  `json:"groupKey"`
	Status      string  `json:"status"`
	ExternalURL string  `json:"externalURL"`
	Alerts      []alert `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// Events makes the one event of a delivery.
func (a Alerts) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var g group
	if json.Unmarshal(body, &g) != nil || g.GroupKey == "" || g.Status == "" {
		return []schema.Event{collectors.Unreadable(a.source, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		// A repetition has the same body, and is the same event.
		ID: schema.EventID("group", string(body)), Source: a.source, Type: a.source + ".group", Subject: g.GroupKey,
		Time: received.UTC(), Key: g.GroupKey, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize makes the updates of the incidents in a group.
func (a Alerts) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != a.source+".group" {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var g group
	if err := json.Unmarshal(ev.Data, &g); err != nil {
		return nil, fmt.Errorf("reading a group of alerts: %w", err)
	}
	var out []schema.Fact
	reason := "no alert that is an incident by the rules"
	for _, al := range g.Alerts {
		if why := a.ignored(al.Labels); why != "" {
			reason = why
			continue
		}
		if al.Fingerprint == "" || !al.StartsAt.After(schema.MinTime) {
			return nil, errors.New("an alert without fingerprint or startsAt")
		}
		out = append(out, a.update(g, al, schema.IncidentTriggered, al.StartsAt))
		switch al.Status {
		case "firing":
		case "resolved":
			if al.EndsAt.Before(al.StartsAt) {
				return nil, errors.New("an alert is resolved without a time")
			}
			out = append(out, a.update(g, al, schema.IncidentResolved, al.EndsAt))
		default:
			return nil, fmt.Errorf("alert status %.40q is unknown", al.Status)
		}
	}
	if len(out) == 0 {
		return nil, schema.Ignore(reason)
	}
	return out, nil
}

// ignored says why an alert is no incident; "" when it is one.
func (a Alerts) ignored(labels map[string]string) string {
	if a.skip != nil {
		if why := a.skip(labels); why != "" {
			return why
		}
	}
	matches := func(want map[string]pattern.Pattern) bool {
		for name, p := range want {
			value, ok := labels[name]
			if _, match := p.Match(value); !ok || !match {
				return false
			}
		}
		return true
	}
	if slices.ContainsFunc(a.incidents, matches) {
		return ""
	}
	return "no alert that is an incident by the rules"
}

func (a Alerts) update(g group, al alert, kind string, at time.Time) *schema.IncidentUpdate {
	start := al.StartsAt.UTC()
	u := &schema.IncidentUpdate{
		IncidentID: a.source + ":" + al.Fingerprint + ":" + strconv.FormatInt(start.UnixMilli(), 10), UpdateID: kind,
		At: at.UTC(), Kind: kind, StartedAt: &start, Severity: al.Labels[a.rules.SeverityLabel],
		Title: cmp.Or(al.Annotations["summary"], al.Annotations["title"], al.Labels["alertname"]),
	}
	u.Source, u.URL, u.Version = a.source, cmp.Or(al.GeneratorURL, g.ExternalURL), schema.NewVersion(at, 0)
	for _, name := range a.rules.ServiceLabels {
		if s := al.Labels[name]; s != "" {
			u.ServiceRefs = []string{s}
			break
		}
	}
	return u
}
