package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/surveys"
)

func newSurveyPortal(cfg config.Config, addr string, sample bool, pub *kafka.Publisher, read *clickhouse.Conn, log *slog.Logger) (*surveys.Portal, error) {
	zone, err := time.LoadLocation(cfg.Timezone)
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	public := cfg.HTTP.PublicURL
	if public == "" {
		public = "http://" + addr
	}
	p := people{read}
	return surveys.New(surveys.Options{
		Config: cfg.Surveys, PublicURL: public, Organisation: cfg.Organisation, Sample: sample,
		StateDir: filepath.Join(cfg.DataDir, "surveys"), Publisher: pub, Zone: zone, Now: time.Now,
		TeamOf: p.teamOf, TeamSize: p.teamSize, Invited: p.invited,
		Logger: log.With(slog.String("part", "surveys")),
	})
}

// SurveyPortal is the survey of the Headway that the client reaches, for inviting.
func (c *Client) SurveyPortal(ctx context.Context) (*surveys.Portal, error) {
	t, err := c.tools(ctx)
	if err != nil {
		return nil, err
	}
	addr := c.ep.HTTP
	if addr == "" {
		addr = c.cfg.HTTP.Listen
	}
	return newSurveyPortal(c.cfg, addr, false, t.publisher, t.conn, c.log)
}

// InviteGuest makes an invitation to a survey for somebody who wants to see it;
// Places then names its link. While no wave is open there is none.
func (a *App) InviteGuest(ctx context.Context, survey string, guest surveys.Person) error {
	sent, err := a.portal.Invite(ctx, survey, []surveys.Person{guest})
	if errors.Is(err, surveys.ErrClosed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("inviting a guest to the survey: %w", err)
	}
	if len(sent.Links) > 0 {
		a.surveyURL = sent.Links[0].Link
	}
	return nil
}

// people looks up what the survey needs of the catalogue.
type people struct{ read *clickhouse.Conn }

// teamOf finds the present team of a person by any of the person's identities.
func (p people) teamOf(ctx context.Context, person string) (string, error) {
	var rows []struct {
		Team string `ch:"team_id"`
	}
	err := p.read.Select(ctx, &rows, `
		SELECT m.team_id AS team_id
		FROM person_teams AS m
		WHERE m.person_id IN (
			SELECT person_id FROM ref_people WHERE ref = {person:String} OR endsWith(ref, concat(':', {person:String}))
			UNION ALL SELECT {person:String})
		  AND m.valid_from <= now64() AND (m.valid_to IS NULL OR m.valid_to > now64())
		ORDER BY m.valid_from DESC, team_id LIMIT 1`, map[string]any{"person": person})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].Team, nil
}

// teamSize is how many people a team has now; 0 when nobody knows.
func (p people) teamSize(ctx context.Context, team string) (int, error) {
	var rows []struct {
		N uint64 `ch:"n"`
	}
	err := p.read.Select(ctx, &rows, `
		SELECT uniqExact(person_id) AS n
		FROM person_teams
		WHERE team_id = {team:String} AND valid_from <= now64() AND (valid_to IS NULL OR valid_to > now64())
		  AND person_id NOT IN (SELECT person_id FROM people FINAL WHERE is_bot = 1)`, map[string]any{"team": team})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return int(rows[0].N), nil //nolint:gosec // A team is small.
}

func (p people) invited(ctx context.Context, since time.Time) ([]surveys.Invited, error) {
	var rows []struct {
		Survey string    `ch:"survey_id"`
		Wave   string    `ch:"wave"`
		ID     string    `ch:"participation_id"`
		Week   time.Time `ch:"week"`
	}
	err := p.read.Select(ctx, &rows, `
		SELECT survey_id, wave, participation_id, week FROM survey_participation FINAL
		WHERE step = 'invited' AND week >= {since:DateTime64(3)}`, map[string]any{"since": since})
	if err != nil {
		return nil, err
	}
	out := make([]surveys.Invited, 0, len(rows))
	for _, r := range rows {
		out = append(out, surveys.Invited{Survey: r.Survey, Wave: r.Wave, ParticipationID: r.ID, Week: r.Week})
	}
	return out, nil
}
