package surveys

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// held is one event that waits to be published. Exactly one of Answer and
// Participation is set.
type held struct {
	EventID string `json:"event_id"`
	// Closes is when the wave does.
	Closes        time.Time      `json:"closes"`
	Answer        *Answer        `json:"answer,omitempty"`
	Participation *Participation `json:"participation,omitempty"`
	// Leaving is set once the mix has let it go, before it is published: a crash
	// in between publishes the same events again and no others.
	Leaving bool `json:"leaving,omitempty"`
}

func (h held) source() string {
	if h.Answer != nil {
		return AnswersSource
	}
	return ParticipationSource
}

func (h held) team() string {
	if h.Answer != nil {
		return h.Answer.Team
	}
	return h.Participation.Team
}

func (h held) forgetTeam() {
	if h.Answer != nil {
		h.Answer.Team = ""
	} else {
		h.Participation.Team = ""
	}
}

// pool names what is counted together: the answers to one wording of a question
// in one wave, or the responses to the wave.
func (h held) pool() string {
	if a := h.Answer; a != nil {
		return fmt.Sprintf("%s/%s/%s/%d", a.Survey, a.Wave, a.Question, a.QuestionVersion)
	}
	return h.Participation.Survey + "/" + h.Participation.Wave
}

func (h held) event(now time.Time) (schema.Event, error) {
	if h.Answer != nil {
		return h.Answer.Event(h.EventID, now)
	}
	return h.Participation.Event(h.EventID, now)
}

// mix marks the events of one stream that may leave at now, and reports whether
// there are any. Invariants 8 and 9: each time a team's published answers to a
// question grow, they grow by at least threshold; a team with fewer in the whole
// wave loses its name; and within one wave and question the same holds for
// everybody together, unless the wave has fewer in all.
func mix(items []held, source string, threshold int, now time.Time) bool {
	pools := map[[2]string][]int{}
	left := false
	for i, h := range items {
		switch {
		case h.source() != source:
		case h.Leaving:
			left = true
		default:
			k := [2]string{h.pool(), h.team()}
			pools[k] = append(pools[k], i)
		}
	}
	for _, at := range pools {
		out := at
		if now.Before(items[at[0]].Closes) {
			if len(at) < 2*threshold {
				continue
			}
			// Which of them stay behind is a matter of chance, so that the order of
			// answering does not show.
			shuffle(at)
			out = at[threshold:]
		} else if len(at) < threshold {
			for _, i := range at {
				items[i].forgetTeam()
			}
		}
		for _, i := range out {
			items[i].Leaving = true
		}
		left = true
	}
	return left
}

func shuffle[T any](s []T) {
	rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] }) //nolint:gosec // ChaCha8 seeded by the system; ids are what must be unguessable.
}

// leaving are the events of a stream that mix has let go, shuffled.
func leaving(items []held, source string, now time.Time) ([]schema.Event, error) {
	var out []schema.Event
	for _, h := range items {
		if !h.Leaving || h.source() != source {
			continue
		}
		ev, err := h.event(now)
		if err != nil {
			return nil, err
		}
		out = append(out, ev)
	}
	shuffle(out)
	return out, nil
}

// without returns the items whose events are not among published.
func without(items []held, published []schema.Event) []held {
	gone := make(map[string]bool, len(published))
	for _, ev := range published {
		gone[ev.ID] = true
	}
	return slices.DeleteFunc(items, func(h held) bool { return gone[h.EventID] })
}
