package api

import (
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Origin is who says what an object says.
type Origin struct {
	// Source of the facts.
	Source string
	// At is when it was received.
	At time.Time
	// LastWins says that of two states of an object that name no updated_at the one
	// received later counts, not the one with the later times: whoever sends a whole
	// file means what stands in it now.
	LastWins bool
}

// changed is the time of a version: what the sender says, else the latest time of
// the object, else when it was received.
func (o Origin) changed(updated *time.Time, times ...*time.Time) time.Time {
	if updated != nil {
		return *updated
	}
	if last := latest(times...); !o.LastWins && !last.IsZero() {
		return last
	}
	return o.At
}

func (o Origin) meta(url string, deleted bool, updated *time.Time, times ...*time.Time) schema.Meta {
	return schema.Meta{Source: o.Source, URL: url, Version: schema.NewVersion(o.changed(updated, times...), 0), Deleted: flag(deleted)}
}

// Row is an object of one of the kinds that another door fills: the CSV import.
type Row struct{ it item }

// NewRow makes an empty object of a kind by its name in the path, such as "people";
// ok is false when there is none.
func NewRow(plural string) (r Row, ok bool) {
	for _, k := range kinds() {
		if k.plural == plural {
			return Row{k.empty()}, true
		}
	}
	return Row{}, false
}

// Fields is the pointer to the struct to fill; its json tags name the fields.
func (r Row) Fields() any { return r.it }

// Check names the fields that are wrong.
func (r Row) Check() error { return r.it.validate() }

// Key is the object's id.
func (r Row) Key() string { return r.it.key() }

// Facts of an object that Check found nothing wrong with.
func (r Row) Facts(from Origin) []schema.Fact { return r.it.facts(from) }
