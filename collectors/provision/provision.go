// Package provision says what a run of a provisioning tool was for: rules that a
// user writes name the capability of a workspace, stack, project or action, who is
// served, and whether that is self-service or work of the platform team. What a
// tool's payload looks like may not enter.
package provision

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// Target is what a rule says of the names that fit its pattern. The templates may
// hold {parts} of the pattern.
type Target struct {
	Capability string `yaml:"capability" json:"capability,omitempty" jsonschema:"description=Capability that is asked for; may hold {parts} of the pattern; default {capability}"`
	// Channel is schema.ChannelSelfService or schema.ChannelManual.
	Channel string `yaml:"channel" json:"channel,omitempty" jsonschema:"description=Who serves it: the team itself or the platform team,enum=self_service,enum=manual"`
	Team    string `yaml:"team" json:"team,omitempty" jsonschema:"description=Team that is served; may hold {parts}; default {team}; empty leaves it to the service or to who asked"`
	Service string `yaml:"service" json:"service,omitempty" jsonschema:"description=Service that is served; may hold {parts}; default {service}"`
	// MinutesSaved per completed run of self-service.
	MinutesSaved float64 `yaml:"minutes_saved" json:"minutes_saved,omitempty" jsonschema:"description=Minutes that one run of self-service saves,minimum=0"`
}

// Rule says what names that fit a pattern stand for.
type Rule struct {
	Pattern string
	Target
}

type rule struct {
	pattern.Pattern
	Target
}

// Rules are ready to be asked; the first that fits counts.
type Rules []rule

// Compile checks rules. Each error names the rule by its index and the pattern by
// key, as the source's configuration calls it.
func Compile(key string, rules []Rule) (Rules, error) {
	if len(rules) == 0 {
		return nil, fmt.Errorf("rules is empty: say in at least one rule which %s is which capability", key)
	}
	var out Rules
	var errs []error
	for i, r := range rules {
		p, err := pattern.Compile(r.Pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("rules[%d].%s %w", i, key, err))
			continue
		}
		if err := r.check(pattern.Names(r.Pattern)); err != nil {
			errs = append(errs, fmt.Errorf("rules[%d].%w", i, err))
		}
		out = append(out, rule{p, r.Target})
	}
	return out, errors.Join(errs...)
}

// Hooked checks what a source needs whose tool tells of its runs by webhook: secrets, which
// are those that from says and are each a word ("token"), and rules, each of which is read
// as a Rule. key is as for Compile.
func Hooked[R any](secrets []secret.String, from, word, key string, rules []R, read func(R) Rule) (Rules, error) {
	var errs []error
	if len(secrets) == 0 {
		errs = append(errs, fmt.Errorf("webhook_secrets is missing: give %s", from))
	}
	errs = append(errs, signature.EmptySecrets(secrets, word)...)
	list := make([]Rule, 0, len(rules))
	for _, r := range rules {
		list = append(list, read(r))
	}
	out, err := Compile(key, list)
	return out, errors.Join(append(errs, err)...)
}

func (t Target) check(parts []string) error {
	if t.Capability == "" && !slices.Contains(parts, "capability") {
		return errors.New("capability is missing: name it, or put {capability} into the pattern")
	}
	if t.Channel != schema.ChannelSelfService && t.Channel != schema.ChannelManual {
		return fmt.Errorf("channel is %q: write self_service, or manual for what the platform team does", t.Channel)
	}
	if !(t.MinutesSaved >= 0 && t.MinutesSaved <= 1e6) {
		return fmt.Errorf("minutes_saved is %v: give 0 to 1000000 minutes", t.MinutesSaved)
	}
	for _, f := range []struct{ key, text string }{{"capability", t.Capability}, {"team", t.Team}, {"service", t.Service}} {
		for _, n := range pattern.Names(f.text) {
			if !slices.Contains(parts, n) {
				return fmt.Errorf("%s uses {%s}, which the pattern does not name", f.key, n)
			}
		}
	}
	return nil
}

// Find returns what the first rule that fits says of a name.
func (rs Rules) Find(name string) (Target, bool) {
	for _, r := range rs {
		if parts, ok := r.Match(name); ok {
			t := r.Target
			t.Capability = pattern.Expand(cmp.Or(t.Capability, "{capability}"), parts)
			t.Team = pattern.Expand(cmp.Or(t.Team, "{team}"), parts)
			t.Service = pattern.Expand(cmp.Or(t.Service, "{service}"), parts)
			return t, true
		}
	}
	return Target{}, false
}

// Run is one run of a tool.
type Run struct {
	Meta schema.Meta
	// ID is unique among all sources: "terraform:run-1".
	ID       string
	Template string
	// Status is one of the statuses of a schema.Request.
	Status string
	// Actor is the identity that asked.
	Actor     string
	CreatedAt time.Time
	// CompletedAt is nil when nothing says when the run began or ended: its wait is
	// then unknown, which is not the same as none.
	CompletedAt *time.Time
	// DryRun is set when nothing was provisioned.
	DryRun bool
	// Approved is set when somebody had to approve it.
	Approved bool
}

// Facts are the request that a run is and, once self-service has provisioned
// something, the use of its capability.
func (t Target) Facts(run Run) []schema.Fact {
	r := &schema.Request{
		Meta: run.Meta, RequestID: run.ID, CapabilityID: t.Capability, Template: run.Template, Channel: t.Channel, Status: run.Status,
		TeamRef: t.Team, ServiceRef: t.Service, CreatedAt: run.CreatedAt, CompletedAt: run.CompletedAt,
	}
	if run.DryRun {
		r.DryRun = 1
	}
	if run.Approved {
		r.HumanSteps = 1
	}
	if t.Channel == schema.ChannelManual {
		// Who ran it works for the platform: that says nothing of whom it is for.
		r.HumanSteps = 1
		return []schema.Fact{r}
	}
	r.Actor, r.MinutesSaved = run.Actor, t.MinutesSaved
	if run.Status != schema.RequestCompleted || run.DryRun {
		return []schema.Fact{r}
	}
	use := &schema.CapabilityUse{
		Meta: run.Meta, UseID: run.ID, CapabilityID: t.Capability, At: run.CreatedAt, Action: "provision", Qualifying: 1,
		TeamRef: t.Team, ServiceRef: t.Service, Actor: run.Actor,
	}
	if run.CompletedAt != nil {
		use.At = *run.CompletedAt
	}
	return []schema.Fact{r, use}
}
