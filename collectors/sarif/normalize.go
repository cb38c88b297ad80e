package sarif

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// document is the part of a SARIF log that is read.
type document struct {
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool struct {
		Driver     component   `json:"driver"`
		Extensions []component `json:"extensions"`
	} `json:"tool"`
	AutomationDetails struct {
		ID string `json:"id"`
	} `json:"automationDetails"`
	VersionControlProvenance []struct {
		RepositoryURI string `json:"repositoryUri"`
		Branch        string `json:"branch"`
	} `json:"versionControlProvenance"`
	Invocations []invocation `json:"invocations"`
	Results     []result     `json:"results"`
}

type invocation struct {
	EndTimeUTC          string `json:"endTimeUtc"`
	ExecutionSuccessful *bool  `json:"executionSuccessful"`
}

type component struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type text struct {
	Text string `json:"text"`
}

type rule struct {
	ID                   string `json:"id"`
	Name                 string `json:"name"`
	ShortDescription     text   `json:"shortDescription"`
	HelpURI              string `json:"helpUri"`
	DefaultConfiguration struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	Properties struct {
		SecuritySeverity json.RawMessage `json:"security-severity"`
		Tags             []string        `json:"tags"`
	} `json:"properties"`
}

type result struct {
	RuleID    string `json:"ruleId"`
	RuleIndex *int   `json:"ruleIndex"`
	Rule      struct {
		ID string `json:"id"`
	} `json:"rule"`
	Kind          string `json:"kind"`
	Level         string `json:"level"`
	BaselineState string `json:"baselineState"`
	Message       text   `json:"message"`
	Locations     []struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				StartLine int `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
	} `json:"locations"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	Fingerprints        map[string]string `json:"fingerprints"`
	Suppressions        []struct {
		Status string `json:"status"`
	} `json:"suppressions"`
}

func normalize(ev schema.Event) ([]schema.Fact, error) {
	var d document
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading SARIF: %w", err)
	}
	if d.Version != "2.1.0" {
		return nil, fmt.Errorf("SARIF of version %q, want 2.1.0", d.Version)
	}
	if len(d.Runs) == 0 {
		return nil, errors.New("SARIF without runs")
	}
	origin, err := generic.ReadOrigin(ev.Subject)
	if err != nil {
		return nil, err
	}
	var out []schema.Fact
	pulls := 0
	for i := range d.Runs {
		s, err := d.Runs[i].scan(origin, ev.Time)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", i, err)
		}
		if s == nil {
			pulls++
			continue
		}
		out = append(out, s)
		out = append(out, d.Runs[i].findings(s)...)
	}
	if pulls == len(d.Runs) {
		return nil, schema.Ignore("SARIF of a pull request")
	}
	return out, nil
}

// scan is the fact that the run is, nil for one of a pull request. Its Report is
// the series also when the run did not succeed; then findings leaves it behind.
func (r *run) scan(origin generic.Origin, received time.Time) (*schema.Scan, error) {
	s := &schema.Scan{At: received, Tool: strings.ToLower(r.Tool.Driver.Name), Repo: origin.Repo, ServiceRef: origin.Service}
	if s.Tool == "" {
		return nil, errors.New("the tool has no name")
	}
	branch := ""
	for _, v := range r.VersionControlProvenance {
		s.Repo, branch = cmp.Or(s.Repo, schema.RepoID(v.RepositoryURI)), cmp.Or(branch, v.Branch)
	}
	if strings.HasPrefix(branch, "refs/pull/") || strings.HasPrefix(branch, "refs/merge-requests/") {
		return nil, nil //nolint:nilnil // It is no scan of what runs.
	}
	if s.Repo == "" && s.ServiceRef == "" {
		return nil, fmt.Errorf("neither versionControlProvenance nor the headers %s and %s say what was scanned", generic.RepositoryHeader, generic.ServiceHeader)
	}
	for _, i := range r.Invocations {
		if at, err := time.Parse(time.RFC3339, i.EndTimeUTC); err == nil {
			s.At = at
		}
	}
	s.Target = s.Repo
	s.Report = strings.Join([]string{Name, s.ServiceRef, s.Repo, s.Tool, r.AutomationDetails.ID, branch}, "|")
	// A category ends in the run's own id after the last slash (SARIF 3.17.3).
	if i := strings.LastIndex(r.AutomationDetails.ID, "/"); i >= 0 {
		s.Report = strings.Join([]string{Name, s.ServiceRef, s.Repo, s.Tool, r.AutomationDetails.ID[:i], branch}, "|")
	}
	s.ScanID = s.Report + "@" + s.At.UTC().Format(time.RFC3339Nano)
	s.Meta = schema.Meta{Source: Name, Version: schema.NewVersion(s.At, 0)}
	return s, nil
}

func (r *run) succeeded() bool {
	return !slices.ContainsFunc(r.Invocations, func(i invocation) bool { return i.ExecutionSuccessful != nil && !*i.ExecutionSuccessful })
}

