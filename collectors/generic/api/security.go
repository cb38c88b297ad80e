package api

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

func severities() []string {
	return []string{schema.SeverityCritical, schema.SeverityHigh, schema.SeverityMedium, schema.SeverityLow, schema.SeverityUnknown}
}

// Finding is a weakness that a tool found. Sending the same id again updates it.
type Finding struct {
	ID string `json:"id"`
	// Fingerprint names the weakness whatever tool finds it; left out it is made
	// of rule and package, or of rule and path where there is no package.
	Fingerprint string `json:"fingerprint"`
	// Kind is vulnerability, code, secret, misconfiguration or license.
	Kind string `json:"kind"`
	Tool string `json:"tool"`
	// Rule is the advisory ("CVE-2026-1234") or the tool's rule.
	Rule  string `json:"rule"`
	Title string `json:"title"`
	// Severity is critical, high, medium, low or unknown; left out it is unknown.
	Severity string `json:"severity"`
	Package  string `json:"package"`
	// Path is a file of the repository or target.
	Path string `json:"path"`
	// Target is what was scanned: an image without its tag, a project.
	Target string `json:"target"`
	// Service, Repository (URL or host/path) or Workload ("namespace/name") say
	// whose the finding is; the first that is given counts.
	Service    string `json:"service"`
	Repository string `json:"repository"`
	Workload   string `json:"workload"`
	Team       string `json:"team"`
	// State is open, fixed or dismissed; all but open need ClosedAt.
	State string `json:"state"`
	// Reason of a dismissed one: false_positive, accepted or other.
	Reason    string     `json:"reason"`
	OpenedAt  *time.Time `json:"opened_at"`
	ClosedAt  *time.Time `json:"closed_at"`
	UpdatedAt *time.Time `json:"updated_at"`
	// Deleted withdraws the finding; it needs UpdatedAt.
	Deleted bool   `json:"deleted"`
	URL     string `json:"url"`
}

func (f *Finding) key() string { return f.ID }

func (f *Finding) validate() error {
	if err := errors.Join(
		need("id", f.ID),
		need("tool", f.Tool),
		need("rule", f.Rule),
		need("service, repository, workload or target", f.Service+f.Repository+f.Workload+f.Target),
		oneOf("kind", f.Kind, schema.FindingVulnerability, schema.FindingCode, schema.FindingSecret, schema.FindingMisconfiguration, schema.FindingLicense),
		oneOf("severity", f.Severity, append(severities(), "")...),
		oneOf("state", f.State, schema.FindingOpen, schema.FindingFixed, schema.FindingDismissed),
		oneOf("reason", f.Reason, "", schema.DismissedFalsePositive, schema.DismissedAccepted, schema.DismissedOther),
	); err != nil {
		return err
	}
	switch {
	case f.OpenedAt == nil:
		return errors.New("opened_at: is required")
	case f.State != schema.FindingOpen && f.ClosedAt == nil:
		return errors.New("closed_at: is required unless state is open")
	case f.State == schema.FindingOpen && f.ClosedAt != nil:
		return errors.New("closed_at: stands beside state open")
	case f.Reason != "" && f.State != schema.FindingDismissed:
		return errors.New("reason: stands beside a state that is not dismissed")
	case f.Deleted && f.UpdatedAt == nil:
		return errors.New("updated_at: is required with deleted")
	}
	return nil
}

func (f *Finding) facts(from Origin) []schema.Fact {
	seen := from.changed(f.UpdatedAt, f.OpenedAt, f.ClosedAt)
	out := &schema.Finding{
		Meta:      schema.Meta{Source: from.Source, URL: f.URL, Version: schema.NewVersion(seen, flag(f.State != schema.FindingOpen)), Deleted: flag(f.Deleted)},
		FindingID: from.Source + ":" + f.ID, Fingerprint: strings.ToLower(f.Fingerprint), Kind: f.Kind, Tool: f.Tool, Rule: f.Rule, Title: f.Title,
		Severity: f.Severity, Package: f.Package, Path: f.Path, Target: f.Target, Repo: schema.RepoID(f.Repository), Workload: f.Workload,
		ServiceRef: f.Service, TeamRef: f.Team, State: f.State, Reason: f.Reason, OpenedAt: f.OpenedAt, SeenAt: seen, ClosedAt: f.ClosedAt,
	}
	if out.Fingerprint == "" {
		out.Fingerprint = schema.Fingerprint(f.Rule, cmp.Or(f.Package, f.Path))
	}
	if out.Severity == "" {
		out.Severity = schema.SeverityUnknown
	}
	return []schema.Fact{out}
}

// Scan says that a tool looked at something, whether or not it found anything.
type Scan struct {
	// ID is tool/what/time when left out.
	ID   string     `json:"id"`
	Tool string     `json:"tool"`
	At   *time.Time `json:"at"`
	// Target, Service, Repository and Workload are as in a finding.
	Target     string `json:"target"`
	Service    string `json:"service"`
	Repository string `json:"repository"`
	Workload   string `json:"workload"`
	URL        string `json:"url"`
}

func (s *Scan) key() string {
	if s.ID != "" || s.At == nil {
		return s.ID
	}
	return strings.Join([]string{s.Tool, s.Target, s.Service, s.Repository, s.Workload, s.At.UTC().Format("20060102T150405Z")}, "/")
}

