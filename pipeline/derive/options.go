package derive

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Modes of the time heuristic (DEFINITIONS, "Failure evidence", rule 4).
const (
	// TimeRuleAuto uses the heuristic for a service of which no release has
	// stronger evidence.
	TimeRuleAuto = "auto"
	TimeRuleOff  = "off"
)

// What a commit that belongs to no request counts as.
const (
	// DirectAll: every such commit is a change of its own (trunk based work).
	DirectAll = "all"
	// DirectFirstParent: only those on the first-parent line of the release's
	// commit, so that a merged branch whose request was never seen does not count
	// each of its commits.
	DirectFirstParent = "first_parent"
	// DirectOff: none; every change needs a request.
	DirectOff = "off"
)

// Options says what production is and what counts as evidence. A change of
// options is a recomputation, never a replay.
type Options struct {
	// FanOutWindow is how long after its first deployment a version's further
	// deployments still belong to the same release.
	FanOutWindow time.Duration `yaml:"fan_out_window" json:"fan_out_window,omitempty" jsonschema:"type=string,description=Deployments of one version within this time are one release,default=4h"`
	// TimeRule is TimeRuleAuto or TimeRuleOff; TimeWindow is how long after a
	// release an incident may begin to be blamed on it.
	TimeRule   string        `yaml:"time_rule" json:"time_rule,omitempty" jsonschema:"enum=auto,enum=off,default=auto"`
	TimeWindow time.Duration `yaml:"time_window" json:"time_window,omitempty" jsonschema:"type=string,description=An incident that begins within this time after a release may be blamed on it,default=24h"`
	// Tiers are tried in order before the sender's own tier and the name.
	Tiers []TierRule `yaml:"tiers" json:"tiers,omitempty"`
	// HotfixLabels mark a request as unplanned repair, whatever their case.
	HotfixLabels []string `yaml:"hotfix_labels" json:"hotfix_labels,omitempty" jsonschema:"description=Labels of a request that make it unplanned repair,default=hotfix"`
	// BaselineDays is the age up to which a service counts as new at its first
	// release, which then claims its history; 0 makes every first release a
	// baseline.
	BaselineDays int `yaml:"baseline_days" json:"baseline_days,omitempty" jsonschema:"description=Age in days up to which a service's first release claims its history,default=90"`
	// DirectCommits is one of the Direct constants.
	DirectCommits string `yaml:"direct_commits" json:"direct_commits,omitempty" jsonschema:"enum=all,enum=first_parent,enum=off,default=all"`
	// CacheCommits bounds the commits kept in memory between derivations.
	CacheCommits int `yaml:"cache_commits" json:"cache_commits,omitempty" jsonschema:"description=Commits kept in memory between derivations,default=500000"`
	// InfrastructurePaths match the whole paths of files that describe infrastructure,
	// deployment or pipelines. A configuration has them among its metrics.
	InfrastructurePaths []Pattern `yaml:"-" json:"-"`
}

// DefaultInfrastructurePaths are those of an empty configuration.
func DefaultInfrastructurePaths() []Pattern {
	return []Pattern{
		mustPattern(`(.*/)?(terraform|helm|charts|k8s|kubernetes)/.*`),
		mustPattern(`.*\.(tf|tfvars)`),
		mustPattern(`\.github/workflows/.*`),
		mustPattern(`(.*/)?\.gitlab-ci\.yml`),
		mustPattern(`(.*/)?(Dockerfile|Jenkinsfile)(\..*)?`),
	}
}

// TierRule gives environments a tier. Empty Service and Repo match all.
type TierRule struct {
	Environment Pattern `yaml:"environment" json:"environment"`
	Service     string  `yaml:"service" json:"service,omitempty"`
	Repo        string  `yaml:"repo" json:"repo,omitempty"`
	Tier        string  `yaml:"tier" json:"tier" jsonschema:"enum=production,enum=staging,enum=testing,enum=development,enum=other"`
}

// Pattern is a regular expression (RE2) that must match the whole text.
type Pattern struct {
	text string
	re   *regexp.Regexp
}

// NewPattern compiles a pattern.
func NewPattern(text string) (Pattern, error) {
	re, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", text, err)
	}
	return Pattern{text: text, re: re}, nil
}

