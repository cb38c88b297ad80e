package gitlab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// vulnerabilityHook is docs.gitlab.com, Webhook events, Vulnerability events.
type vulnerabilityHook struct {
	Vulnerability *vulnerability `json:"object_attributes"`
}

type vulnerability struct {
	ID         int64  `json:"id"`
	URL        string `json:"url"`
	Title      string `json:"title"`
	State      string `json:"state"`
	Severity   string `json:"severity"`
	ReportType string `json:"report_type"`
	Location   struct {
		File       string `json:"file"`
		Dependency struct {
			Package struct {
				Name string `json:"name"`
			} `json:"package"`
		} `json:"dependency"`
	} `json:"location"`
	Identifiers []struct {
		ExternalID   string `json:"external_id"`
		ExternalType string `json:"external_type"`
	} `json:"identifiers"`
	DismissalReason string `json:"dismissal_reason"`
	CreatedAt       moment `json:"created_at"`
	UpdatedAt       moment `json:"updated_at"`
	ResolvedAt      moment `json:"resolved_at"`
	DismissedAt     moment `json:"dismissed_at"`
}

// facts makes a finding. The payload has no project; the address tells it.
func (h vulnerabilityHook) facts() ([]schema.Fact, error) {
	v := h.Vulnerability
	if v == nil {
		return nil, errors.New("the payload has no object_attributes")
	}
	address, _, ok := strings.Cut(v.URL, "/-/")
	if !ok || v.ID == 0 {
		return nil, errors.New("a vulnerability has no id, or no url that tells its project")
	}
	if err := need("vulnerability", v.CreatedAt, v.UpdatedAt); err != nil {
		return nil, err
	}
	repo := schema.RepoID(address)
	f := &schema.Finding{
		Meta: meta(v.URL, seconds(v.UpdatedAt), rankOpen), FindingID: fmt.Sprintf("%s/vulnerability/%d", repo, v.ID), Kind: v.kind(), Tool: Name,
		Rule: v.rule(), Title: v.Title, Severity: schema.Severity(v.Severity), Package: v.Location.Dependency.Package.Name, Path: v.Location.File,
		Target: repo, Repo: repo, State: schema.FindingOpen, OpenedAt: v.CreatedAt.ptr(), SeenAt: v.UpdatedAt.Time,
	}
	f.Fingerprint = schema.Fingerprint(f.Rule, f.Package)
	if f.Kind != schema.FindingVulnerability {
		// Of one rule there may be several in one file, which only the number tells apart.
		f.Fingerprint = schema.Fingerprint(f.Rule, repo, f.Path, strconv.FormatInt(v.ID, 10))
	}
	switch v.State {
	case "detected", "confirmed":
	case "resolved":
		f.State, f.ClosedAt = schema.FindingFixed, v.ended(v.ResolvedAt)
	case "dismissed":
		f.State, f.ClosedAt, f.Reason = schema.FindingDismissed, v.ended(v.DismissedAt), v.reason()
	default:
		return nil, fmt.Errorf("vulnerability state %.40q is unknown", v.State)
	}
	if f.ClosedAt != nil {
		f.Version = schema.NewVersion(seconds(v.UpdatedAt), rankEnded)
	}
	return []schema.Fact{f}, nil
}

// kind by the scanner that reported it.
func (v *vulnerability) kind() string {
	switch v.ReportType {
	case "secret_detection":
		return schema.FindingSecret
	case "sast", "dast", "api_fuzzing", "coverage_fuzzing":
		return schema.FindingCode
	}
	return schema.FindingVulnerability
}

// rule is the advisory, else the scanner's own name for it.
func (v *vulnerability) rule() string {
	for _, i := range v.Identifiers {
		if i.ExternalType == "cve" {
			return i.ExternalID
		}
	}
	if len(v.Identifiers) > 0 {
		return v.Identifiers[0].ExternalID
	}
	return v.Title
}

func (v *vulnerability) reason() string {
	switch v.DismissalReason {
	case "false_positive":
		return schema.DismissedFalsePositive
	case "acceptable_risk", "mitigating_control", "used_in_tests":
		return schema.DismissedAccepted
	}
	return schema.DismissedOther
}

// ended is when the finding ended; its last change, where GitLab does not say.
func (v *vulnerability) ended(at moment) *time.Time {
	if at.IsZero() {
		return v.UpdatedAt.ptr()
	}
	return at.ptr()
}
