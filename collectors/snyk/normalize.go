package snyk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Types of event. The subject of an issue is a project.
const (
	typePing     = Name + ".ping"
	typeSnapshot = Name + ".project_snapshot"
	typeIssue    = Name + ".rest.issue"
)

// issue has the shape of https://apidocs.snyk.io/?version=2024-10-15#get-/orgs/-org_id-/issues.
type issue struct {
	ID         string `json:"id"`
	Attributes struct {
		Key        string    `json:"key"`
		Title      string    `json:"title"`
		Type       string    `json:"type"`
		Status     string    `json:"status"`
		Ignored    bool      `json:"ignored"`
		Severity   string    `json:"effective_severity_level"`
		CreatedAt  time.Time `json:"created_at"`
		UpdatedAt  time.Time `json:"updated_at"`
		Resolution struct {
			ResolvedAt time.Time `json:"resolved_at"`
		} `json:"resolution"`
		Problems []struct {
			ID string `json:"id"`
		} `json:"problems"`
		Coordinates []struct {
			Representations []struct {
				Dependency struct {
					PackageName string `json:"package_name"`
				} `json:"dependency"`
				SourceLocation struct {
					File string `json:"file"`
				} `json:"sourceLocation"`
			} `json:"representations"`
		} `json:"coordinates"`
	} `json:"attributes"`
	Relationships struct {
		ScanItem struct {
			Data struct {
				ID string `json:"id"`
			} `json:"data"`
		} `json:"scan_item"`
	} `json:"relationships"`
}

// project is what Snyk tests: a manifest, an image, the code of a repository.
type project struct{ id, name, origin string }

func (p project) String() string {
	return url.Values{"project": {p.id}, "name": {p.name}, "origin": {p.origin}}.Encode()
}

func readProject(subject string) (project, error) {
	q, err := url.ParseQuery(subject)
	if err != nil {
		return project{}, fmt.Errorf("reading the project: %w", err)
	}
	return project{q.Get("project"), q.Get("name"), q.Get("origin")}, nil
}

// place is the repository and the file that a project's name says, for the origin
// whose host is known: "acme/shop(main):web/package.json".
func (p project) place() (repo, path string) {
	if p.origin != "github" {
		return "", ""
	}
	name, path, _ := strings.Cut(p.name, ":")
	name, _, _ = strings.Cut(name, "(")
	if strings.Count(name, "/") != 1 {
		return "", ""
	}
	return schema.RepoID("https://github.com/" + name), path
}

// ref is the service: that of the repository where it is known, else an alias.
func (p project) ref() string {
	if repo, _ := p.place(); repo != "" {
		return ""
	}
	return Name + ":" + p.id
}

func (p project) scan(at time.Time) *schema.Scan {
	repo, _ := p.place()
	return &schema.Scan{
		Meta:   schema.Meta{Source: Name, Version: schema.NewVersion(at, 0)},
		ScanID: Name + ":" + p.id + "@" + at.UTC().Format(time.DateOnly), At: at, Tool: Name, Target: cmp.Or(p.name, p.id), Repo: repo, ServiceRef: p.ref(),
	}
}

// finding is an open one with what every finding of the project has.
func (p project) finding(key string, at time.Time) *schema.Finding {
	f := &schema.Finding{
		Meta:      schema.Meta{Source: Name, Version: schema.NewVersion(at, 0)},
		FindingID: Name + ":" + schema.EventID(p.id, key), Tool: Name, Target: cmp.Or(p.name, p.id), ServiceRef: p.ref(),
		State: schema.FindingOpen, SeenAt: at,
	}
	f.Repo, f.Path = p.place()
	if strings.HasPrefix(key, "SNYK-") {
		f.URL = "https://security.snyk.io/vuln/" + url.PathEscape(key)
	}
	return f
}

// end closes a finding; of two changes at one time it is the later.
func end(f *schema.Finding, state, reason string, at time.Time) {
	f.State, f.Reason, f.ClosedAt = state, reason, &at
	f.Version = schema.NewVersion(f.SeenAt, 1)
}

// start is when a finding began, as far as is known: the earliest counts.
func start(f *schema.Finding, at time.Time) *schema.FindingStart {
	return &schema.FindingStart{Meta: schema.Meta{Source: Name, Version: schema.EarliestVersion(at)}, FindingID: f.FindingID, At: at}
}

// Normalize turns a test or an issue into findings.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case typePing:
		return nil, schema.Ignore("Snyk ping")
	case typeSnapshot:
		return snapshotFacts(ev.Data)
	case typeIssue:
		return issueFacts(ev)
	}
	return nil, fmt.Errorf("unknown type %q", ev.Type)
}

func issueFacts(ev schema.Event) ([]schema.Fact, error) {
	var i issue
	if err := json.Unmarshal(ev.Data, &i); err != nil {
		return nil, fmt.Errorf("reading an issue: %w", err)
	}
	p, err := readProject(ev.Subject)
	if err != nil {
		return nil, err
	}
	a := i.Attributes
	p.id = i.Relationships.ScanItem.Data.ID
	switch {
	case p.id == "" || a.Key == "":
		return nil, errors.New("an issue without key or project")
	case !a.CreatedAt.After(schema.MinTime) || !a.UpdatedAt.After(schema.MinTime):
		return nil, errors.New("an issue without created_at or updated_at")
	}
	f := p.finding(a.Key, a.UpdatedAt)
	f.Title, f.Severity, f.Rule = a.Title, schema.Severity(a.Severity), a.Key
	var problems []string
	for _, x := range a.Problems {
		problems = append(problems, x.ID)
	}
	for _, c := range a.Coordinates {
		for _, r := range c.Representations {
			f.Package = cmp.Or(f.Package, r.Dependency.PackageName)
			if r.SourceLocation.File != "" && a.Type == "code" {
				f.Path = r.SourceLocation.File
			}
		}
	}
	if err := i.kind(f, problems); err != nil {
		return nil, err
	}
	switch {
	case a.Status == "resolved":
		at := a.UpdatedAt
		if a.Resolution.ResolvedAt.After(schema.MinTime) {
			at = a.Resolution.ResolvedAt
		}
		end(f, schema.FindingFixed, "", at)
	case a.Status != "open":
		return nil, fmt.Errorf("an issue of status %.40q", a.Status)
	case a.Ignored:
		end(f, schema.FindingDismissed, schema.DismissedOther, a.UpdatedAt)
	}
	return []schema.Fact{f, start(f, a.CreatedAt), p.scan(a.UpdatedAt)}, nil
}

// kind says what the issue is, and names it as other tools would.
func (i issue) kind(f *schema.Finding, problems []string) error {
	first := f.Rule
	if len(problems) > 0 {
		first = cmp.Or(problems[0], first)
	}
	key := i.Attributes.Key
	switch i.Attributes.Type {
	case "package_vulnerability":
		f.Kind, f.Rule = schema.FindingVulnerability, advisory(problems, key)
		f.Fingerprint = schema.Fingerprint(f.Rule, f.Package)
	case "license":
		f.Kind, f.Fingerprint = schema.FindingLicense, schema.Fingerprint(f.Rule, f.Package)
	case "code":
		f.Kind, f.Rule, f.Fingerprint = schema.FindingCode, first, schema.Fingerprint(first, key)
	case "config", "cloud", "custom":
		f.Kind, f.Rule, f.Fingerprint = schema.FindingMisconfiguration, first, schema.Fingerprint(first, key)
	default:
		return fmt.Errorf("an issue of type %.40q", i.Attributes.Type)
	}
	return nil
}
