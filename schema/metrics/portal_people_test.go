package metrics

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// visit is somebody's event in the portal, as the oracle sees it.
type visit struct {
	person, team string
	at           time.Time
}

// peopleOfWeeks counts by brute force: the people of each week and team, and the
// teams that may be named.
func peopleOfWeeks(visits []visit) map[string]map[string]int {
	weeks := map[string]map[string]map[string]bool{}
	first := map[string]visit{}
	for _, v := range visits {
		key := schema.Monday(v.at).Format(time.DateOnly) + v.person
		if was, ok := first[key]; !ok || v.at.Before(was.at) {
			first[key] = v
		}
	}
	for _, v := range first {
		week := schema.Monday(v.at).Format(time.DateOnly)
		if weeks[week] == nil {
			weeks[week] = map[string]map[string]bool{}
		}
		if weeks[week][v.team] == nil {
			weeks[week][v.team] = map[string]bool{}
		}
		weeks[week][v.team][v.person] = true
	}
	out := map[string]map[string]int{}
	for week, teams := range weeks {
		names := make([]string, 0, len(teams))
		for team := range teams {
			names = append(names, team)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(teams[a]), len(teams[b])), cmp.Compare(a, b)) })
		groups, few := map[string]int{}, len(teams[names[0]]) < surveyThreshold
		hiding := few
		for i, team := range names {
			hiding = hiding && (len(teams[team]) < surveyThreshold || i < 2 || groups[Hidden] < surveyThreshold)
			if hiding || team == "" {
				groups[Hidden] += len(teams[team])
			} else {
				groups[team] = len(teams[team])
			}
		}
		if groups[Hidden] < surveyThreshold {
			delete(groups, Hidden)
		}
		if len(groups) > 0 {
			out[week] = groups
		}
	}
	return out
}

// drawVisits fills the portal of ten weeks: some people are in a team, some are
// known to nobody, one is a bot, and one has two names.
func (w warehouse) drawVisits(t *testing.T, random *rand.Rand) []visit {
	t.Helper()
	var facts []schema.Fact
	teams, left := map[string]string{}, map[string]time.Time{}
	for i := range 40 {
		person := fmt.Sprint("person-", i)
		team := []string{"a", "b", "b", "c", "c", "c", "d"}[i%7]
		if i >= 33 {
			team = "" // In no catalogue.
		} else {
			for _, ref := range []string{"backstage:user:default/" + person, "mail:" + person} {
				facts = append(facts, &schema.Identity{Meta: meta(), Ref: ref, PersonID: person, How: "catalog"})
			}
			member := &schema.Membership{Meta: meta(), PersonID: person, TeamID: team, ValidFrom: at("2026-01-01T00:00:00Z")}
			if i%9 == 4 {
				left[person] = at("2026-05-14T12:00:00Z") // And still comes.
				member.ValidTo = new(left[person])
			}
			facts = append(facts, &schema.Person{Meta: meta(), PersonID: person}, member)
		}
		teams[person] = team
	}
	facts = append(
		facts, &schema.Identity{Meta: meta(), Ref: "backstage:user:default/robot", PersonID: "robot", How: "catalog"},
		&schema.Person{Meta: meta(), PersonID: "robot", IsBot: 1},
		&schema.Membership{Meta: meta(), PersonID: "robot", TeamID: "a", ValidFrom: at("2026-01-01T00:00:00Z")},
	)
	var out []visit
	for i := range 900 {
		n := random.IntN(42)
		person := fmt.Sprint("person-", n)
		when := at("2026-04-06T00:00:00Z").Add(time.Duration(random.IntN(70*24*60)) * time.Minute)
		u := use(strconv.Itoa(i), "c", when.Format(time.RFC3339))
		u.Source, u.Qualifying, u.Actor = "backstage", uint8(i%2), "backstage:user:default/"+person
		switch {
		case n == 40:
			u.Actor = "backstage:user:default/robot"
		case n == 41:
			u.Actor = "" // Nobody knows who it was.
		case i%11 == 0:
			u.Source = "api" // Not in the portal.
		default:
			if n%5 == 0 && teams[person] != "" && i%3 == 0 {
				u.Actor = "mail:" + person
			}
			team := teams[person]
			if end, ok := left[person]; ok && !when.Before(end) {
				team = ""
			}
			out = append(out, visit{person, team, when})
		}
		facts = append(facts, u)
	}
	w.facts(t, facts...)
	return out
}

