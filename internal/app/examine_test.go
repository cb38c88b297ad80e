package app

import (
	"encoding/json"
	"testing"
)

// TestPatternsAreTexts: an editor that knows the schema must not ask for an object
// where the file has a pattern.
func TestPatternsAreTexts(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(ConfigSchema())
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Type  string `json:"type"`
				Items struct {
					Type string `json:"type"`
				} `json:"items"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if got := s.Defs["Metrics"].Properties["infrastructure_paths"].Items.Type; got != "string" {
		t.Errorf("metrics.infrastructure_paths has items of type %q", got)
	}
	if got := s.Defs["TierRule"].Properties["environment"].Type; got != "string" {
		t.Errorf("derive.tiers[].environment is of type %q", got)
	}
}
