package metrics

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test -run TestReference -update .

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// TestReference: the committed page is what the catalogue says.
func TestReference(t *testing.T) {
	t.Parallel()
	const path = "../../docs/reference/metrics.md"
	if *update {
		if err := os.MkdirAll("../../docs/reference", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Reference(), string(got)); diff != "" {
		t.Errorf("%s is out of date; run go generate ./schema/metrics (-want +got):\n%s", path, diff)
	}
}

// TestCatalogue: every entry is complete, and the metrics that were promised are there.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	var seen []string
	for _, m := range Catalogue() {
		if slices.Contains(seen, m.ID) || !regexp.MustCompile(`^[a-z_]+$`).MatchString(m.ID) {
			t.Errorf("id %q is taken or malformed", m.ID)
		}
		seen = append(seen, m.ID)
		for what, s := range map[string]string{
			"title": m.Title, "question": m.Question, "definition": m.Definition, "how to read": m.HowToRead, "unit": string(m.Unit),
			"direction": string(m.Direction), "aggregation": string(m.Aggregation), "rows": m.rows,
		} {
			if s == "" {
				t.Errorf("%s has no %s", m.ID, what)
			}
		}
		ofAll := m.ID == "developers_per_platform_engineer" // It sets teams against each other.
		if m.Version < 1 || len(m.Caveats) == 0 || m.Has(Team) == ofAll {
			t.Errorf("%s: version %d, %d caveats, dimensions %v", m.ID, m.Version, len(m.Caveats), m.Dimensions)
		}
		if found, ok := ByID(m.ID); !ok || found.Title != m.Title {
			t.Errorf("%s is not found by its id", m.ID)
		}
	}
	for id := range strings.FieldsSeq(`lead_time deployment_frequency change_failure_rate failed_deployment_recovery_time deployment_rework_rate
		incident_restore_time teams_using_capabilities new_capability_adoption self_service_ratio time_to_production workloads_on_platform
		support_ticket_volume platform_nps developer_satisfaction security_finding_rate compliance_violation_rate platform_cost
		reliability infrastructure_time feature_request_patterns template_adoption time_saved
		developers_per_platform_engineer adoption_curve capability_stickiness capability_churn self_service_fallback support_reopen_rate
		infrastructure_path_share onboarding onboarding_tenth portal_people portal_satisfaction ease_of_use employee_nps`) {
		if !slices.Contains(seen, id) {
			t.Errorf("there is no metric %s", id)
		}
	}
	if _, ok := ByID("velocity"); ok {
		t.Error("an unknown id is found")
	}
}

// TestEverySliceRuns asks every metric every way on an empty warehouse, where no
// value may be anything but NULL, except the frequency, which is a real 0.
func TestEverySliceRuns(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for _, m := range Catalogue() {
		t.Run(m.ID, func(t *testing.T) {
			t.Parallel()
			for every, by := range map[Every][]Dimension{Day: nil, Week: m.Dimensions, Month: nil, Quarter: nil, Total: m.Dimensions} {
				r := june(m.ID, by...)
				r.Every = every
				if m.Has(Team) {
					r.Filters = map[Dimension][]string{Team: {"a", "it's"}}
				}
				for _, p := range w.get(t, r) {
					if m.Aggregation == Rate || m.Aggregation == DayShare {
						wantNumber(t, m.ID, p.Value, 0)
					} else {
						wantNull(t, m.ID, p.Value)
					}
				}
			}
			if x := w.explain(t, june(m.ID)); len(x.Counted)+len(x.Excluded) != 0 {
				t.Errorf("rows of an empty warehouse: %+v", x)
			}
		})
	}
}
