package surveys

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

func TestInviteAgainGivesTheSameLink(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	first := o.link(t, "Ada@Example.com ", "payments")
	o.mustAnswer(t, filled(first))
	*o.now = o.now.AddDate(0, 0, 2)
	if again := o.link(t, "ada@example.com", "payments"); again != first {
		t.Error("the second link differs from the first")
	}
	// Another team gives another link, and still nobody answers twice.
	moved := o.link(t, "ada@example.com", "search")
	if w := o.post(filled(moved)); moved == first || w.Code != http.StatusConflict {
		t.Errorf("after a change of team: %d, want 409", w.Code)
	}
	ids := map[string]bool{}
	for _, ev := range o.kafka.events(ParticipationSource) {
		ids[ev.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d ids for one person's invitations, want 1", len(ids))
	}
}

func TestInviteRests(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	people := []Person{{"ada@example.com", "payments"}, {"bob@example.com", "payments"}, {"ADA@example.com", "payments"}}
	invited := func(survey, wave, person string, week time.Time) Invited {
		return Invited{Survey: survey, Wave: wave, ParticipationID: o.keys.invitedID(survey, wave, person), Week: week}
	}
	for _, c := range []struct {
		name  string
		past  Invited
		rests int
	}{
		{"another survey this week", invited("onboarding", "2026-Q4", "ada@example.com", schema.Monday(midNovember)), 1},
		// Invited at the latest on 18 October, 31 days ago; and on 25 October, 24 days ago.
		{"long enough ago", invited("onboarding", "2026-Q4", "ada@example.com", time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC)), 0},
		{"too lately", invited("platform", "2026-Q3", "ada@example.com", time.Date(2026, 10, 19, 0, 0, 0, 0, time.UTC)), 1},
		{"this wave", invited("platform", "2026-Q4", "ada@example.com", schema.Monday(midNovember)), 0},
		{"somebody else", invited("onboarding", "2026-Q4", "eve@example.com", schema.Monday(midNovember)), 0},
	} {
		*o.past = []Invited{c.past}
		got, err := o.Invite(t.Context(), "platform", people)
		if err != nil || got.Resting != c.rests || len(got.Links) != 2-c.rests || got.Wave != "2026-Q4" {
			t.Errorf("%s: %d links, %d resting, %v", c.name, len(got.Links), got.Resting, err)
		}
	}
}

func TestInviteCoarsensSmallTeams(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	var people []Person
	for i := range 6 {
		people = append(people, Person{fmt.Sprintf("new%d@example.com", i), "uncatalogued"})
	}
	people = append(people, Person{"a@example.com", "tiny"}, Person{"b@example.com", "unknown"}, Person{"c@example.com", ""})
	got, err := o.Invite(t.Context(), "platform", people)
	if err != nil {
		t.Fatal(err)
	}
	teams := map[string]int{}
	for _, inv := range got.Links {
		l, err := o.keys.open(inv.Link[strings.LastIndex(inv.Link, "/")+1:], midNovember)
		if err != nil {
			t.Fatal(err)
		}
		teams[l.team]++
	}
	if teams["uncatalogued"] != 6 || teams[""] != 3 {
		t.Errorf("teams in links: %v", teams)
	}
	events := o.kafka.events(ParticipationSource)
	if len(events) != 9 {
		t.Fatalf("%d events, want 9", len(events))
	}
	for _, ev := range events {
		if strings.Contains(string(ev.Data)+ev.ID+ev.Key+ev.Subject, "example.com") || strings.Contains(string(ev.Data), "tiny") {
			t.Errorf("an invitation says too much: %s", ev.Data)
		}
	}
}

func TestInviteFails(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	ada := []Person{{"ada@example.com", "payments"}}
	if _, err := o.Invite(t.Context(), "none", ada); err == nil || !strings.Contains(err.Error(), "platform") {
		t.Errorf("an unknown survey: %v", err)
	}
	down := errors.New("down")
	o.kafka.err = down
	if got, err := o.Invite(t.Context(), "platform", ada); !errors.Is(err, down) || got.Links != nil {
		t.Errorf("without Kafka: %v", err)
	}
	o.surveys[0].OpenForDays = 10
	if _, err := o.Invite(t.Context(), "platform", ada); !errors.Is(err, ErrClosed) {
		t.Errorf("after the wave: %v", err)
	}
	o.opts.Invited = nil
	if _, err := o.Invite(t.Context(), "platform", ada); err == nil {
		t.Error("invited without looking at past invitations")
	}
}

func TestReadPeople(t *testing.T) {
	t.Parallel()
	got, err := ReadPeople(strings.NewReader("\ufeffTeam, Person\npayments, ada@example.com\n,bob@example.com\n"))
	if err != nil || len(got) != 2 || got[0] != (Person{"ada@example.com", "payments"}) || got[1] != (Person{"bob@example.com", ""}) {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                          "header",
		"person\nada\n":             "line 1",
		"person,team,salary\na,b,1": "line 1",
		"person,team\n,payments\n":  "line 2",
		"person,team\nada\n":        "line 2",
		"person,team\na,b\n\"a,b\n": "line 3",
		"person,team\na," + strings.Repeat("t", maxName+1): "line 2",
	} {
		if _, err := ReadPeople(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %s", text, err, want)
		}
	}
}
