package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// answers adds n answers with a score to a wave of the second quarter of 2026.
func answers(to []schema.Fact, team, kind string, version uint32, score float64, n int) []schema.Fact {
	for range n {
		to = append(to, &schema.SurveyAnswer{
			Meta: meta(), AnswerID: fmt.Sprintf("answer%d", len(to)), SurveyID: "platform", Wave: "2026-Q2", QuestionID: kind,
			QuestionVersion: version, Kind: kind, Score: &score, TeamID: team, Week: at("2026-04-06T00:00:00Z"),
		})
	}
	return to
}

// wave is a window that holds the wave of the second quarter.
func wave(metric string, by ...Dimension) Request {
	return Request{Metric: metric, By: by, From: at("2026-04-01T00:00:00Z"), To: at("2026-07-01T00:00:00Z"), Zone: "America/New_York"}
}

func TestPlatformNPS(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	// p = 1/2, d = 1/6, n = 324 → 33.3 ± 8.1 (DEFINITIONS, "Survey statistics").
	facts := answers(nil, "a", "nps", 1, 10, 162)
	facts = answers(facts, "a", "nps", 1, 8, 108)
	facts = answers(facts, "a", "nps", 1, 6, 54)
	facts = answers(facts, "a", "csat", 1, 4, 3)
	facts = append(facts, &schema.SurveyAnswer{
		Meta: meta(), AnswerID: "left out", SurveyID: "platform", Wave: "2026-Q2", QuestionID: "nps", QuestionVersion: 1, Kind: "nps",
		TeamID: "a", Week: at("2026-04-06T00:00:00Z"),
	})
	w.facts(t, facts...)
	points := w.get(t, wave("platform_nps"))
	if len(points) != 1 || points[0].Dims["question_version"] != "1" || points[0].Dims["question"] != "nps" {
		t.Fatalf("points: %+v", points)
	}
	p := points[0]
	wantNumber(t, "NPS", p.Value, 100./3)
	wantNumber(t, "half the interval", new(round((p.Interval.High-p.Interval.Low)/2, 1)), 8.1)
	if p.N != 324 {
		t.Errorf("n = %d, want 324", p.N)
	}
	// The wave begins on Monday 6 April in every zone, though its row says
	// midnight UTC, which is Sunday in New York.
	r := wave("platform_nps")
	r.Every = Week
	for _, p := range w.get(t, r) {
		if monday := p.From.Format("2006-01-02") == "2026-04-06"; monday != (p.Value != nil) {
			t.Errorf("week of %s: value %v", p.From, p.Value)
		}
	}
	// Three answers are too few for a value.
	if points := w.get(t, wave("developer_satisfaction")); len(points) != 0 {
		t.Errorf("a question with three answers is shown: %+v", points)
	}
	if x := w.explain(t, wave("developer_satisfaction")); len(x.Counted) != 0 || len(x.Excluded) != 1 || *x.Excluded[0].Numerator != 0 {
		t.Errorf("explanation of too few answers: %+v", x)
	}
}

func TestDeveloperSatisfaction(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := answers(nil, "a", "csat", 1, 5, 6)
	facts = answers(facts, "a", "csat", 1, 3, 2)
	facts = answers(facts, "a", "csat", 2, 1, 5)
	participation := func(id, step, team string) *schema.SurveyParticipation {
		return &schema.SurveyParticipation{Meta: meta(), ParticipationID: id, SurveyID: "platform", Wave: "2026-Q2", Step: step, TeamID: team, Week: at("2026-04-06T00:00:00Z")}
	}
	for i := range 16 {
		facts = append(facts, participation(fmt.Sprint("i", i), "invited", "a"))
	}
	for i := range 13 {
		facts = append(facts, participation(fmt.Sprint("r", i), "responded", "a"))
	}
	facts = append(facts, participation("lone", "invited", "b"))
	w.facts(t, facts...)
	points := w.get(t, wave("developer_satisfaction"))
	if len(points) != 2 {
		t.Fatalf("versions of a question are never put together: %+v", points)
	}
	wantNumber(t, "version 1", points[0].Value, 6./8)
	wantNumber(t, "version 2", points[1].Value, 0)
	wantNumber(t, "response rate", w.total(t, wave("survey_response_rate")).Value, 13./17)
	// b alone is too small, so a is hidden with it.
	if points := w.get(t, wave("survey_response_rate", Team)); len(points) != 1 || points[0].Dims["team"] != Hidden {
		t.Errorf("response rate by team: %+v", points)
	}
}

