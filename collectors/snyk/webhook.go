package snyk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// snapshot has the shape of project_snapshot/v0 (docs.snyk.io, "Webhooks"), whose
// issues are those of the API v1.
type snapshot struct {
	WebhookID string `json:"webhookId"`
	Project   struct {
		ID             string    `json:"id"`
		Name           string    `json:"name"`
		Origin         string    `json:"origin"`
		LastTestedDate time.Time `json:"lastTestedDate"`
	} `json:"project"`
	NewIssues     []hookIssue `json:"newIssues"`
	RemovedIssues []hookIssue `json:"removedIssues"`
}

type hookIssue struct {
	ID        string `json:"id"`
	IssueType string `json:"issueType"`
	PkgName   string `json:"pkgName"`
	IssueData struct {
		Title       string `json:"title"`
		Severity    string `json:"severity"`
		URL         string `json:"url"`
		Identifiers struct {
			CVE []string `json:"CVE"`
		} `json:"identifiers"`
	} `json:"issueData"`
	IsIgnored bool `json:"isIgnored"`
	IsPatched bool `json:"isPatched"`
}

// Verify checks the signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var about struct {
		WebhookID string `json:"webhookId"`
		Project   *struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	ev := schema.Event{Source: Name, Time: received.UTC(), ContentType: header.Get("Content-Type"), Data: body}
	switch err := json.Unmarshal(body, &about); {
	case err == nil && about.Project != nil:
		ev.Type, ev.Subject, ev.Key = typeSnapshot, about.Project.ID, about.Project.ID
	case err == nil && about.WebhookID != "":
		ev.Type, ev.Subject, ev.Key = typePing, about.WebhookID, about.WebhookID
	default:
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil
	}
	ev.ID = cmp.Or(header.Get("X-Snyk-Transport-Id"), schema.EventID(ev.Type, string(body)))
	return []schema.Event{ev}, nil
}

// snapshotFacts makes the scan that a test is, and the issues that it began or ended.
func snapshotFacts(data []byte) ([]schema.Fact, error) {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("reading a project_snapshot: %w", err)
	}
	at := s.Project.LastTestedDate
	if s.Project.ID == "" || !at.After(schema.MinTime) {
		return nil, errors.New("a project without id or lastTestedDate")
	}
	p := project{s.Project.ID, s.Project.Name, s.Project.Origin}
	out := []schema.Fact{p.scan(at)}
	for _, i := range s.NewIssues {
		f, err := p.hookFinding(i, at)
		if err != nil {
			return nil, err
		}
		switch {
		case i.IsPatched:
			end(f, schema.FindingFixed, "", at)
		case i.IsIgnored:
			end(f, schema.FindingDismissed, schema.DismissedOther, at)
		}
		out = append(out, f, start(f, at))
	}
	for _, i := range s.RemovedIssues {
		f, err := p.hookFinding(i, at)
		if err != nil {
			return nil, err
		}
		end(f, schema.FindingFixed, "", at)
		out = append(out, f)
	}
	return out, nil
}

func (p project) hookFinding(i hookIssue, at time.Time) (*schema.Finding, error) {
	if i.ID == "" {
		return nil, errors.New("an issue without id")
	}
	f := p.finding(i.ID, at)
	f.Rule, f.Title, f.Package, f.Severity = i.ID, i.IssueData.Title, i.PkgName, schema.Severity(i.IssueData.Severity)
	f.URL = cmp.Or(i.IssueData.URL, f.URL)
	switch i.IssueType {
	case "vuln":
		f.Kind, f.Rule = schema.FindingVulnerability, advisory(i.IssueData.Identifiers.CVE, i.ID)
	case "license":
		f.Kind = schema.FindingLicense
	default:
		return nil, fmt.Errorf("an issue of type %.40q", i.IssueType)
	}
	f.Fingerprint = schema.Fingerprint(f.Rule, f.Package)
	return f, nil
}

// advisory is the first CVE of an issue, which other tools name it by too.
func advisory(ids []string, key string) string {
	var cves []string
	for _, id := range ids {
		if strings.HasPrefix(id, "CVE-") {
			cves = append(cves, id)
		}
	}
	if len(cves) == 0 {
		return key
	}
	return slices.Min(cves)
}
