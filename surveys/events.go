package surveys

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Names of the two streams. They are sources of their own, and so have topics
// and tables of their own (invariant 9).
const (
	AnswersSource       = "survey_answers"
	ParticipationSource = "survey_participation"
)

// Steps of a participation.
const (
	StepInvited   = "invited"
	StepResponded = "responded"
)

const (
	answerType        = AnswersSource + ".answer"
	participationType = ParticipationSource + ".step"
)

// Answer is the payload of an event of the answers stream: one answer to one
// question.
type Answer struct {
	AnswerID        string `json:"answer_id"`
	Survey          string `json:"survey"`
	Wave            string `json:"wave"`
	Question        string `json:"question"`
	QuestionVersion uint32 `json:"question_version"`
	Kind            string `json:"kind"`
	// Score as in schema.SurveyAnswer; nil for a comment.
	Score *float64 `json:"score,omitempty"`
	Text  string   `json:"text,omitempty"`
	Team  string   `json:"team,omitempty"`
	// Week is Wave.Week.
	Week time.Time `json:"week"`
}

// Participation is the payload of an event of the participation stream.
type Participation struct {
	ParticipationID string    `json:"participation_id"`
	Survey          string    `json:"survey"`
	Wave            string    `json:"wave"`
	Step            string    `json:"step"`
	Team            string    `json:"team,omitempty"`
	Week            time.Time `json:"week"`
}

// Event wraps an answer. id must say nothing about the answer or its author;
// of published only the week is kept.
func (a Answer) Event(id string, published time.Time) (schema.Event, error) {
	return coarseEvent(id, AnswersSource, answerType, a.Survey+"/"+a.Wave, published, a)
}

// Event wraps a participation, as Answer.Event does.
func (p Participation) Event(id string, published time.Time) (schema.Event, error) {
	return coarseEvent(id, ParticipationSource, participationType, p.Survey+"/"+p.Wave, published, p)
}

// coarseEvent keeps the week of publication and no more (invariant 9): the time
// of an event becomes the time of its receipt.
func coarseEvent(id, source, typ, subject string, published time.Time, payload any) (schema.Event, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding a %s event: %w", source, err)
	}
	return schema.Event{
		ID: id, Source: source, Type: typ, Subject: subject,
		Time: schema.Monday(published), Key: id, Data: data,
	}, nil
}

// Answers reads the answers stream.
type Answers struct{}

// Name is the source's name.
func (Answers) Name() string { return AnswersSource }

// Normalize turns an answer event into its fact.
func (Answers) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != answerType {
		return nil, errors.New("unknown type of survey answer event")
	}
	var a Answer
	if err := json.Unmarshal(ev.Data, &a); err != nil {
		return nil, fmt.Errorf("reading a survey answer: %w", err)
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("reading a survey answer: %w", err)
	}
	return []schema.Fact{&schema.SurveyAnswer{
		Meta:     schema.Meta{Source: AnswersSource, Version: schema.NewVersion(a.Week, 0)},
		AnswerID: a.AnswerID, SurveyID: a.Survey, Wave: a.Wave,
		QuestionID: a.Question, QuestionVersion: a.QuestionVersion, Kind: a.Kind,
		Score: a.Score, Text: a.Text, TeamID: a.Team, Week: schema.Monday(a.Week),
	}}, nil
}

func (a Answer) check() error {
	if a.AnswerID == "" || a.Survey == "" || a.Wave == "" || a.Question == "" || a.QuestionVersion == 0 || a.Week.IsZero() {
		return errors.New("id, survey, wave, question, version and week are needed")
	}
	var lowest, highest float64
	switch a.Kind {
	case KindNPS, KindENPS, KindCSAT, KindCES:
		first, last, _ := Question{Kind: a.Kind}.scale()
		lowest, highest = float64(first), float64(last)
	case KindShare:
		lowest, highest = 0, 1
	case KindComment:
		if a.Score != nil || a.Text == "" {
			return errors.New("a comment has a text and no score")
		}
		return nil
	default:
		return errors.New("unknown kind of question")
	}
	if a.Score == nil || a.Text != "" || *a.Score < lowest || *a.Score > highest {
		return fmt.Errorf("an answer of kind %s has a score of %g to %g and no text", a.Kind, lowest, highest)
	}
	return nil
}

// Participations reads the participation stream.
type Participations struct{}

// Name is the source's name.
func (Participations) Name() string { return ParticipationSource }

// Normalize turns a participation event into its fact.
func (Participations) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != participationType {
		return nil, errors.New("unknown type of survey participation event")
	}
	var p Participation
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading a survey participation: %w", err)
	}
	if p.ParticipationID == "" || p.Survey == "" || p.Wave == "" || p.Week.IsZero() ||
		p.Step != StepInvited && p.Step != StepResponded {
		return nil, errors.New("reading a survey participation: id, survey, wave, step and week are needed")
	}
	return []schema.Fact{&schema.SurveyParticipation{
		Meta:            schema.Meta{Source: ParticipationSource, Version: schema.NewVersion(p.Week, 0)},
		ParticipationID: p.ParticipationID, SurveyID: p.Survey, Wave: p.Wave,
		Step: p.Step, TeamID: p.Team, Week: schema.Monday(p.Week),
	}}, nil
}