// TestSuppression is the heart of invariant 8: whatever groups are asked for, no
// group and no difference of groups is below the threshold.
func TestSuppression(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		sizes map[string]int
		want  map[string]uint64
	}{
		{"all large", map[string]int{"a": 5, "b": 9}, map[string]uint64{"a": 5, "b": 9}},
		{"one small hides the next", map[string]int{"a": 4, "b": 9, "c": 20}, map[string]uint64{Hidden: 13, "c": 20}},
		{"two small reach the threshold", map[string]int{"a": 4, "b": 1, "c": 20}, map[string]uint64{Hidden: 5, "c": 20}},
		{"two small do not reach it", map[string]int{"a": 2, "b": 1, "c": 20, "d": 30}, map[string]uint64{Hidden: 23, "d": 30}},
		{"one large beside one small", map[string]int{"a": 3, "b": 20}, map[string]uint64{Hidden: 23}},
		{"nothing to hide behind", map[string]int{"a": 4}, nil},
		{"already coarse", map[string]int{"": 3, "b": 6, "c": 7}, map[string]uint64{Hidden: 9, "c": 7}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWarehouse(t)
			var facts []schema.Fact
			for team, n := range tt.sizes {
				facts = answers(facts, team, "nps", 1, 10, n)
			}
			w.facts(t, facts...)
			got := map[string]uint64{}
			for _, p := range w.get(t, wave("platform_nps", Team)) {
				got[p.Dims["team"]] = p.N
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("groups %v, want %v", got, tt.want)
			}
			// A filter selects no hidden team.
			for team := range tt.sizes {
				r := wave("platform_nps")
				r.Filters = map[Dimension][]string{Team: {team}}
				for _, p := range w.get(t, r) {
					if p.N != tt.want[team] {
						t.Errorf("filtering by %q shows %d answers", team, p.N)
					}
				}
			}
		})
	}
}

// TestSuppressionRevealsNothing checks the rule on 300 random waves: every group
// shown and every difference between a total and what is shown has no or enough
// answers.
func TestSuppressionRevealsNothing(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	random := rand.New(rand.NewPCG(1, 2))
	totals, sizes := map[string]int{}, map[string][]int{}
	var rows []schema.SurveyAnswer
	for i := range 300 {
		name := fmt.Sprint("wave", i)
		for team := range 1 + random.IntN(7) {
			n := 1 + random.IntN(9)
			sizes[name] = append(sizes[name], n)
			for range n {
				totals[name]++
				rows = append(rows, schema.SurveyAnswer{
					Meta: schema.Meta{Version: 1}, AnswerID: strconv.Itoa(len(rows)), SurveyID: "s", Wave: name, QuestionID: "q", QuestionVersion: 1,
					Kind: "csat", Score: new(5.), TeamID: fmt.Sprint("team", team), Week: at("2026-04-06T00:00:00Z"),
				})
			}
		}
	}
	w.insert(t, "survey_answers", rows)
	shown := map[string]int{}
	for _, p := range w.get(t, wave("developer_satisfaction", Wave, Team)) {
		name, n := p.Dims["wave"], int(p.N)
		shown[name] += n
		if rest := totals[name] - n; n < surveyThreshold || (rest > 0 && rest < surveyThreshold) {
			t.Errorf("teams of %v: %s has %d of %d answers", sizes[name], p.Dims["team"], n, totals[name])
		}
	}
	for name, total := range totals {
		if total >= surveyThreshold && shown[name] != total {
			t.Errorf("teams of %v: %d answers shown of %d", sizes[name], shown[name], total)
		}
	}
}

