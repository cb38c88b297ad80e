package schema

import "time"

// SurveyAnswer is one answer to one question. It shares no key and no exact
// time with SurveyParticipation (invariant 9).
type SurveyAnswer struct {
	Meta
	// AnswerID is random and says nothing about who answered. The answers of one
	// person have different ids, so that a comment cannot be put beside a score.
	AnswerID        string `ch:"answer_id"`
	SurveyID        string `ch:"survey_id"`
	Wave            string `ch:"wave"`
	QuestionID      string `ch:"question_id"`
	QuestionVersion uint32 `ch:"question_version"`
	// Kind of question: nps, enps, csat, ces, share, comment.
	Kind string `ch:"kind"`
	// Score is 0…10 for nps and enps, 1…5 for csat, 1…7 for ces, 0…1 for share; nil for a comment or
	// a question left out.
	Score *float64 `ch:"score"`
	Text  string   `ch:"text"`
	// TeamID is the respondent's team, coarsened to "" when the team, or the
	// number of its answers to the question, is below the threshold, and for
	// every comment.
	TeamID string `ch:"team_id"`
	// Week is the first Monday of the wave, at 00:00 UTC: the same for all its
	// answers. The week of the answer itself would let a team's only answer of a
	// week be put beside its only response of that week.
	Week time.Time `ch:"week"`
}

func (*SurveyAnswer) Table() string         { return "survey_answers" }
func (a *SurveyAnswer) FactID() string      { return a.AnswerID + "/" + a.QuestionID }
func (*SurveyAnswer) DirtyKeys() []DirtyKey { return nil }

// SurveyParticipation says how many people of a team were invited to a wave or
// have responded: one row per person and step.
type SurveyParticipation struct {
	Meta
	// ParticipationID of an invitation is one that only the survey's own secret
	// can compute; of a response it is random.
	ParticipationID string `ch:"participation_id"`
	SurveyID        string `ch:"survey_id"`
	Wave            string `ch:"wave"`
	// Step is invited or responded.
	Step   string `ch:"step"`
	TeamID string `ch:"team_id"`
	// Week is the Monday of the week of an invitation and the first Monday of the
	// wave of a response, at 00:00 UTC.
	Week time.Time `ch:"week"`
}

func (*SurveyParticipation) Table() string         { return "survey_participation" }
func (p *SurveyParticipation) FactID() string      { return p.ParticipationID + "/" + p.Step }
func (*SurveyParticipation) DirtyKeys() []DirtyKey { return nil }