// findings are those of the run, one for each fingerprint.
func (r *run) findings(s *schema.Scan) []schema.Fact {
	series := s.Report
	if !r.succeeded() {
		s.Report = ""
	}
	rules := map[string]rule{}
	for _, c := range append([]component{r.Tool.Driver}, r.Tool.Extensions...) {
		for _, x := range c.Rules {
			rules[x.ID] = x
		}
	}
	found := map[string]bool{}
	var out []schema.Fact
	for _, res := range r.Results {
		if res.Kind != "" && res.Kind != "fail" || res.BaselineState == "absent" {
			continue
		}
		f := r.finding(res, rules, s)
		if found[f.Fingerprint] {
			continue
		}
		found[f.Fingerprint] = true
		f.Report = series
		f.FindingID = Name + ":" + schema.EventID(series, f.Fingerprint)
		out = append(out, f, &schema.FindingStart{
			Meta: schema.Meta{Source: Name, Version: schema.EarliestVersion(s.At)}, FindingID: f.FindingID, At: s.At,
		})
	}
	return out
}

func (r *run) finding(res result, rules map[string]rule, s *schema.Scan) *schema.Finding {
	id := cmp.Or(res.RuleID, res.Rule.ID)
	if id == "" && res.RuleIndex != nil && *res.RuleIndex >= 0 && *res.RuleIndex < len(r.Tool.Driver.Rules) {
		id = r.Tool.Driver.Rules[*res.RuleIndex].ID
	}
	known, ok := rules[id]
	if !ok {
		// A result may name a part of a rule: "CA1000/1" (SARIF 3.27.5).
		known = rules[id[:max(0, strings.LastIndex(id, "/"))]]
	}
	f := &schema.Finding{
		Meta: schema.Meta{Source: Name, URL: known.HelpURI, Version: schema.NewVersion(s.At, 0)},
		Tool: s.Tool, Rule: id, Title: cmp.Or(known.ShortDescription.Text, known.Name, id), Severity: severity(res, known), Target: s.Target, Repo: s.Repo,
		ServiceRef: s.ServiceRef, State: schema.FindingOpen, SeenAt: s.At, Kind: kind(id, s.Tool, known.Properties.Tags),
	}
	line := 0
	if len(res.Locations) > 0 {
		l := res.Locations[0].PhysicalLocation
		f.Path, line = strings.TrimPrefix(l.ArtifactLocation.URI, "./"), l.Region.StartLine
	}
	f.Fingerprint = fingerprint(f, res, line)
	for _, x := range res.Suppressions {
		if x.Status == "" || x.Status == "accepted" {
			f.State, f.Reason = schema.FindingDismissed, schema.DismissedAccepted
		}
	}
	return f
}

// packageLine is how scanners for packages name one in their message.
var packageLine = regexp.MustCompile(`(?m)^Package: (\S+)$`)

// aboutCommit are what gitleaks writes among the fingerprints: the same for all
// secrets of a commit, and its author.
func aboutCommit() []string { return []string{"commitSha", "email", "author", "date", "commitMessage"} }

// fingerprint: advisory and package, else what the tool says, else the place.
func fingerprint(f *schema.Finding, res result, line int) string {
	if f.Kind == schema.FindingVulnerability {
		if m := packageLine.FindStringSubmatch(res.Message.Text); m != nil {
			f.Package = m[1]
			return schema.Fingerprint(f.Rule, f.Package)
		}
	}
	for _, given := range []map[string]string{res.Fingerprints, res.PartialFingerprints} {
		if len(given) == 0 {
			continue
		}
		parts := []string{f.Rule}
		for _, k := range slices.Sorted(maps.Keys(given)) {
			if !slices.Contains(aboutCommit(), k) {
				parts = append(parts, k+"="+given[k])
			}
		}
		if len(parts) > 1 {
			return schema.Fingerprint(parts...)
		}
	}
	return schema.Fingerprint(f.Rule, f.Path, strconv.Itoa(line))
}

var advisory = regexp.MustCompile(`^(?:CVE-\d|GHSA-)`)

func kind(id, tool string, tags []string) string {
	has := func(tag string) bool { return slices.Contains(tags, tag) }
	switch {
	case advisory.MatchString(id):
		return schema.FindingVulnerability
	case has("secret") || tool == "gitleaks" || tool == "trufflehog":
		return schema.FindingSecret
	case has("misconfiguration"):
		return schema.FindingMisconfiguration
	}
	return schema.FindingCode
}

// severity: security-severity is a CVSS score, as GitHub's documents define it.
func severity(res result, known rule) string {
	if score, err := strconv.ParseFloat(strings.Trim(string(known.Properties.SecuritySeverity), `"`), 64); err == nil {
		if s := schema.SeverityByScore(score); s != schema.SeverityUnknown {
			return s
		}
	}
	return schema.Severity(cmp.Or(res.Level, known.DefaultConfiguration.Level, "warning"))
}
