package surveys

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// restDays is how long somebody who was invited is left alone (DEFINITIONS,
// "Survey statistics").
const restDays = 30

// Person is somebody to invite.
type Person struct {
	// ID is the person's address. Behind a proxy it must be what the proxy's
	// header says, so that nobody answers both ways.
	ID string
	// Team is the person's team; "" when there is none.
	Team string
}

// Invited is an invitation of the past, as survey_participation holds it.
type Invited struct {
	Survey, Wave, ParticipationID string
	Week                          time.Time
}

// Invitation is a person's link. It is a secret: hand it to the person and
// keep it nowhere.
type Invitation struct {
	Person string
	Link   string
}

// Invitations is what Invite made.
type Invitations struct {
	Wave  string
	Links []Invitation
	// Resting is how many people were left out because another survey or wave
	// invited them in the last 30 days.
	Resting int
}

// ErrClosed says that the survey takes no answers now.
var ErrClosed = errors.New("the survey is not open now")

// ReadPeople reads a CSV file with the columns person and team, in any order,
// under a header. Further columns are refused: what is not needed should not be
// handed over.
func ReadPeople(r io.Reader) ([]Person, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the people: %w", err)
	}
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(header[i], "\ufeff")))
	}
	person, team := slices.Index(header, "person"), slices.Index(header, "team")
	if person < 0 || team < 0 || len(header) != 2 {
		return nil, errors.New(`line 1: the header must be "person,team" and nothing else`)
	}
	var out []Person
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the people: %w", err)
		}
		line, _ := in.FieldPos(0)
		p := Person{ID: strings.TrimSpace(row[person]), Team: strings.TrimSpace(row[team])}
		if p.ID == "" || len(p.Team) > maxName {
			return nil, fmt.Errorf("line %d: person is empty, or team is longer than %d bytes", line, maxName)
		}
		out = append(out, p)
	}
}

// Invite makes a link for each person who may be asked in the survey's present
// wave, and publishes that they were invited. The links are returned and stored
// nowhere. Inviting somebody into the same wave again gives the same link, so a
// lost list is made again by the same call. The error wraps ErrClosed when no
// wave is open.
func (p *Portal) Invite(ctx context.Context, survey string, people []Person) (Invitations, error) {
	if p.opts.Invited == nil {
		return Invitations{}, errors.New("inviting needs a lookup of past invitations")
	}
	d, ok := p.survey(survey)
	if !ok {
		return Invitations{}, fmt.Errorf("there is no survey %q; there are %s", survey, strings.Join(p.surveyIDs(), ", "))
	}
	now := p.opts.Now()
	wave := d.WaveAt(now, p.opts.Zone)
	if !wave.Open(now) {
		return Invitations{}, fmt.Errorf("%w: wave %s of %s takes answers from %s until %s", ErrClosed, wave.Name, survey,
			wave.Opens.Format(time.DateOnly), wave.Closes.Format(time.DateOnly))
	}
	people, sizes := distinct(people)
	resting, err := p.resting(ctx, people, d.ID, wave.Name, now)
	if err != nil {
		return Invitations{}, err
	}
	out := Invitations{Wave: wave.Name}
	var events []schema.Event
	for _, person := range people {
		if resting[person.ID] {
			out.Resting++
			continue
		}
		team, err := p.invitedTeam(ctx, person.Team, sizes[person.Team])
		if err != nil {
			return Invitations{}, err
		}
		inv, ev, err := p.invite(d, wave, person.ID, team, now)
		if err != nil {
			return Invitations{}, err
		}
		out.Links = append(out.Links, inv)
		events = append(events, ev)
	}
	shuffle(events)
	if len(events) > 0 {
		if err := p.opts.Publisher.Publish(ctx, events...); err != nil {
			return Invitations{}, fmt.Errorf("publishing %d invitations: %w", len(events), err)
		}
	}
	return out, nil
}

func (p *Portal) invite(d Definition, wave Wave, person, team string, now time.Time) (Invitation, schema.Event, error) {
	token, err := p.keys.token(link{
		survey: d.ID, wave: wave.Name, team: team, nonce: p.keys.nonceOf(d.ID, wave.Name, person), expires: wave.Closes,
	})
	if err != nil {
		return Invitation{}, schema.Event{}, err
	}
	id := p.keys.invitedID(d.ID, wave.Name, person)
	ev, err := Participation{
		ParticipationID: id, Survey: d.ID, Wave: wave.Name, Step: StepInvited, Team: team, Week: schema.Monday(now),
	}.Event(schema.EventID(id, StepInvited), now)
	return Invitation{Person: person, Link: strings.TrimSuffix(p.opts.PublicURL, "/") + "/survey/i/" + token}, ev, err
}

// distinct keeps each person once, under the normal spelling, and counts teams.
func distinct(people []Person) ([]Person, map[string]int) {
	sizes, seen := map[string]int{}, map[string]bool{}
	var out []Person
	for _, person := range people {
		person.ID = normalPerson(person.ID)
		if !seen[person.ID] {
			seen[person.ID] = true
			sizes[person.Team]++
			out = append(out, person)
		}
	}
	return out, sizes
}

// resting are the people whom another survey or wave has invited in the last 30
// days. The week of an invitation counts from its last day, so nobody is asked
// too early because the day itself is not stored.
func (p *Portal) resting(ctx context.Context, people []Person, survey, wave string, now time.Time) (map[string]bool, error) {
	since := now.AddDate(0, 0, -restDays-7)
	past, err := p.opts.Invited(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("reading past invitations: %w", err)
	}
	ids := map[[2]string]map[string]bool{}
	for _, i := range past {
		k := [2]string{i.Survey, i.Wave}
		if k == [2]string{survey, wave} || !i.Week.AddDate(0, 0, 7+restDays).After(now) {
			continue
		}
		if ids[k] == nil {
			ids[k] = map[string]bool{}
		}
		ids[k][i.ParticipationID] = true
	}
	out := map[string]bool{}
	for k, invited := range ids {
		for _, person := range people {
			if invited[p.keys.invitedID(k[0], k[1], person.ID)] {
				out[person.ID] = true
			}
		}
	}
	return out, nil
}

// invitedTeam is the team under which an answer may count: "" below the
// threshold. A team that the catalogue does not know has the size of its part of
// the invited people.
func (p *Portal) invitedTeam(ctx context.Context, team string, invited int) (string, error) {
	if team == "" {
		return "", nil
	}
	size, err := p.opts.TeamSize(ctx, team)
	if err != nil {
		return "", fmt.Errorf("reading the size of a team: %w", err)
	}
	if size == 0 {
		size = invited
	}
	if size < p.opts.Config.Threshold {
		return "", nil
	}
	return team, nil
}

func (p *Portal) surveyIDs() []string {
	var out []string
	for _, d := range p.surveys {
		out = append(out, d.ID)
	}
	return out
}
