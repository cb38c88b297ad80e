package metrics

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// joiner is somebody with the days after which their changes were merged.
func joiner(id, team, joined string, merged ...float64) []schema.Fact {
	member := meta()
	member.Source = "catalogue"
	out := []schema.Fact{
		&schema.Membership{Meta: member, PersonID: id, TeamID: team, ValidFrom: at(joined)},
		&schema.Person{Meta: meta(), PersonID: id},
		&schema.Identity{Meta: meta(), Ref: "github:" + id, PersonID: id, How: "catalog"},
	}
	for i, days := range merged {
		when := at(joined).Add(time.Duration(days * 24 * float64(time.Hour)))
		out = append(out, &schema.Change{
			Meta: meta(), Repo: "r", ChangeID: fmt.Sprintf("r#%s%d", id, i), Author: "github:" + id, State: schema.ChangeMerged, OpenedAt: when, MergedAt: &when,
		})
	}
	return out
}

func newcomersOf2025(t *testing.T) warehouse {
	t.Helper()
	w := newWarehouse(t)
	var facts []schema.Fact
	add := func(f []schema.Fact) { facts = append(facts, f...) }
	// The first list: whoever is in it is not new, also where a move is seen later.
	add(joiner("person-old", "a", "2025-01-01T00:00:00Z", 300))
	add(joiner("person-old", "b", "2025-10-20T00:00:00Z"))
	// Five of team a: 2, 4, 6 and 8 days, and one who never merges counts 90.
	add(joiner("person-a1", "a", "2025-10-01T00:00:00Z", 2))
	add(joiner("person-a2", "a", "2025-10-05T00:00:00Z", 30, 4))
	add(joiner("person-a3", "a", "2025-11-05T00:00:00Z", 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21))
	add(joiner("person-a4", "a", "2025-12-31T23:30:00Z", 8))
	add(joiner("person-a5", "a", "2025-12-01T00:00:00Z", 120))
	// Who merged before has been there for longer than the catalogue knows.
	add(joiner("person-a6", "a", "2025-12-01T00:00:00Z", -3, 5))
	// Bots are not developers.
	bot := joiner("person-bot", "a", "2025-12-01T00:00:00Z", 1)
	bot[1] = &schema.Person{Meta: meta(), PersonID: "person-bot", IsBot: 1}
	add(bot)
	// Three and two are shown together only.
	for i, team := range []string{"b", "b", "b", "c", "c"} {
		add(joiner(fmt.Sprint("person-few", i), team, "2025-11-10T00:00:00Z", 10))
	}
	// Four of a quarter are not shown at all.
	for i := range 4 {
		add(joiner(fmt.Sprint("person-early", i), "a", "2025-08-10T00:00:00Z", 1))
	}
	// A quarter whose newcomers are still looked at.
	for i := range 6 {
		add(joiner(fmt.Sprint("person-late", i), "a", "2026-01-10T00:00:00Z", 1))
	}
	w.facts(t, facts...)
	return w
}

func onboarded(metric string, by ...Dimension) Request {
	return Request{Metric: metric, By: by, From: at("2025-01-01T00:00:00Z"), To: present(), Zone: "UTC"}
}

func TestOnboarding(t *testing.T) {
	t.Parallel()
	w := newcomersOf2025(t)
	for metric, want := range map[string]map[string]float64{
		"onboarding":       {"a": (2 + 4 + 6 + 8 + 90) / 5., Hidden: 10},
		"onboarding_tenth": {"a": (90*4 + 20) / 5., Hidden: 90},
	} {
		got := map[string]float64{}
		for _, p := range w.get(t, onboarded(metric, Team, Cohort)) {
			if p.Value == nil {
				continue
			}
			if p.Dims["cohort"] != "2025-Q4" || *p.Denominator != 5 {
				t.Errorf("%s: %s", metric, dump(p))
			}
			got[p.Dims["team"]] = round(*p.Value/86400, 6)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s in days: %v, want %v", metric, got, want)
		}
	}
	wantNumber(t, "everybody", w.total(t, onboarded("onboarding")).Value, 16*86400)
}

// TestOnboardingTellsOfNobody: no answer, however cut, has fewer than five people
// or names one, and a choice of zone or window cuts no other group.
func TestOnboardingTellsOfNobody(t *testing.T) {
	t.Parallel()
	w := newcomersOf2025(t)
	whole := w.total(t, onboarded("onboarding"))
	for _, zone := range []string{"UTC", "Pacific/Auckland", "America/Los_Angeles"} {
		for _, every := range []Every{Day, Week, Month, Quarter, Total} {
			r := onboarded("onboarding")
			r.Every, r.Zone = every, zone
			people := 0.
			for _, p := range w.get(t, r) {
				if p.Denominator != nil {
					people += *p.Denominator
				}
				if p.Value != nil && *p.Value != *whole.Value {
					t.Errorf("%s by %s: %s is of other groups", zone, every, dump(p))
				}
			}
			if people != 10 {
				t.Errorf("%s by %s: %v people, want 10", zone, every, people)
			}
		}
	}
	for _, metric := range []string{"onboarding", "onboarding_tenth"} {
		for _, team := range []string{"a", "b", "c", Hidden} {
			r := onboarded(metric)
			r.Filters = map[Dimension][]string{Team: {team}}
			x := w.explain(t, r)
			for _, row := range x.Counted {
				if *row.Denominator < 5 {
					t.Errorf("%s of %s: %+v", metric, team, row)
				}
			}
			for _, row := range x.Excluded {
				if row.Value != nil || *row.Numerator != 0 || *row.Denominator != 0 {
					t.Errorf("%s of %s tells of a small group: %+v", metric, team, row)
				}
			}
			if (team == "b" || team == "c") && len(x.Counted)+len(x.Excluded) > 0 {
				t.Errorf("%s: there are rows of %s", metric, team)
			}
			text, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "person-") {
				t.Errorf("%s of %s names somebody: %s", metric, team, text)
			}
		}
	}
}
