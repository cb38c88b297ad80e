package announce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/metrics"
)

// Publisher publishes CloudEvents; it returns nil only when all are durable.
type Publisher interface {
	Publish(ctx context.Context, events ...schema.Event) error
}

// Announcer implements derive.Announcer. It remembers nothing.
type Announcer struct {
	publisher Publisher
	source    string
	// of are the metrics that are made of each derived table.
	of map[string][]metrics.Metric
}

// New makes an announcer. source names this Headway, as a URI or a path: it is the
// source of every event.
func New(p Publisher, source string) (*Announcer, error) {
	if p == nil || source == "" {
		return nil, errors.New("announce: a publisher and a source are needed")
	}
	a := &Announcer{publisher: p, source: source, of: map[string][]metrics.Metric{}}
	for _, m := range metrics.Catalogue() {
		for _, table := range []string{schema.ReleaseTable, schema.ChangeDeployedTable, schema.IncidentTable} {
			if m.Reads(table) {
				a.of[table] = append(a.of[table], m)
			}
		}
	}
	return a, nil
}

// Announce implements derive.Announcer.
func (a *Announcer) Announce(ctx context.Context, rows derive.Differences) error {
	var told []cdevent
	for i := range rows.Releases {
		told = append(told, release(&rows.Releases[i], rows.First)...)
	}
	for i := range rows.Incidents {
		told = append(told, incident(&rows.Incidents[i])...)
	}
	told = append(told, a.metrics(rows.Output)...)
	// In the order of time, so far as one partition keeps it.
	slices.SortStableFunc(told, func(x, y cdevent) int {
		return cmp.Or(cmp.Compare(x.service, y.service), x.Context.Timestamp.Compare(y.Context.Timestamp))
	})
	events := make([]schema.Event, 0, len(told))
	for _, e := range told {
		ev, err := a.event(e)
		if err != nil {
			return err
		}
		events = append(events, ev)
	}
	if len(events) == 0 {
		return nil
	}
	if err := a.publisher.Publish(ctx, events...); err != nil {
		return fmt.Errorf("publishing %d CDEvents: %w", len(events), err)
	}
	return nil
}

// event is the CloudEvent of a CDEvent, which is its data.
func (a *Announcer) event(e cdevent) (schema.Event, error) {
	// Custom data may be corrected later, such as the team: that is no other event.
	subject, err := json.Marshal(e.Subject)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding a CDEvent: %w", err)
	}
	e.Context.SpecVersion, e.Context.Source = specVersion, a.source
	e.Context.ID = schema.EventID(append(e.key, e.Context.Type, string(subject))...)
	e.ContentType = "application/json"
	data, err := json.Marshal(e)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding a CDEvent: %w", err)
	}
	return schema.Event{
		ID: e.Context.ID, Source: a.source, Type: e.Context.Type, Subject: e.Subject.ID, Time: e.Context.Timestamp, Key: e.service, Data: data,
	}, nil
}
