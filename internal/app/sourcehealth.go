package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/declared"
	"github.com/headway-metrics/headway/internal/reference"
	"github.com/headway-metrics/headway/schema"
)

// SourceLine is a source of the registry.
type SourceLine struct {
	Name, Title string
	Group       collectors.Group
	Configured  bool
	// Paths that take deliveries, and what is asked for; of a source that is not
	// configured only the latter is known.
	Paths []string
	Polls string
}

// Sources lists every source, and says of those that are configured where they
// take deliveries.
func Sources(opts Options) ([]SourceLine, error) {
	set, err := newSources(opts)
	if err != nil {
		return nil, err
	}
	var out []SourceLine
	for _, e := range all.Entries() {
		l := SourceLine{Name: e.Name, Title: e.Title, Group: e.Group, Polls: e.Polls}
		if i := slices.IndexFunc(set.list, func(s collectors.Source) bool { return s.Name() == e.Name }); i >= 0 {
			l.Configured, l.Paths = true, reference.Paths(set.list[i])
		}
		out = append(out, l)
	}
	return out, nil
}

// heardTimeout bounds the question when a source was last heard of.
const heardTimeout = 3 * time.Second

// TestSource tries one source out: it asks its system and publishes nothing. No
// part of Headway needs to run; when it does, the last event is told as well.
func TestSource(ctx context.Context, opts Options, name string) (collectors.Trial, error) {
	for _, e := range all.Entries() {
		if e.Name != name {
			continue
		}
		if !e.AlwaysOn && !opts.Config.Sources.Has(name) {
			return collectors.Trial{}, fmt.Errorf("sources.%s is not configured; %s/README.md says how", name, reference.Folder(e))
		}
		src, err := makeSource(opts, e, http.DefaultTransport)
		if err != nil {
			return collectors.Trial{}, err
		}
		trial := collectors.Try(ctx, src)
		trial.Checks = append(trial.Checks, lastHeard(ctx, opts, name))
		return trial, nil
	}
	return collectors.Trial{}, fmt.Errorf("there is no source %q; 'headway sources list' prints them", name)
}

// lastHeard says what became of the source's events so far; only there does a
// delivery show that its sender knows the secret.
func lastHeard(ctx context.Context, opts Options, name string) collectors.Check {
	c := collectors.Check{What: "last event"}
	client, err := Dial(opts.Config, opts.Logger)
	if err != nil {
		c.Detail = fmt.Sprintf("not known: %v", err)
		return c
	}
	defer client.Close()
	asking, cancel := context.WithTimeout(ctx, heardTimeout)
	defer cancel()
	var heard SourceHealth
	err = client.receipts(asking, func(source string) *SourceHealth {
		if source == name {
			return &heard
		}
		return &SourceHealth{}
	})
	switch {
	case err != nil:
		c.Detail = fmt.Sprintf("not known, since no running Headway answers: %v", err)
	case heard.Events == 0:
		c.Detail = "none so far"
	default:
		c.Detail = fmt.Sprintf("%s; of %d events %d became facts, %d were ignored by name, %d are dead letters ('headway deadletter list --source %s')",
			heard.LastEvent.UTC().Format(time.DateTime), heard.Events, heard.Facts, heard.Ignored, heard.Dead, name)
	}
	return c
}

// SourceHealth is how one source is doing. Times are zero until it happened.
type SourceHealth struct {
	Source    string
	LastEvent time.Time
	// Receipts by outcome.
	Events, Facts, Ignored, Dead uint64
	// Waiting events are in Kafka and not loaded yet.
	Waiting int64
	// Poll is nil for a source that never asked.
	Poll *collectors.PollStatus
}

// receiptsSQL says of every source when it was last heard of and what became of
// its events.
const receiptsSQL = `
SELECT source, max(received_at) AS last_event, count() AS events,
       countIf(outcome = 'facts') AS understood, countIf(outcome = 'ignored') AS ignored, countIf(outcome = 'dead') AS dead
FROM received FINAL
GROUP BY source`

// SourceHealth says how every source is doing that is configured, or was.
func (c *Client) SourceHealth(ctx context.Context) ([]SourceHealth, error) {
	names := []string{declared.Name}
	for _, e := range all.Entries() {
		if e.AlwaysOn || c.cfg.Sources.Has(e.Name) {
			names = append(names, e.Name)
		}
	}
	by := map[string]*SourceHealth{}
	of := func(name string) *SourceHealth {
		if by[name] == nil {
			by[name] = &SourceHealth{Source: name}
		}
		return by[name]
	}
	for _, n := range names {
		of(n)
	}
	if err := c.receipts(ctx, of); err != nil {
		return nil, err
	}
	client, err := c.Kafka()
	if err != nil {
		return nil, err
	}
	records, err := client.ReadAll(ctx, schema.TopicCursors)
	if err != nil {
		return nil, fmt.Errorf("reading the pollers' status: %w", err)
	}
	for key, m := range records {
		name, ok := strings.CutPrefix(key, collectors.StatusKey(""))
		if !ok {
			continue
		}
		var p collectors.PollStatus
		if err := json.Unmarshal(m.Value, &p); err != nil {
			return nil, fmt.Errorf("reading the status of %s: %w", name, err)
		}
		of(name).Poll = &p
	}
	out := make([]SourceHealth, 0, len(by))
	for name, s := range by {
		// A source that never published has no topic yet.
		lags, err := client.Lag(ctx, groupLoad, schema.RawTopic(name))
		if err != nil && ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		for _, l := range lags {
			s.Waiting += l.Messages
		}
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b SourceHealth) int { return strings.Compare(a.Source, b.Source) })
	return out, nil
}

func (c *Client) receipts(ctx context.Context, of func(string) *SourceHealth) error {
	conn, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	_, rows, err := conn.Query(ctx, receiptsSQL, nil)
	if err != nil {
		return fmt.Errorf("counting receipts: %w", err)
	}
	for _, r := range rows {
		name, isName := r[0].(string)
		last, isTime := r[1].(time.Time)
		if !isName || !isTime {
			return fmt.Errorf("counting receipts: unexpected row %v", r)
		}
		s := of(name)
		s.LastEvent = last
		for i, to := range []*uint64{&s.Events, &s.Facts, &s.Ignored, &s.Dead} {
			n, ok := r[i+2].(uint64)
			if !ok {
				return fmt.Errorf("counting receipts: unexpected row %v", r)
			}
			*to = n
		}
	}
	return nil
}