// mustPattern is for patterns of the code itself.
func mustPattern(text string) Pattern {
	p, err := NewPattern(text)
	if err != nil {
		panic(err)
	}
	return p
}

// UnmarshalText takes what a configuration file says. A text that is no pattern
// is found by Options.Validate, which can say where it stands.
func (p *Pattern) UnmarshalText(b []byte) error {
	n, err := NewPattern(string(b))
	if err != nil {
		n = Pattern{text: string(b)}
	}
	*p = n
	return nil
}

// MarshalText is the pattern as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// CheckInfrastructurePaths names every text that is no pattern, and what would do.
func CheckInfrastructurePaths(patterns []Pattern) error {
	var errs []error
	for i, p := range patterns {
		if _, err := NewPattern(p.text); err != nil || p.text == "" {
			errs = append(errs, fmt.Errorf("infrastructure_paths[%d]: %q is no pattern; use RE2 syntax, such as terraform/.*", i, p.text))
		}
	}
	return errors.Join(errs...)
}

func (p Pattern) match(s string) bool { return p.re != nil && p.re.MatchString(s) }

// DefaultOptions are those of an empty configuration.
func DefaultOptions() Options {
	return Options{
		FanOutWindow:  4 * time.Hour,
		TimeRule:      TimeRuleAuto,
		TimeWindow:    24 * time.Hour,
		HotfixLabels:  []string{"hotfix"},
		BaselineDays:  90,
		DirectCommits: DirectAll,
		CacheCommits:  500_000,

		InfrastructurePaths: DefaultInfrastructurePaths(),
	}
}

// Validate names every field that cannot be used, and what would do.
func (o Options) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.FanOutWindow < 0 {
		bad("fan_out_window: %v is negative; use 0 or more, such as 4h", o.FanOutWindow)
	}
	if !slices.Contains([]string{TimeRuleAuto, TimeRuleOff}, o.TimeRule) {
		bad("time_rule: %q is unknown; use auto or off", o.TimeRule)
	}
	if o.TimeWindow <= 0 {
		bad("time_window: %v is not positive; use for example 24h", o.TimeWindow)
	}
	tiers := []string{schema.TierProduction, schema.TierStaging, schema.TierTesting, schema.TierDevelopment, schema.TierOther}
	for i, r := range o.Tiers {
		if r.Environment.text == "" {
			bad("tiers[%d].environment: is missing; give a pattern of environment names", i)
		} else if _, err := NewPattern(r.Environment.text); err != nil {
			bad("tiers[%d].environment: %w; use RE2 syntax, and a backslash before a character that is meant as it stands", i, err)
		}
		if !slices.Contains(tiers, r.Tier) {
			bad("tiers[%d].tier: %q is unknown; use one of %s", i, r.Tier, strings.Join(tiers, ", "))
		}
	}
	for i, l := range o.HotfixLabels {
		if strings.TrimSpace(l) == "" {
			bad("hotfix_labels[%d]: is empty", i)
		}
	}
	if o.BaselineDays < 0 {
		bad("baseline_days: %d is negative; use 0 or more", o.BaselineDays)
	}
	if !slices.Contains([]string{DirectAll, DirectFirstParent, DirectOff}, o.DirectCommits) {
		bad("direct_commits: %q is unknown; use all, first_parent or off", o.DirectCommits)
	}
	if o.CacheCommits < 0 {
		bad("cache_commits: %d is negative; use 0 or more", o.CacheCommits)
	}
	errs = append(errs, CheckInfrastructurePaths(o.InfrastructurePaths))
	return errors.Join(errs...)
}

// tier resolves the tier of a deployment's environment: configured rules, else
// the sender's tier, else the name (DEFINITIONS, "Production").
func (o Options) tier(service string, d *schema.Deployment) string {
	for _, r := range o.Tiers {
		if (r.Service == "" || r.Service == service) && (r.Repo == "" || r.Repo == d.Repo) && r.Environment.match(d.Environment) {
			return r.Tier
		}
	}
	if d.TierHint != "" {
		return d.TierHint
	}
	return schema.TierByName(d.Environment)
}

func (o Options) hotfix(labels []string) bool {
	return slices.ContainsFunc(labels, func(l string) bool {
		return slices.ContainsFunc(o.HotfixLabels, func(h string) bool { return strings.EqualFold(strings.TrimSpace(l), strings.TrimSpace(h)) })
	})
}
