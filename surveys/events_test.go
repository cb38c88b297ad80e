package surveys

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/schema"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	week, score := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), 9.0
	ev, err := Answer{
		AnswerID: "a1", Survey: "platform", Wave: "2026-Q4", Question: "recommend", QuestionVersion: 2, Kind: KindNPS,
		Score: &score, Team: "payments", Week: week,
	}.Event("e1", midNovember)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC); ev.Time != want || ev.Key != "e1" || ev.Source != AnswersSource {
		t.Errorf("event at %s with key %s from %s", ev.Time, ev.Key, ev.Source)
	}
	got, err := Answers{}.Normalize(ev)
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Fact{&schema.SurveyAnswer{
		Meta:     schema.Meta{Source: AnswersSource, Version: schema.NewVersion(week, 0)},
		AnswerID: "a1", SurveyID: "platform", Wave: "2026-Q4", QuestionID: "recommend", QuestionVersion: 2, Kind: KindNPS,
		Score: &score, TeamID: "payments", Week: week,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	ev, err = Participation{ParticipationID: "p1", Survey: "platform", Wave: "2026-Q4", Step: StepInvited, Week: week}.Event("e2", midNovember)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := Participations{}.Normalize(ev)
	if err != nil || facts[0].FactID() != "p1/invited" {
		t.Errorf("%v, %v", facts, err)
	}
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"answer_id":"a","survey":"s","wave":"w","question":"q","question_version":1,"kind":"nps","score":3,"week":"2026-10-05T00:00:00Z"}`
	change := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	if _, err := (Answers{}).Normalize(schema.Event{Type: answerType, Data: []byte(good)}); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"no JSON":         `{`,
		"no id":           change(`"a"`, `""`),
		"no week":         change(`,"week":"2026-10-05T00:00:00Z"`, ``),
		"no version":      change(`_version":1`, `_version":0`),
		"score too high":  change(`:3`, `:11`),
		"score too low":   change(`:3`, `:-1`),
		"no score":        change(`"score":3,`, ``),
		"unknown kind":    change(`"nps"`, `"stars"`),
		"csat of 0":       change(`"nps","score":3`, `"csat","score":0`),
		"ease of 0":       change(`"nps","score":3`, `"ces","score":0`),
		"share of 3":      change(`"nps"`, `"share"`),
		"scored comment":  change(`"nps"`, `"comment"`),
		"score with text": change(`"score":3`, `"score":3,"text":"x"`),
	} {
		facts, err := Answers{}.Normalize(schema.Event{Type: answerType, Data: []byte(data)})
		if err == nil {
			t.Errorf("%s: %v, want an error", name, facts)
		}
	}
	if _, err := (Answers{}).Normalize(schema.Event{Type: "survey_answers.other", Data: []byte(good)}); err == nil {
		t.Error("an unknown type was read")
	}
	for _, data := range []string{`[]`, `{"participation_id":"p","survey":"s","wave":"w","step":"looked","week":"2026-10-05T00:00:00Z"}`} {
		if _, err := (Participations{}).Normalize(schema.Event{Type: participationType, Data: []byte(data)}); err == nil {
			t.Errorf("%s was read", data)
		}
	}
	nan := math.NaN()
	if _, err := (Answer{Score: &nan}).Event("e", midNovember); err == nil {
		t.Error("a score that is no number was encoded")
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add([]byte(`{"answer_id":"a","kind":"share","score":1e308}`))
	f.Add([]byte(`{"participation_id":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if facts, err := (Answers{}).Normalize(schema.Event{Type: answerType, Data: data}); err == nil {
			if err := schema.Seal(facts[0], 0); err != nil {
				t.Error(err)
			}
		}
		if facts, err := (Participations{}).Normalize(schema.Event{Type: participationType, Data: data}); err == nil {
			if err := schema.Seal(facts[0], 0); err != nil {
				t.Error(err)
			}
		}
	})
}
