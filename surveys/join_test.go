package surveys

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// observed is one event as a reader of everything sees it: its Kafka record with
// its place in the topic, its row, and its receipt.
type observed struct {
	offset   int
	ev       schema.Event
	answer   *schema.SurveyAnswer
	response *schema.SurveyParticipation
}

// truth is who sent which event. Only the test knows it, by looking into the
// state file after every answer.
type truth map[string]int

// autumn lets 35 people answer over two months with a flush now and then, as Run
// would, and closes the wave.
func autumn(t *testing.T) (office, truth, map[string][]observed) {
	t.Helper()
	o := newOffice(t, func(o *Options) {
		o.Config.Proxy = ProxyConfig{Header: "X-User", TrustedCIDRs: []string{"192.0.2.0/24"}}
	})
	o.sizes = map[string]int{"payments": 16, "search": 9, "lonely": 8, "tiny": 3}
	*o.now = time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	teams := slices.Concat(slices.Repeat([]string{"payments"}, 15), slices.Repeat([]string{"search"}, 8),
		slices.Repeat([]string{"lonely"}, 1), slices.Repeat([]string{"tiny"}, 3), slices.Repeat([]string{""}, 8))
	shuffle(teams)
	who, seen := truth{}, map[string]bool{}
	for i, team := range teams {
		*o.now = o.now.Add(time.Duration(rand.N(60)) * time.Hour)
		form := filled(o.link(t, fmt.Sprintf("p%d@example.com", i), team))
		form.Set("q-recommend", strconv.Itoa(rand.N(11)))
		o.mustAnswer(t, form)
		st, err := o.store.read()
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range st.Held {
			if !seen[h.EventID] {
				seen[h.EventID], who[h.EventID] = true, i
			}
		}
		if rand.N(3) == 0 {
			if err := o.flush(t.Context(), []string{AnswersSource, ParticipationSource}[rand.N(2)]); err != nil {
				t.Fatal(err)
			}
		}
	}
	*o.now = time.Date(2027, 1, 1, 3, 0, 0, 0, time.UTC)
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o, who, map[string][]observed{
		AnswersSource: observe(t, o, AnswersSource), ParticipationSource: observe(t, o, ParticipationSource),
	}
}

func observe(t *testing.T, o office, source string) []observed {
	t.Helper()
	var out []observed
	for i, ev := range o.kafka.events(source) {
		var facts []schema.Fact
		var err error
		if source == AnswersSource {
			facts, err = Answers{}.Normalize(ev)
		} else {
			facts, err = Participations{}.Normalize(ev)
		}
		if err != nil || len(facts) != 1 {
			t.Fatalf("%s: %v", source, err)
		}
		s := observed{offset: i, ev: ev}
		switch f := facts[0].(type) {
		case *schema.SurveyAnswer:
			s.answer = f
		case *schema.SurveyParticipation:
			s.response = f
		}
		out = append(out, s)
	}
	return out
}

var identifierLike = regexp.MustCompile(`[0-9a-f]{12,}`)

// TestJoinByKey looks for any id, key or other long value that two events share.
func TestJoinByKey(t *testing.T) {
	t.Parallel()
	_, _, seen := autumn(t)
	events := map[string]string{}
	for source, list := range seen {
		for _, s := range list {
			all, err := json.Marshal([]string{s.ev.ID, s.ev.Key, s.ev.Subject, string(s.ev.Data)})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range identifierLike.FindAllString(string(all), -1) {
				if other, ok := events[id]; ok && other != source+s.ev.ID {
					t.Errorf("%s is in two events", id)
				}
				events[id] = source + s.ev.ID
			}
		}
	}
	if len(events) < 200 {
		t.Errorf("only %d ids were compared", len(events))
	}
}

// TestJoinByTime joins the streams on every time there is, with the team, and
// wants no group that is small enough to point at somebody.
func TestJoinByTime(t *testing.T) {
	t.Parallel()
	_, _, seen := autumn(t)
	groups := map[string]map[string]int{}
	for source, list := range seen {
		for _, s := range list {
			if s.ev.Time != schema.Monday(s.ev.Time) {
				t.Fatalf("%s: the event time %s is not a Monday", source, s.ev.Time)
			}
			if s.response != nil && s.response.Step == StepInvited {
				continue
			}
			var team, question string
			var week time.Time
			if s.answer != nil {
				team, week, question = s.answer.TeamID, s.answer.Week, s.answer.QuestionID
			} else {
				team, week = s.response.TeamID, s.response.Week
			}
			if want := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC); week != want {
				t.Fatalf("%s: the week %s of a row tells more than the wave", source, week)
			}
			if team == "tiny" || team == "lonely" {
				t.Errorf("%s: team %s is too small to be named", source, team)
			}
			for _, by := range []string{team, team + " " + s.ev.Time.Format(time.DateOnly)} {
				k := source + " " + question
				if groups[k] == nil {
					groups[k] = map[string]int{}
				}
				groups[k][by]++
			}
		}
	}
	for stream, by := range groups {
		for group, n := range by {
			if n < MinThreshold {
				t.Errorf("%s: the group %q has %d members", stream, group, n)
			}
		}
	}
}