// TestPortalPeopleAgainstOracle: each week and group is what counting one by one
// gives, in every zone.
func TestPortalPeopleAgainstOracle(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	want := peopleOfWeeks(w.drawVisits(t, rand.New(rand.NewPCG(7, 7))))
	delete(want, "2026-06-15") // This week is not over.
	for _, zone := range []string{"UTC", "Pacific/Auckland", "America/Los_Angeles"} {
		got := map[string]map[string]int{}
		r := Request{Metric: "portal_people", By: []Dimension{Team}, Every: Week, From: at("2026-03-01T00:00:00Z"), To: present(), Zone: zone}
		for _, p := range w.get(t, r) {
			if p.Value == nil {
				continue
			}
			week := p.From.Format(time.DateOnly)
			if got[week] == nil {
				got[week] = map[string]int{}
			}
			got[week][p.Dims["team"]] = int(*p.Value)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n%v, want\n%v", zone, got, want)
		}
		people, weeks := 0., 0.
		for _, groups := range want {
			weeks++
			for _, n := range groups {
				people += float64(n)
			}
		}
		r.By = nil
		p := w.total(t, r)
		wantNumber(t, zone+": people a week", p.Value, people/weeks)
	}
	if len(want) < 8 {
		t.Errorf("only %d weeks have people", len(want))
	}
}

// TestPortalPeopleTellsOfNobody: no point and no row, however it is cut, is of
// fewer than five people, nor is what is left when it is taken away, and none
// names somebody.
func TestPortalPeopleTellsOfNobody(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	totals := map[string]int{}
	for week, groups := range peopleOfWeeks(w.drawVisits(t, rand.New(rand.NewPCG(8, 8)))) {
		for _, n := range groups {
			totals[week] += n
		}
	}
	for _, team := range []string{"a", "b", "c", "d", Hidden, ""} {
		for _, every := range []Every{Day, Week, Month, Total} {
			for _, from := range []string{"2026-04-01T00:00:00Z", "2026-04-08T09:00:00Z", "2026-05-07T00:00:00Z"} {
				r := Request{Metric: "portal_people", Every: every, From: at(from), To: present(), Zone: "Europe/Berlin"}
				if team != "" {
					r.Filters = map[Dimension][]string{Team: {team}}
				}
				for _, p := range w.get(t, r) {
					if p.Value != nil && *p.Value < surveyThreshold {
						t.Errorf("%q by %s: %s", team, every, dump(p))
					}
				}
				x := w.explain(t, r)
				for _, row := range x.Counted {
					week := row.At.Format(time.DateOnly)
					if rest := totals[week] - int(*row.Numerator); *row.Numerator < surveyThreshold || (rest > 0 && rest < surveyThreshold) {
						t.Errorf("%q from %s: %+v of %d", team, from, row, totals[week])
					}
				}
				text, err := json.Marshal(x)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), "person-") {
					t.Errorf("%q names somebody: %s", team, text)
				}
			}
		}
	}
}

// TestPortalPeopleAreFewOrNone: four people are no group, and a week in which
// nobody is known to have come has no value.
func TestPortalPeopleAreFewOrNone(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var facts []schema.Fact
	for i := range 4 {
		u := use(strconv.Itoa(i), "c", "2026-06-02T10:00:00Z")
		u.Source, u.Actor = "backstage", fmt.Sprint("backstage:user:default/person-", i)
		facts = append(facts, u)
	}
	w.facts(t, facts...)
	wantNull(t, "four people", w.total(t, june("portal_people")).Value)
	x := w.explain(t, june("portal_people"))
	if len(x.Counted) != 0 || len(x.Excluded) != 1 || *x.Excluded[0].Numerator != 0 || x.Excluded[0].Evidence != "" {
		t.Errorf("explanation: %+v", x)
	}
}