func (s *Scan) validate() error {
	if err := errors.Join(
		need("tool", s.Tool),
		need("service, repository, workload or target", s.Service+s.Repository+s.Workload+s.Target),
	); err != nil {
		return err
	}
	if s.At == nil {
		return errors.New("at: is required")
	}
	return nil
}

func (s *Scan) facts(from Origin) []schema.Fact {
	return []schema.Fact{&schema.Scan{
		Meta:   schema.Meta{Source: from.Source, URL: s.URL, Version: schema.NewVersion(*s.At, 0)},
		ScanID: from.Source + ":" + s.key(), At: *s.At, Tool: s.Tool, Target: s.Target, Repo: schema.RepoID(s.Repository), Workload: s.Workload, ServiceRef: s.Service,
	}}
}

// PolicyResult is what a policy engine said of one resource and one rule.
type PolicyResult struct {
	// ID is cluster/policy/rule/resource when left out; a denied request needs one
	// of its own.
	ID       string `json:"id"`
	Tool     string `json:"tool"`
	Policy   string `json:"policy"`
	Rule     string `json:"rule"`
	Category string `json:"category"`
	Severity string `json:"severity"`
	// Outcome is pass, fail, warn, error, skip or denied.
	Outcome string     `json:"outcome"`
	Message string     `json:"message"`
	At      *time.Time `json:"at"`
	Cluster string     `json:"cluster"`
	// Resource is "kind/namespace/name"; Workload "namespace/name" when it runs.
	Resource string `json:"resource"`
	Workload string `json:"workload"`
	Service  string `json:"service"`
	Team     string `json:"team"`
	URL      string `json:"url"`
}

func (r *PolicyResult) key() string {
	if r.ID != "" {
		return r.ID
	}
	return strings.Join([]string{r.Cluster, r.Policy, r.Rule, r.Resource}, "/")
}

func (r *PolicyResult) validate() error {
	outcomes := []string{schema.PolicyPass, schema.PolicyFail, schema.PolicyWarn, schema.PolicyError, schema.PolicySkip, schema.PolicyDenied}
	if err := errors.Join(
		need("policy", r.Policy),
		need("resource", r.Resource),
		oneOf("outcome", r.Outcome, outcomes...),
		oneOf("severity", r.Severity, append(severities(), "")...),
	); err != nil {
		return err
	}
	switch {
	case r.At == nil:
		return errors.New("at: is required")
	case r.Outcome == schema.PolicyDenied && r.ID == "":
		return errors.New("id: is required when outcome is denied: every denied request is a result of its own")
	}
	return nil
}

func (r *PolicyResult) facts(from Origin) []schema.Fact {
	severity := r.Severity
	if severity == "" {
		severity = schema.SeverityUnknown
	}
	return []schema.Fact{&schema.PolicyResult{
		Meta:     schema.Meta{Source: from.Source, URL: r.URL, Version: schema.NewVersion(*r.At, 0)},
		ResultID: from.Source + ":" + r.key(), Day: r.At.UTC().Truncate(24 * time.Hour), At: *r.At, Tool: r.Tool, Policy: r.Policy, Rule: r.Rule,
		Category: r.Category, Severity: severity, Outcome: r.Outcome, Message: r.Message, Cluster: r.Cluster, Resource: r.Resource,
		Workload: r.Workload, ServiceRef: r.Service, TeamRef: r.Team,
	}}
}

// Cost is what something cost on one day.
type Cost struct {
	// ID is cluster/workload/service/team/category/currency when left out.
	ID string `json:"id"`
	// Day of the cost, "2026-01-31".
	Day    string   `json:"day"`
	Amount *float64 `json:"amount"`
	// Currency as in ISO 4217: "EUR".
	Currency string `json:"currency"`
	// Category is what was paid for: compute, storage, network, licence.
	Category string `json:"category"`
	Cluster  string `json:"cluster"`
	// Workload is "namespace/name" of what ran.
	Workload  string     `json:"workload"`
	Service   string     `json:"service"`
	Team      string     `json:"team"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (c *Cost) key() string {
	if c.ID != "" {
		return c.ID
	}
	return strings.Join([]string{c.Cluster, c.Workload, c.Service, c.Team, c.Category, c.Currency}, "/")
}

func (c *Cost) validate() error {
	day, err := time.Parse(time.DateOnly, c.Day)
	switch {
	case err != nil || !day.After(schema.MinTime):
		return fmt.Errorf("day: is %q; write it as 2026-01-31", c.Day)
	case c.Amount == nil:
		return errors.New("amount: is required")
	case !isCurrency(c.Currency):
		return fmt.Errorf("currency: is %q; write the three letters of ISO 4217, such as EUR", c.Currency)
	}
	return nil
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (c *Cost) facts(from Origin) []schema.Fact {
	// validate has parsed it.
	day, _ := time.Parse(time.DateOnly, c.Day)
	return []schema.Fact{&schema.Cost{
		Meta:   schema.Meta{Source: from.Source, URL: c.URL, Version: schema.NewVersion(from.changed(c.UpdatedAt, &day), 0)},
		CostID: from.Source + ":" + c.key(), Day: day, Amount: *c.Amount, Currency: c.Currency, Category: c.Category, Cluster: c.Cluster,
		Workload: c.Workload, ServiceRef: c.Service, TeamRef: c.Team,
	}}
}
