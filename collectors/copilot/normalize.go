package copilot

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// typeTeamDay holds a teamDay.
const typeTeamDay = Name + ".rest.team_day"

// smallestGroup is how many people a figure must be of: GitHub's own limit for teams,
// and that of Headway's surveys.
const smallestGroup = 5

// teamDay is how many people of a team used Copilot on a day. It is all that is kept
// of the reports.
type teamDay struct {
	Organization string `json:"organization"`
	Team         string `json:"team"`
	Day          string `json:"day"`
	ActiveUsers  int    `json:"active_users"`
}

// Normalize turns a team's day into a use of the capability.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeTeamDay {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var d teamDay
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a team's day: %w", err)
	}
	at, err := time.Parse(time.DateOnly, d.Day)
	switch {
	case d.Organization == "" || d.Team == "":
		return nil, errors.New("a day of no organization or no team")
	case err != nil || !at.After(schema.MinTime):
		return nil, fmt.Errorf("the day is %.20q", d.Day)
	case d.ActiveUsers < smallestGroup:
		return nil, schema.Ignore("Copilot use by fewer than five people")
	}
	team := d.Organization + "/" + d.Team
	return []schema.Fact{&schema.CapabilityUse{
		// GitHub does not say when it made a report: the later one counts.
		Meta:  schema.Meta{Source: Name, Version: schema.NewVersion(ev.Time, 0)},
		UseID: Name + ":" + team + "@" + d.Day, CapabilityID: s.cfg.Capability, At: at, Action: "use", Qualifying: 1, TeamRef: "github:" + team,
	}}, nil
}
