package surveys

import (
	"fmt"
	"time"
)

// Wave is one run of a survey: a quarter of the calendar in the reporting zone.
type Wave struct {
	// Name is the year and the quarter: "2026-Q4".
	Name string
	// Opens and Closes bound the half-open time in which answers are taken.
	Opens, Closes time.Time
	// Week is the first Monday of the quarter, at 00:00 UTC. It stands for every
	// time of the wave, so that a row does not say when somebody answered.
	Week time.Time
}

// Open says whether the wave takes answers at t.
func (w Wave) Open(t time.Time) bool { return !t.Before(w.Opens) && t.Before(w.Closes) }

// WaveAt is the survey's wave of the quarter that t falls into. It may be not
// open yet, or closed.
func (d Definition) WaveAt(t time.Time, zone *time.Location) Wave {
	t = t.In(zone)
	year, quarter := t.Year(), (int(t.Month())-1)/3
	start := time.Date(year, time.Month(3*quarter+1), 1, 0, 0, 0, 0, zone)
	end := time.Date(year, time.Month(3*quarter+4), 1, 0, 0, 0, 0, zone)
	opens := start.AddDate(0, 0, d.OpensOnDay-1)
	closes := opens.AddDate(0, 0, d.OpenForDays)
	if closes.After(end) {
		closes = end
	}
	monday := (8 - int(start.Weekday())) % 7
	return Wave{
		Name:  fmt.Sprintf("%d-Q%d", year, quarter+1),
		Opens: opens, Closes: closes,
		Week: time.Date(year, time.Month(3*quarter+1), 1+monday, 0, 0, 0, 0, time.UTC),
	}
}