// TestJoinByOrder pairs events by their place in the topics within the team: a
// response with an answer, and an answer with the answer to another question.
// Right pairs may be no more than chance makes.
func TestJoinByOrder(t *testing.T) {
	t.Parallel()
	pairs, right := map[string]int{}, map[string]int{}
	const trials = 6
	for range trials {
		_, who, seen := autumn(t)
		line := map[string][]int{} // stream and team → people, by offset
		for _, list := range seen {
			for _, s := range list {
				person, ok := who[s.ev.ID]
				if !ok {
					continue // An invitation.
				}
				var k string
				if s.answer != nil {
					k = "answer/" + s.answer.QuestionID + "/" + s.answer.TeamID
				} else {
					k = "response/" + s.response.Step + "/" + s.response.TeamID
				}
				line[k] = append(line[k], person)
			}
		}
		for _, team := range []string{"payments", "search", ""} {
			recommend := line["answer/recommend/"+team]
			for attack, other := range map[string][]int{
				"response": line["response/responded/"+team], "satisfaction": line["answer/satisfaction/"+team],
			} {
				if len(other) != len(recommend) {
					t.Fatalf("team %q: %d and %d", team, len(recommend), len(other))
				}
				for i := range other {
					pairs[attack]++
					if other[i] == recommend[i] {
						right[attack]++
					}
				}
			}
		}
	}
	for attack := range pairs {
		// Chance alone finds 3 of 35: one in each team.
		t.Logf("%s: %d of %d pairs right; chance makes about %d", attack, right[attack], pairs[attack], 3*trials)
		if limit := 7 * trials; right[attack] > limit {
			t.Errorf("%s: %d of %d pairs are right, more than chance", attack, right[attack], pairs[attack])
		}
	}
}

// TestJoinByBatch watches the figures of each group before and after each
// batch: they never grow by fewer than the threshold.
func TestJoinByBatch(t *testing.T) {
	t.Parallel()
	o, _, _ := autumn(t)
	o.kafka.mu.Lock()
	defer o.kafka.mu.Unlock()
	for i, batch := range o.kafka.batches {
		grown := map[string]int{}
		for _, ev := range batch {
			if ev.Source != AnswersSource {
				continue
			}
			facts, err := Answers{}.Normalize(ev)
			if err != nil {
				t.Fatal(err)
			}
			a := facts[0].(*schema.SurveyAnswer)
			grown[a.QuestionID+" of all"]++
			if a.TeamID != "" {
				grown[a.QuestionID+" of "+a.TeamID]++
			}
		}
		for group, n := range grown {
			if n < MinThreshold {
				t.Errorf("batch %d: %s grew by %d", i, group, n)
			}
		}
	}
}

// TestSecretHolderCannotFindAnswers computes everything that the secret allows
// for every person, and looks for it in the answers and responses.
func TestSecretHolderCannotFindAnswers(t *testing.T) {
	t.Parallel()
	o, _, seen := autumn(t)
	var computable []string
	for i := range 35 {
		person := fmt.Sprintf("p%d@example.com", i)
		nonce := o.keys.nonceOf("platform", "2026-Q4", person)
		computable = append(computable, person, o.keys.spentMark("platform", "2026-Q4", nonce),
			o.keys.invitedID("platform", "2026-Q4", person), o.keys.formToken("platform", "2026-Q4", nonce))
	}
	for source, list := range seen {
		for _, s := range list {
			if s.response != nil && s.response.Step == StepInvited {
				continue
			}
			all := s.ev.ID + " " + s.ev.Key + " " + s.ev.Subject + " " + string(s.ev.Data)
			for _, c := range computable {
				if strings.Contains(all, c) {
					t.Fatalf("%s: an event holds a value made from a person", source)
				}
			}
		}
	}
	for _, c := range computable {
		if strings.Contains(o.log.String(), c) {
			t.Fatal("the log holds a value made from a person")
		}
	}
}