// TestExplanationOfSurveysNamesNobody: an explanation has counts only.
func TestExplanationOfSurveysNamesNobody(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := answers(nil, "big", "nps", 1, 10, 6)
	facts = answers(facts, "big", "nps", 1, 0, 1)
	facts = answers(facts, "tiny", "nps", 1, 0, 2)
	facts = answers(facts, "other", "nps", 1, 8, 6)
	facts = append(facts, &schema.SurveyAnswer{
		Meta: meta(), AnswerID: "answer1", SurveyID: "platform", Wave: "2026-Q2", QuestionID: "comment", QuestionVersion: 1, Kind: "comment",
		Text: "please fix the build", TeamID: "big", Week: at("2026-04-06T00:00:00Z"),
	})
	w.facts(t, facts...)
	x := w.explain(t, wave("platform_nps", Team))
	var b strings.Builder
	if err := Write(&b, JSON, x); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"tiny", "answer", "please fix"} {
		if strings.Contains(strings.ReplaceAll(b.String(), "answers", ""), secret) {
			t.Errorf("the explanation holds %q:\n%s", secret, b.String())
		}
	}
	// It still sums up to the points.
	sum := map[string]float64{}
	for _, row := range x.Counted {
		sum[row.Dims["team"]] += *row.Numerator
	}
	for _, p := range w.get(t, wave("platform_nps", Team)) {
		if math.Abs(sum[p.Dims["team"]]-*p.Numerator) > 1e-9 {
			t.Errorf("%s: the rows sum to %v, the point to %v", p.Dims["team"], sum[p.Dims["team"]], *p.Numerator)
		}
	}
}

// TestQuestionsOfTheirOwn: the portal's question is no answer about the platform,
// and each kind of question has its own metric.
func TestQuestionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := answers(nil, "a", "csat", 1, 5, 6)
	facts = answers(facts, "a", "csat", 1, 2, 2)
	before := len(facts)
	facts = answers(facts, "a", "csat", 1, 4, 7)
	facts = answers(facts, "a", "csat", 1, 3, 3)
	for _, f := range facts[before:] {
		if a, ok := f.(*schema.SurveyAnswer); ok {
			a.QuestionID = "portal"
		}
	}
	// 1 … 7 with a mean of 4.5: (7+7+6+5+4+4+2+1)/8.
	ease := []float64{7, 7, 6, 5, 4, 4, 2, 1}
	for _, score := range ease {
		facts = answers(facts, "a", "ces", 1, score, 1)
	}
	facts = answers(facts, "a", "enps", 1, 9, 5)
	facts = answers(facts, "a", "enps", 1, 7, 2)
	facts = answers(facts, "a", "enps", 1, 6, 3)
	facts = answers(facts, "b", "ces", 1, 7, 2) // Too few to be named, and a with them.
	w.facts(t, facts...)
	wantNumber(t, "satisfied with the platform", w.total(t, wave("developer_satisfaction")).Value, 6./8)
	wantNumber(t, "satisfied with the portal", w.total(t, wave("portal_satisfaction")).Value, 7./10)
	wantNumber(t, "employee NPS", w.total(t, wave("employee_nps")).Value, 20)
	p := w.total(t, wave("ease_of_use"))
	wantNumber(t, "ease", p.Value, (36+14)/10.)
	if points := w.get(t, wave("ease_of_use", Team)); len(points) != 1 || points[0].Dims["team"] != Hidden || points[0].N != 10 {
		t.Errorf("ease by team: %+v", points)
	}
	// Ten numbers: mean 5, squares 7·7·4+6·6+5·5+4·4·2+2·2+1, Student's quantile
	// with 9 degrees of freedom 2.262.
	spread := math.Sqrt((294 - 10*25) / 9. / 10)
	wantNumber(t, "half the interval", new(round((p.Interval.High-p.Interval.Low)/2, 2)), round(2.262*spread, 2))
	if points := w.get(t, wave("platform_nps")); len(points) != 0 {
		t.Errorf("employee NPS counts for the platform: %+v", points)
	}
}
