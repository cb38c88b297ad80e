// Package year makes a generated year of a large organisation inside ClickHouse:
// its repositories, requests, deployments, incidents, tickets and the use of its
// platform. The same seed, scale and end give the same rows. It writes facts
// only; what follows from them is the pipeline's work.
package year

import (
	"errors"
	"text/template"
	"time"
)

// Options say which year to make.
type Options struct {
	Seed uint64
	// Scale 1 is an organisation of 10,000 developers.
	Scale float64
	// End is the Monday, 00:00 UTC, before which everything happened.
	End time.Time
}

// Validate names what cannot be used.
func (o Options) Validate() error {
	switch {
	case o.Scale <= 0 || o.Scale > 10:
		return errors.New("scale: use a number above 0 and up to 10, such as 0.05")
	case o.End.Weekday() != time.Monday || !o.End.Equal(o.End.Truncate(24*time.Hour)):
		return errors.New("end: use a Monday at 00:00 UTC")
	}
	return nil
}

// LastMonday is the latest time that fits Options.End.
func LastMonday(now time.Time) time.Time {
	day := now.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// Counts are the sizes of an organisation.
type Counts struct {
	Repositories, Services, Developers, Teams, Capabilities int64
	// Slots are the steps of all trunks: merged requests, three of four, and direct commits.
	Slots, Points, Deployments, Incidents, JobsPerSlot int64
	Tickets, Uses, Requests, Workloads, Answers        int64
}

// Merged is how many requests are merged in the year.
func (c Counts) Merged() int64 { return c.Slots / 4 * 3 }

type plan struct {
	Options
	Counts
	StartMillis, EndMillis int64
	repos                  []repoRow
	services               []serviceRow
	templates              *template.Template
}

type repoRow struct {
	R        uint32  `ch:"r"`
	Repo     string  `ch:"repo"`
	First    int64   `ch:"first"`
	Slots    int64   `ch:"slots"`
	Services int64   `ch:"services"`
	Starts   float64 `ch:"starts"`
}

type serviceRow struct {
	S          int64   `ch:"s"`
	R          uint32  `ch:"r"`
	Repo       string  `ch:"repo"`
	Slots      int64   `ch:"slots"`
	Services   int64   `ch:"services"`
	Nth        int64   `ch:"nth"`
	Starts     float64 `ch:"starts"`
	FirstPoint int64   `ch:"first_point"`
	Points     int64   `ch:"points"`
	Regions    uint8   `ch:"regions"`
}
