package demo

import (
	"fmt"
	"strconv"

	"github.com/headway-metrics/headway/internal/sample"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/surveys"
)

// surveyEvents is what the portal published after each wave of the survey. The
// waves are over, so the answers cannot be given on the page any more.
func surveyEvents(h *sample.History) []schema.Event {
	def, err := surveys.Platform()
	if err != nil {
		panic(fmt.Sprintf("the built-in survey is broken: %v", err)) // Its own test reads it.
	}
	var out []schema.Event
	add := func(ev schema.Event, err error) {
		if err != nil {
			panic(fmt.Sprintf("encoding a sample answer: %v", err)) // Plain strings and numbers.
		}
		out = append(out, ev)
	}
	for i, a := range h.Answers {
		wave := def.WaveAt(a.At, a.At.Location())
		for _, q := range def.Questions {
			id := schema.EventID("sample answer", strconv.Itoa(i), q.ID)
			ans := surveys.Answer{
				AnswerID: id, Survey: def.ID, Wave: wave.Name, Question: q.ID, QuestionVersion: q.Version, Kind: q.Kind, Team: a.Team, Week: wave.Week,
			}
			var score float64
			switch q.ID {
			case "recommend":
				score = float64(a.NPS)
			case "satisfaction":
				score = float64(a.Satisfaction)
			case "ease":
				score = float64(a.Ease)
			case "portal":
				score = float64(a.Portal)
			case "infrastructure":
				score = a.Infrastructure
			case "work":
				score = float64(a.Work)
			case "comment":
				if a.Comment == "" {
					continue
				}
				ans.Text, ans.Team = a.Comment, ""
			default:
				panic("the sample has no answers to the question " + q.ID)
			}
			if q.Kind != surveys.KindComment {
				ans.Score = &score
			}
			add(ans.Event(id, wave.Week))
		}
	}
	for i, p := range h.Participations() {
		id := schema.EventID("sample participation", strconv.Itoa(i))
		wave := def.WaveAt(p.At, h.End.Location())
		add(surveys.Participation{
			ParticipationID: id, Survey: def.ID, Wave: wave.Name, Step: p.Step, Team: p.Team, Week: wave.Week,
		}.Event(id, wave.Week))
	}
	return out
}
