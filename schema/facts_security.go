package schema

import (
	"strings"
	"time"
)

// Kinds of a Finding.
const (
	FindingVulnerability    = "vulnerability"
	FindingCode             = "code"
	FindingSecret           = "secret"
	FindingMisconfiguration = "misconfiguration"
	FindingLicense          = "license"
)

// Severities of a Finding and of a PolicyResult, the worst first.
const (
	SeverityCritical = "critical"
	SeverityHigh     = "high"
	SeverityMedium   = "medium"
	SeverityLow      = "low"
	SeverityUnknown  = "unknown"
)

// States of a Finding.
const (
	FindingOpen      = "open"
	FindingFixed     = "fixed"
	FindingDismissed = "dismissed"
)

// Reasons of a dismissed Finding. A false positive never was a finding; an
// accepted one is a finding that somebody decided to live with.
const (
	DismissedFalsePositive = "false_positive"
	DismissedAccepted      = "accepted"
	DismissedOther         = "other"
)

// Finding is a weakness that a tool found in one place. What several tools find is
// one finding when the service and the fingerprint are the same.
type Finding struct {
	Meta
	FindingID string `ch:"finding_id"`
	// Fingerprint names the weakness in words that do not depend on the tool:
	// advisory and package, or a rule and the fingerprint of the code (Fingerprint).
	Fingerprint string `ch:"fingerprint"`
	Kind        string `ch:"kind"`
	Tool        string `ch:"tool"`
	// Rule is the advisory ("CVE-2026-1234") or the tool's rule.
	Rule     string `ch:"rule"`
	Title    string `ch:"title"`
	Severity string `ch:"severity"`
	Package  string `ch:"package"`
	// Path is the file inside Repo, or inside the target.
	Path string `ch:"path"`
	// Target is what was scanned, without its version: an image without tag, a
	// repository, a project of the tool.
	Target string `ch:"target"`
	Repo   string `ch:"repo"`
	// Workload is "namespace/name" of what runs with it, or "".
	Workload   string `ch:"workload"`
	ServiceRef string `ch:"service_ref"`
	TeamRef    string `ch:"team_ref"`
	// Report names the series of complete reports that the finding was in, as
	// Scan.Report does; "" when the source tells itself when a finding ends.
	Report string `ch:"report"`
	State  string `ch:"state"`
	Reason string `ch:"reason"`
	// OpenedAt is when the source says that it began; nil in a report, where the
	// first FindingStart counts.
	OpenedAt *time.Time `ch:"opened_at"`
	// SeenAt is when the source last said so.
	SeenAt time.Time `ch:"seen_at"`
	// ClosedAt is when the source says that it ended; a finding of a report ends
	// with the first Scan of the series after SeenAt.
	ClosedAt *time.Time `ch:"closed_at"`
}

func (*Finding) Table() string         { return "findings" }
func (f *Finding) FactID() string      { return f.FindingID }
func (*Finding) DirtyKeys() []DirtyKey { return nil }

// FindingStart is when reports showed a finding for the first time. Its version is
// an EarliestVersion: of all reports the earliest counts, in whatever order they
// arrive.
type FindingStart struct {
	Meta
	FindingID string    `ch:"finding_id"`
	At        time.Time `ch:"at"`
}

func (*FindingStart) Table() string         { return "finding_starts" }
func (s *FindingStart) FactID() string      { return s.FindingID }
func (*FindingStart) DirtyKeys() []DirtyKey { return nil }

// Scan says that a tool looked at something, whether or not it found anything.
type Scan struct {
	Meta
	ScanID string    `ch:"scan_id"`
	At     time.Time `ch:"at"`
	Tool   string    `ch:"tool"`
	// Report is the series of complete reports that this one belongs to; "" when
	// the scan does not say which findings have ended.
	Report string `ch:"report"`
	// Target, Repo, Workload and ServiceRef are as in Finding.
	Target     string `ch:"target"`
	Repo       string `ch:"repo"`
	Workload   string `ch:"workload"`
	ServiceRef string `ch:"service_ref"`
}

func (*Scan) Table() string         { return "scans" }
func (s *Scan) FactID() string      { return s.ScanID }
func (*Scan) DirtyKeys() []DirtyKey { return nil }

// Outcomes of a PolicyResult.
const (
	PolicyPass  = "pass"
	PolicyFail  = "fail"
	PolicyWarn  = "warn"
	PolicyError = "error"
	PolicySkip  = "skip"
	// PolicyDenied is a request that admission refused: nothing came to run.
	PolicyDenied = "denied"
)

// PolicyResult is what a policy engine said of one resource and one rule on one
// day; the day's last word counts. A denied request is a result of its own.
type PolicyResult struct {
	Meta
	ResultID string `ch:"result_id"`
	// Day of the result, at 00:00 UTC.
	Day time.Time `ch:"day"`
	// At is when the rule was evaluated.
	At       time.Time `ch:"at"`
	Tool     string    `ch:"tool"`
	Policy   string    `ch:"policy"`
	Rule     string    `ch:"rule"`
	Category string    `ch:"category"`
	Severity string    `ch:"severity"`
	Outcome  string    `ch:"outcome"`
	Message  string    `ch:"message"`
	Cluster  string    `ch:"cluster"`
	// Resource is "kind/namespace/name"; Workload "namespace/name" when it runs.
	Resource   string `ch:"resource"`
	Workload   string `ch:"workload"`
	ServiceRef string `ch:"service_ref"`
	TeamRef    string `ch:"team_ref"`
}

func (*PolicyResult) Table() string           { return "policy_results" }
func (r *PolicyResult) FactID() string        { return r.ResultID + "@" + r.Day.Format(time.DateOnly) }
func (r *PolicyResult) DirtyKeys() []DirtyKey { return []DirtyKey{dirtyDay(r.Table(), r.Day)} }

// Severity is the normal word for a tool's own: "MODERATE", "warning", "negligible".
func Severity(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical", "blocker":
		return SeverityCritical
	case "high", "important", "error", "major":
		return SeverityHigh
	case "medium", "moderate", "warning", "warn":
		return SeverityMedium
	case "low", "minor", "negligible", "note", "info", "informational":
		return SeverityLow
	}
	return SeverityUnknown
}

// SeverityByScore is the band of a CVSS v3 base score (first.org, "Qualitative
// Severity Rating Scale"); a score of 0 or outside 0…10 says nothing.
func SeverityByScore(score float64) string {
	switch {
	case score >= 9 && score <= 10:
		return SeverityCritical
	case score >= 7 && score < 9:
		return SeverityHigh
	case score >= 4 && score < 7:
		return SeverityMedium
	case score > 0 && score < 4:
		return SeverityLow
	}
	return SeverityUnknown
}

// Fingerprint joins what names a weakness; case does not matter. Of a weakness in a
// package these are the advisory and the package, whatever tool finds it and wherever
// the package lies.
func Fingerprint(parts ...string) string { return strings.ToLower(strings.Join(parts, "|")) }
