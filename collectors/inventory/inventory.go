// Package inventory is what the sources that list running things have in common:
// what a listing becomes as an event, and how names, team, environment and the
// platform predicate are read from labels. How a system is asked may not enter.
//
// A snapshot is whole: it is made from a listing that has come to its end, and is one
// event as long as its workloads fit into one. Half a listing would look as if the
// rest had been deleted, since the metric takes the last day on which a cluster was
// inventoried.
package inventory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Item is one running thing: what its system says of it, less what it is made of.
type Item struct {
	Kind string `json:"kind"`
	// Namespace is "" where the system has none.
	Namespace   string            `json:"namespace,omitempty"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	URL         string            `json:"url,omitempty"`
}

func (i Item) key() string { return i.Namespace + "/" + i.Kind + "/" + i.Name }

// Place is what a listing is of.
type Place struct {
	// Cluster is the name that the configuration gives it.
	Cluster string `json:"cluster"`
	// Environment of what says none of its own.
	Environment string `json:"environment,omitempty"`
}

// snapshot is the payload of an event.
type snapshot struct {
	Place
	// Day of the listing's beginning, in UTC: "2026-01-31".
	Day string `json:"day"`
	// Part of Parts, from 1 on.
	Part      int    `json:"part"`
	Parts     int    `json:"parts"`
	Workloads []Item `json:"workloads"`
}

// Bounds of a snapshot's event: a message of Kafka has at most 32 MB, and what is
// longer in an annotation is no name.
const (
	maxPart       = 16 << 20
	maxAnnotation = 512
)

// EventType of a source's snapshots.
func EventType(source string) string { return source + ".rest.snapshot" }

// Day is the snapshot's day of a time.
func Day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// Events makes the events of a listing that began at a time and has come to its end.
// They belong to each other: emit them in one call.
func Events(source string, of Place, at time.Time, items []Item) ([]schema.Event, error) {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.key(), b.key()) })
	var parts [][]Item
	size := maxPart
	for i := range items {
		items[i].Annotations = Short(items[i].Annotations)
		b, err := json.Marshal(items[i])
		if err != nil {
			return nil, fmt.Errorf("writing the inventory of %s: %w", of.Cluster, err)
		}
		if size += len(b); size > maxPart {
			parts, size = append(parts, nil), len(b)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], items[i])
	}
	if len(parts) == 0 {
		parts = [][]Item{{}}
	}
	var out []schema.Event
	for i, part := range parts {
		b, err := json.Marshal(snapshot{Place: of, Day: Day(at), Part: i + 1, Parts: len(parts), Workloads: part})
		if err != nil {
			return nil, fmt.Errorf("writing the inventory of %s: %w", of.Cluster, err)
		}
		out = append(out, schema.Event{
			ID:     schema.EventID(EventType(source), of.Cluster, Day(at), strconv.Itoa(i+1), string(b)),
			Source: source, Type: EventType(source), Subject: of.Cluster, Key: of.Cluster, Time: at.UTC(), Data: b,
		})
	}
	return out, nil
}

// Short leaves out what no rule could mean: annotations hold whole objects, with the
// environment variables of their containers.
func Short(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	maps.DeleteFunc(out, func(_, v string) bool { return len(v) > maxAnnotation || strings.HasPrefix(v, "{") })
	return out
}

// Facts are the workloads of a snapshot's event.
func (r Rules) Facts(source string, ev schema.Event) ([]schema.Fact, error) {
	var s snapshot
	if err := json.Unmarshal(ev.Data, &s); err != nil {
		return nil, fmt.Errorf("reading an inventory: %w", err)
	}
	day, err := time.Parse(time.DateOnly, s.Day)
	switch {
	case err != nil || !day.After(schema.MinTime):
		return nil, fmt.Errorf("reading an inventory: day is %.40q", s.Day)
	case s.Cluster == "":
		return nil, errors.New("reading an inventory: it is of no cluster")
	case s.Part < 1 || s.Part > s.Parts:
		return nil, fmt.Errorf("reading an inventory: part %d of %d is none", s.Part, s.Parts)
	case len(s.Workloads) == 0:
		return nil, schema.Ignore("inventory without workloads")
	}
	out := make([]schema.Fact, 0, len(s.Workloads))
	for _, i := range s.Workloads {
		if i.Kind == "" || i.Name == "" {
			return nil, errors.New("reading an inventory: a workload without kind or name")
		}
		w := r.workload(s.Place, i)
		w.Meta = schema.Meta{Source: source, URL: i.URL, Version: schema.NewVersion(ev.Time, 0)}
		w.WorkloadID = source + ":" + strings.Join([]string{s.Cluster, i.Namespace, i.Kind, i.Name}, "/")
		w.Day, w.Cluster, w.Namespace, w.Name, w.Kind = day, s.Cluster, i.Namespace, i.Name, i.Kind
		out = append(out, w)
	}
	return out, nil
}
