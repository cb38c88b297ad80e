// Package label says by its labels what an issue is, where the system has no types of
// issues or knows some only: rules that a user writes, and the values that labels such as
// "service:shop" carry. How a system writes its issues may not enter.
package label

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// Labels are regular expressions, matched against whole labels without regard to case.
// An issue is a ticket of the first kind that fits, else a task.
type Labels struct {
	Incident []string `yaml:"incident" json:"incident,omitempty" jsonschema:"description=Labels of incidents; regular expressions for whole labels"`
	Request  []string `yaml:"request" json:"request,omitempty" jsonschema:"description=Labels of requests to the platform; regular expressions for whole labels"`
	Support  []string `yaml:"support" json:"support,omitempty" jsonschema:"description=Labels of support; regular expressions for whole labels"`
	Feature  []string `yaml:"feature" json:"feature,omitempty" jsonschema:"description=Labels of feature requests; regular expressions for whole labels"`
	Bug      []string `yaml:"bug" json:"bug,omitempty" jsonschema:"description=Labels of bugs; regular expressions for whole labels"`
}

// Rules are Labels made ready.
type Rules struct{ incident, request, support, feature, bug []*regexp.Regexp }

// Compile checks the labels; an error names the bad one by key, as the configuration calls
// them.
func (l Labels) Compile(key string) (Rules, error) {
	var out Rules
	for _, k := range []struct {
		kind string
		from []string
		to   *[]*regexp.Regexp
	}{
		{"incident", l.Incident, &out.incident},
		{"request", l.Request, &out.request},
		{"support", l.Support, &out.support},
		{"feature", l.Feature, &out.feature},
		{"bug", l.Bug, &out.bug},
	} {
		for i, expr := range k.from {
			re, err := regexp.Compile(`(?i)^(?:` + expr + `)$`)
			if err != nil {
				return Rules{}, fmt.Errorf("%s.%s[%d]: %w; correct the regular expression", key, k.kind, i, err)
			}
			*k.to = append(*k.to, re)
		}
	}
	return out, nil
}

func matches(rules []*regexp.Regexp, names []string) bool {
	return slices.ContainsFunc(rules, func(re *regexp.Regexp) bool { return slices.ContainsFunc(names, re.MatchString) })
}

// Incident reports whether one of an issue's labels is that of incidents.
func (r Rules) Incident(names []string) bool { return matches(r.incident, names) }

// Request reports whether one of an issue's labels is that of requests to the platform.
func (r Rules) Request(names []string) bool { return matches(r.request, names) }

// Type is what an issue with these labels is, one of the types of a schema.Ticket.
func (r Rules) Type(names []string) string {
	switch {
	case r.Incident(names):
		return schema.TicketIncident
	case r.Request(names):
		return schema.TicketRequest
	case matches(r.support, names):
		return schema.TicketSupport
	case matches(r.feature, names):
		return schema.TicketFeature
	case matches(r.bug, names):
		return schema.TicketBug
	}
	return schema.TicketTask
}

// Value is that of the first label that is written "key::value", as GitLab scopes them,
// "key:value" or "key/value".
func Value(key string, names []string) string {
	for _, name := range names {
		for _, sep := range []string{"::", ":", "/"} {
			k, v, ok := strings.Cut(name, sep)
			if ok && strings.EqualFold(strings.TrimSpace(k), key) {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}

var severity = regexp.MustCompile(`(?i)^(?:sev-?[0-9]|p[0-9])$`)

// Severity is a label such as "sev1" or "P2", else the value of "severity".
func Severity(names []string) string {
	if i := slices.IndexFunc(names, severity.MatchString); i >= 0 {
		return names[i]
	}
	return Value("severity", names)
}
