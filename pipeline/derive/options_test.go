package derive_test

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/headway-metrics/headway/pipeline/derive"
)

func TestOptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	if err := derive.DefaultOptions().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for want, change := range map[string]func(*derive.Options){
		"fan_out_window: -1s":        func(o *derive.Options) { o.FanOutWindow = -time.Second },
		"time_rule: \"on\"":          func(o *derive.Options) { o.TimeRule = "on" },
		"time_window: 0s":            func(o *derive.Options) { o.TimeWindow = 0 },
		"tiers[0].environment":       func(o *derive.Options) { o.Tiers = []derive.TierRule{{Tier: "other"}} },
		"tiers[0].tier: \"prod\"":    func(o *derive.Options) { o.Tiers = []derive.TierRule{{Tier: "prod"}} },
		"hotfix_labels[1]: is empty": func(o *derive.Options) { o.HotfixLabels = []string{"a", " "} },
		"baseline_days: -1":          func(o *derive.Options) { o.BaselineDays = -1 },
		"direct_commits: \"some\"":   func(o *derive.Options) { o.DirectCommits = "some" },
		"cache_commits: -1":          func(o *derive.Options) { o.CacheCommits = -1 },
		"infrastructure_paths[1]":    func(o *derive.Options) { o.InfrastructurePaths = make([]derive.Pattern, 2) },
	} {
		o := derive.DefaultOptions()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestOptionsAreReadFromYAML(t *testing.T) {
	t.Parallel()
	o := derive.DefaultOptions()
	err := yaml.UnmarshalWithOptions([]byte("fan_out_window: 30m\ntiers:\n- environment: 'blue|green'\n  service: shop\n  tier: production\n"), &o, yaml.Strict())
	if err != nil {
		t.Fatal(err)
	}
	if o.FanOutWindow != 30*time.Minute || o.TimeWindow != 24*time.Hour || len(o.Tiers) != 1 || o.Tiers[0].Service != "shop" {
		t.Errorf("%+v", o)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	if text, err := o.Tiers[0].Environment.MarshalText(); err != nil || string(text) != "blue|green" {
		t.Errorf("%s, %v", text, err)
	}
	if err := yaml.Unmarshal([]byte("tiers:\n- environment: '('\n  tier: production\n"), &o); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), `tiers[0].environment: pattern "("`) {
		t.Errorf("a bad pattern: %v", err)
	}
}
