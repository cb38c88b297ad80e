package github

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/redact"
	"github.com/headway-metrics/headway/schema"
)

// alertEvents are the events of GitHub's scanners. See
// https://docs.github.com/webhooks/webhook-events-and-payloads.
func alertEvents() []string {
	return []string{"code_scanning_alert", "dependabot_alert", "secret_scanning_alert"}
}

// withoutSecret takes the secret out of an event of secret scanning before anything
// keeps it: a topic cannot be cleaned. The event is JSON afterwards, also when it
// came as a form.
func withoutSecret(ev schema.Event) (schema.Event, error) {
	data, err := payloadJSON(ev)
	if err != nil {
		return ev, err
	}
	clean, err := redact.Members(data, "secret")
	if err != nil {
		return ev, err
	}
	ev.Data, ev.ContentType = clean, "application/json"
	return ev, nil
}

type alertPayload struct {
	Ref        string     `json:"ref"`
	Repository repository `json:"repository"`
	Alert      *alert     `json:"alert"`
}

// alert is one of any scanner; each fills fields of its own.
type alert struct {
	Number          int        `json:"number"`
	State           string     `json:"state"`
	HTMLURL         string     `json:"html_url"`
	CreatedAt       time.Time  `json:"created_at"`
	UpdatedAt       *time.Time `json:"updated_at"`
	FixedAt         *time.Time `json:"fixed_at"`
	DismissedAt     *time.Time `json:"dismissed_at"`
	AutoDismissedAt *time.Time `json:"auto_dismissed_at"`
	ResolvedAt      *time.Time `json:"resolved_at"`
	DismissedReason string     `json:"dismissed_reason"`
	Resolution      string     `json:"resolution"`

	Rule struct {
		ID                    string `json:"id"`
		Description           string `json:"description"`
		Severity              string `json:"severity"`
		SecuritySeverityLevel string `json:"security_severity_level"`
	} `json:"rule"`
	Tool struct {
		Name string `json:"name"`
	} `json:"tool"`
	MostRecentInstance struct {
		Location struct {
			Path string `json:"path"`
		} `json:"location"`
	} `json:"most_recent_instance"`

	Dependency struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		ManifestPath string `json:"manifest_path"`
	} `json:"dependency"`
	SecurityAdvisory struct {
		GHSA     string `json:"ghsa_id"`
		CVE      string `json:"cve_id"`
		Summary  string `json:"summary"`
		Severity string `json:"severity"`
	} `json:"security_advisory"`

	SecretType            string `json:"secret_type"`
	SecretTypeDisplayName string `json:"secret_type_display_name"`
}

// alertFacts makes the finding that an alert is, and the scan that it proves.
func alertFacts(kind string, data []byte) ([]schema.Fact, error) {
	var p alertPayload
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", kind, err)
	}
	if p.Repository.HTMLURL == "" {
		return nil, errors.New("no repository.html_url")
	}
	a := p.Alert
	if a == nil || a.Number == 0 {
		return nil, fmt.Errorf("the payload of %s has no alert", kind)
	}
	if strings.HasPrefix(p.Ref, "refs/pull/") {
		return nil, schema.Ignore("GitHub code scanning alert of a pull request")
	}
	if err := need("alert", a.CreatedAt); err != nil {
		return nil, err
	}
	f := &schema.Finding{Repo: p.Repository.id(), Target: p.Repository.id(), State: schema.FindingOpen, OpenedAt: &a.CreatedAt}
	f.FindingID = strings.Join([]string{Name, f.Repo, kind, strconv.Itoa(a.Number)}, ":")
	number := "alert " + strconv.Itoa(a.Number)
	switch kind {
	case "code_scanning_alert":
		f.Kind, f.Tool, f.Rule, f.Title, f.Path = schema.FindingCode, strings.ToLower(a.Tool.Name), a.Rule.ID, a.Rule.Description, a.MostRecentInstance.Location.Path
		f.Severity = schema.Severity(cmp.Or(a.Rule.SecuritySeverityLevel, a.Rule.Severity))
		f.Fingerprint = schema.Fingerprint(f.Rule, number)
	case "dependabot_alert":
		adv := a.SecurityAdvisory
		f.Kind, f.Tool, f.Rule, f.Title = schema.FindingVulnerability, "dependabot", cmp.Or(adv.CVE, adv.GHSA), adv.Summary
		f.Package, f.Path, f.Severity = a.Dependency.Package.Name, a.Dependency.ManifestPath, schema.Severity(adv.Severity)
		f.Fingerprint = schema.Fingerprint(f.Rule, f.Package)
	default:
		// A secret that somebody can read is as bad as it gets.
		f.Kind, f.Tool, f.Rule, f.Severity = schema.FindingSecret, "github secret scanning", a.SecretType, schema.SeverityCritical
		f.Title = cmp.Or(a.SecretTypeDisplayName, a.SecretType)
		f.Fingerprint = schema.Fingerprint(f.Rule, number)
	}
	a.close(f)
	f.SeenAt = a.changed(f)
	rank := uint8(0)
	if f.State != schema.FindingOpen {
		rank = 1
	}
	f.Meta = meta(a.HTMLURL, f.SeenAt, rank)
	day := f.SeenAt.UTC().Format(time.DateOnly)
	return []schema.Fact{f, &schema.Scan{
		Meta: meta("", f.SeenAt, 0), ScanID: strings.Join([]string{Name, f.Repo, f.Tool, day}, ":"), At: f.SeenAt, Tool: f.Tool, Target: f.Repo, Repo: f.Repo,
	}}, nil
}

// close says how and when an alert ended, if it has.
func (a *alert) close(f *schema.Finding) {
	for _, at := range []*time.Time{a.FixedAt, a.DismissedAt, a.AutoDismissedAt, a.ResolvedAt} {
		if f.ClosedAt == nil && at != nil {
			f.ClosedAt = at
		}
	}
	if f.ClosedAt == nil || a.State == "open" {
		// A reopened alert may still carry when it was closed.
		f.ClosedAt = nil
		return
	}
	if a.FixedAt != nil || a.Resolution == "revoked" {
		f.State = schema.FindingFixed
		return
	}
	f.State, f.Reason = schema.FindingDismissed, schema.DismissedOther
	reason := strings.ReplaceAll(cmp.Or(a.DismissedReason, a.Resolution), " ", "_")
	switch {
	case slices.Contains([]string{"false_positive", "inaccurate", "used_in_tests"}, reason):
		f.Reason = schema.DismissedFalsePositive
	case slices.Contains([]string{"won't_fix", "wont_fix", "tolerable_risk", "no_bandwidth", "not_used"}, reason):
		f.Reason = schema.DismissedAccepted
	}
}

// changed is when the alert last changed; older payloads of code scanning do not say.
func (a *alert) changed(f *schema.Finding) time.Time {
	switch {
	case a.UpdatedAt != nil:
		return *a.UpdatedAt
	case f.ClosedAt != nil:
		return *f.ClosedAt
	}
	return a.CreatedAt
}
