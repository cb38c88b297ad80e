package surveys

import (
	"crypto/subtle"
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxComment is in characters.
const maxComment = 2000

var errAnswered = errors.New("this invitation has been answered")

// submission is a form as it was sent.
type submission struct {
	// entered holds what stood in each question's field, to show it again.
	entered map[string]string
	// faults says by question what must be mended.
	faults map[string]string
	// answers holds what was understood, by question; a question left out has none.
	answers map[string]reading
	// unsaved is set when the form was fine and the disk was not.
	unsaved bool
}

type reading struct {
	score *float64
	text  string
}

// readSubmission reads the answers to a survey's questions. Fields of other
// names are ignored.
func readSubmission(d Definition, form url.Values) submission {
	s := submission{entered: map[string]string{}, faults: map[string]string{}, answers: map[string]reading{}}
	for _, q := range d.Questions {
		raw := clean(form.Get(fieldName(q)))
		s.entered[q.ID] = raw
		if raw == "" {
			if !q.Optional {
				s.faults[q.ID] = missing(q.Kind)
			}
			continue
		}
		a, fault := q.read(raw)
		if fault != "" {
			s.faults[q.ID] = fault
			continue
		}
		s.answers[q.ID] = a
	}
	return s
}

func fieldName(q Question) string { return "q-" + q.ID }

func missing(kind string) string {
	switch kind {
	case KindShare:
		return "Enter a percentage from 0 to 100"
	case KindComment:
		return "Write an answer"
	default:
		return "Choose one answer"
	}
}

// read understands what was entered, or says how to mend it.
func (q Question) read(raw string) (reading, string) {
	switch q.Kind {
	case KindComment:
		if n := utf8.RuneCountInString(raw); n > maxComment {
			return reading{}, "Shorten your comment to 2,000 characters; it has " + strconv.Itoa(n)
		}
		return reading{text: raw}, ""
	case KindShare:
		number := strings.TrimSpace(strings.TrimSuffix(raw, "%"))
		v, err := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
		if err != nil || math.IsNaN(v) || v < 0 || v > 100 {
			return reading{}, "Enter a percentage from 0 to 100, such as 25"
		}
		// Whole percents: a number with many digits could be told from others.
		v = math.Round(v) / 100
		return reading{score: &v}, ""
	default:
		i := slices.Index(q.choices(), raw)
		if i < 0 {
			return reading{}, missing(q.Kind)
		}
		lowest, _, _ := q.scale()
		v := float64(lowest + i)
		return reading{score: &v}, ""
	}
}

// choices are the values of a scale, lowest first.
func (q Question) choices() []string {
	lowest, highest, _ := q.scale()
	var out []string
	for i := lowest; i <= highest; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// clean makes what was typed fit to store: valid UTF-8, one kind of line break,
// no control or invisible formatting characters, no space around it.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		// Joiners shape letters in some scripts, and emoji.
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func (s state) answered(who respondent) bool {
	return slices.Contains(s.Spent[who.survey.ID+"/"+who.wave.Name].Marks, who.mark)
}

// accept takes the answers of a respondent into the state, each under ids of
// its own, and forgets waves that are over. It returns errAnswered for a second
// answer.
func (s *state) accept(who respondent, sub submission, now time.Time) error {
	if s.answered(who) {
		return errAnswered
	}
	for k, w := range s.Spent {
		if !now.Before(w.Closes) {
			delete(s.Spent, k)
		}
	}
	key := who.survey.ID + "/" + who.wave.Name
	s.Spent[key] = spent{Closes: who.wave.Closes, Marks: append(s.Spent[key].Marks, who.mark)}
	for _, q := range who.survey.Questions {
		a, ok := sub.answers[q.ID]
		if !ok {
			continue
		}
		team := who.team
		if q.Kind == KindComment {
			// A comment may say more than its author meant; it never has a team.
			team = ""
		}
		s.Held = append(s.Held, held{EventID: randomID(), Closes: who.wave.Closes, Answer: &Answer{
			AnswerID: randomID(), Survey: who.survey.ID, Wave: who.wave.Name,
			Question: q.ID, QuestionVersion: q.Version, Kind: q.Kind,
			Score: a.score, Text: a.text, Team: team, Week: who.wave.Week,
		}})
	}
	s.Held = append(s.Held, held{EventID: randomID(), Closes: who.wave.Closes, Participation: &Participation{
		ParticipationID: randomID(), Survey: who.survey.ID, Wave: who.wave.Name,
		Step: StepResponded, Team: who.team, Week: who.wave.Week,
	}})
	return nil
}

func constantTimeEqual(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
