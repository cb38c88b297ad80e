package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/schema"
)

// Config is the part of an inventory's configuration that says what labels mean.
type Config struct {
	Service       []string `yaml:"service" json:"service,omitempty" jsonschema:"description=What names the service: label:NAME or annotation:NAME or namespace or name; the first that is set counts"`
	Team          []string `yaml:"team" json:"team,omitempty" jsonschema:"description=What names the team, as for service; empty leaves it to the service's owner"`
	Environment   []string `yaml:"environment" json:"environment,omitempty" jsonschema:"description=What names the environment, as for service, before that of the whole cluster"`
	OnPlatform    []string `yaml:"on_platform" json:"on_platform,omitempty" jsonschema:"description=What is on the platform: label:NAME or label:NAME=PATTERN or annotation:… or namespace=PATTERN or name=… or kind=… or cluster=…; one of them is enough. Without any it is unknown"`
	NotOnPlatform []string `yaml:"not_on_platform" json:"not_on_platform,omitempty" jsonschema:"description=What is not, in the same words. With it the rest is unknown; without it the rest is not on the platform"`
	PlatformOwned []string `yaml:"platform_owned" json:"platform_owned,omitempty" jsonschema:"description=What is the platform itself and is not counted, in the same words"`
}

// Rules are a Config that is ready to be asked.
type Rules struct {
	service, team, environment               Names
	onPlatform, notOnPlatform, platformOwned []condition
}

// part is where a name is read from: a label, or the thing's own namespace, name and so on.
type part struct{ what, label string }

// Names are where a name may be read from; the first that is set counts.
type Names []part

// ParseNames reads a list of the configuration: label:NAME, annotation:NAME, namespace
// or name. key is what the configuration calls the list.
func ParseNames(key string, texts []string) (Names, error) {
	var out Names
	var errs []error
	for i, s := range texts {
		p, err := parsePart(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d] is %q: write label:NAME, annotation:NAME, namespace or name", key, i, s))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// Of is the name of an item, "" when none is set.
func (n Names) Of(of Place, i Item) string {
	for _, p := range n {
		if v, _ := p.value(of, i); v != "" {
			return v
		}
	}
	return ""
}

// condition holds when a part is there and fits.
type condition struct {
	part
	// any is set when every value fits.
	any     bool
	pattern pattern.Pattern
}

// Compile checks a Config; every problem names the key that has it and the fix.
func (c Config) Compile() (Rules, error) {
	var r Rules
	var errs []error
	for _, k := range []struct {
		name  string
		texts []string
		to    *Names
	}{{"service", c.Service, &r.service}, {"team", c.Team, &r.team}, {"environment", c.Environment, &r.environment}} {
		names, err := ParseNames(k.name, k.texts)
		*k.to, errs = names, append(errs, err)
	}
	for _, k := range []struct {
		name  string
		texts []string
		to    *[]condition
	}{{"on_platform", c.OnPlatform, &r.onPlatform}, {"not_on_platform", c.NotOnPlatform, &r.notOnPlatform}, {"platform_owned", c.PlatformOwned, &r.platformOwned}} {
		for i, s := range k.texts {
			cond, err := parseCondition(s)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s[%d] is %q: %w", k.name, i, s, err))
			}
			*k.to = append(*k.to, cond)
		}
	}
	if len(c.NotOnPlatform) > 0 && len(c.OnPlatform) == 0 {
		errs = append(errs, errors.New("not_on_platform stands without on_platform: say what is on the platform too"))
	}
	return r, errors.Join(errs...)
}

var errPart = errors.New("write label:NAME, label:NAME=PATTERN, annotation:NAME, namespace=PATTERN, name=PATTERN, kind=PATTERN or cluster=PATTERN")

func parsePart(s string) (part, error) {
	what, label, labelled := strings.Cut(s, ":")
	switch what {
	case "label", "annotation":
		if label != "" {
			return part{what, label}, nil
		}
	case "namespace", "name", "kind", "cluster":
		if !labelled {
			return part{what, ""}, nil
		}
	}
	return part{}, errPart
}

func parseCondition(s string) (condition, error) {
	name, value, compares := strings.Cut(s, "=")
	p, err := parsePart(name)
	if err != nil {
		return condition{}, err
	}
	if !compares {
		if p.label == "" {
			return condition{}, errPart
		}
		return condition{part: p, any: true}, nil
	}
	pat, err := pattern.Compile(value)
	if err != nil {
		return condition{}, fmt.Errorf("the pattern %w", err)
	}
	return condition{part: p, pattern: pat}, nil
}

// value of a part; ok is false where a label is not there.
func (p part) value(of Place, i Item) (value string, ok bool) {
	switch p.what {
	case "label":
		value, ok = i.Labels[p.label]
		return value, ok
	case "annotation":
		value, ok = i.Annotations[p.label]
		return value, ok
	case "namespace":
		return i.Namespace, true
	case "name":
		return i.Name, true
	case "kind":
		return i.Kind, true
	}
	return of.Cluster, true
}

func fits(conditions []condition, of Place, i Item) bool {
	return slices.ContainsFunc(conditions, func(c condition) bool {
		v, ok := c.value(of, i)
		if !ok || c.any {
			return ok
		}
		_, ok = c.pattern.Match(v)
		return ok
	})
}

// workload says what the rules make of an item.
func (r Rules) workload(of Place, i Item) *schema.Workload {
	w := &schema.Workload{
		ServiceRef: r.service.Of(of, i), TeamRef: r.team.Of(of, i),
		Environment: cmp.Or(r.environment.Of(of, i), of.Environment), OnPlatform: schema.OnPlatformUnknown,
	}
	w.Tier = schema.TierByName(w.Environment)
	switch {
	case fits(r.onPlatform, of, i):
		w.OnPlatform = schema.OnPlatformYes
	case fits(r.notOnPlatform, of, i), len(r.onPlatform) > 0 && len(r.notOnPlatform) == 0:
		w.OnPlatform = schema.OnPlatformNo
	}
	if fits(r.platformOwned, of, i) {
		w.PlatformOwned = 1
	}
	return w
}

// Summary says of a listing what the rules make of it, for 'headway sources test', and
// what is wrong with it.
func (r Rules) Summary(source string, events []schema.Event) (problem, detail string) {
	var all, service, team, production, on, unknown, owned int
	for _, ev := range events {
		facts, err := r.Facts(source, ev)
		if _, ignored := errors.AsType[*schema.IgnoredError](err); err != nil && !ignored {
			return err.Error(), ""
		}
		for _, f := range facts {
			w, ok := f.(*schema.Workload)
			if !ok {
				continue
			}
			all++
			service += count(w.ServiceRef != "")
			team += count(w.TeamRef != "")
			production += count(w.Tier == schema.TierProduction)
			on += count(w.OnPlatform == schema.OnPlatformYes)
			unknown += count(w.OnPlatform == schema.OnPlatformUnknown)
			owned += count(w.PlatformOwned == 1)
		}
	}
	if all == 0 {
		return "the system answers and runs nothing that is inventoried: check that this is the place you mean and that the credentials see all of it", ""
	}
	return "", fmt.Sprintf("%d workloads: %d name a service and %d a team, %d are in production, %d on the platform and %d unknown, %d are the platform's own",
		all, service, team, production, on, unknown, owned)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
