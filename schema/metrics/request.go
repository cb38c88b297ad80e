package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RequestError says what is wrong with a request and what would be right. Its
// text is for the person who asked.
type RequestError struct {
	// Field of the request, as callers write it: "metric", "by", "every", ….
	Field string
	// Problem, in one sentence.
	Problem string
	// Allowed lists the values that would be accepted, nil when they are not a list.
	Allowed []string
}

func (e *RequestError) Error() string {
	s := e.Field + ": " + e.Problem
	if len(e.Allowed) > 0 {
		s += "; allowed: " + strings.Join(e.Allowed, ", ")
	}
	return s
}

// maxBuckets bounds the points of one group: ten years of days.
const maxBuckets = 3660

// resolved is a request that has been found right.
type resolved struct {
	metric Metric
	slice  Slice
	args   map[string]any
	zone   *time.Location
}

// resolve checks a request and turns it into a slice and its query parameters.
func (e *Engine) resolve(ctx context.Context, r Request) (resolved, error) {
	m, ok := ByID(r.Metric)
	if !ok {
		return resolved{}, unknownMetric(r.Metric)
	}
	zone, err := e.Location(ctx, r.Zone)
	if err != nil {
		return resolved{}, err
	}
	if r.To.IsZero() {
		r.To = e.now()
	}
	if r.From.IsZero() {
		r.From = r.To.Add(-DefaultWindow)
	}
	if err := m.check(r); err != nil {
		return resolved{}, err
	}
	args := map[string]any{"from": millis(r.From), "to": millis(r.To), "now": millis(e.now()), "zone": zone.String()}
	return resolved{metric: m, args: args, zone: zone, slice: Slice{
		From: instant("from"), To: instant("to"), Now: instant("now"), Zone: "{zone:String}",
		Every: r.Every, By: r.By, Where: m.conditions(r.Filters, r.By, args),
	}}, nil
}

// Location returns the zone of a name, or the configured one for "".
func (e *Engine) Location(ctx context.Context, name string) (*time.Location, error) {
	if name == "" {
		cols, rows, err := e.querier.Query(ctx, "SELECT "+ZoneSetting+" AS zone", nil)
		if err != nil {
			return nil, fmt.Errorf("reading the reporting time zone: %w", err)
		}
		if len(rows) != 1 {
			return nil, fmt.Errorf("reading the reporting time zone: %d rows", len(rows))
		}
		r := scan(cols, rows[0])
		name = r.text("zone")
		if err := r.err(); err != nil {
			return nil, fmt.Errorf("reading the reporting time zone: %w", err)
		}
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &RequestError{Field: "zone", Problem: fmt.Sprintf("%q is no IANA time zone, such as Europe/Berlin", name)}
	}
	return loc, nil
}

func unknownMetric(id string) error {
	return &RequestError{"metric", fmt.Sprintf("there is no metric %q", id), ids()}
}

// check names the first thing that is wrong with a request for m.
func (m Metric) check(r Request) error {
	if every := []Every{"", Day, Week, Month, Quarter, Total}; !slices.Contains(every, r.Every) {
		return &RequestError{"every", fmt.Sprintf("%q is no length of a bucket", r.Every), texts(every[1:])}
	}
	if !r.From.Before(r.To) {
		return &RequestError{"from", fmt.Sprintf("the window from %s to %s is empty", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339)), nil}
	}
	if n := r.To.Sub(r.From) / length(r.Every); n > maxBuckets {
		return &RequestError{"every", fmt.Sprintf("the window has %d buckets, more than %d: ask for a shorter window or longer buckets", n, maxBuckets), nil}
	}
	for i, d := range r.By {
		if !m.Has(d) {
			return &RequestError{"by", fmt.Sprintf("%s has no dimension %q", m.ID, d), texts(m.Dimensions)}
		}
		if slices.Contains(r.By[:i], d) {
			return &RequestError{"by", fmt.Sprintf("%q is given twice", d), nil}
		}
	}
	for _, d := range slices.Sorted(maps.Keys(r.Filters)) {
		if !m.Has(d) {
			return &RequestError{string(d), m.ID + " cannot be filtered by it", texts(m.Dimensions)}
		}
	}
	return nil
}

// conditions turns filters into SQL whose values are query parameters. Without a
// split a row of several environments has them all, of which one has to be among the
// values.
func (m Metric) conditions(filters map[Dimension][]string, by []Dimension, args map[string]any) []string {
	var out []string
	for _, d := range slices.Sorted(maps.Keys(filters)) {
		if len(filters[d]) == 0 {
			continue
		}
		names := make([]string, len(filters[d]))
		for i, v := range filters[d] {
			name := fmt.Sprintf("%s_%d", d, i)
			names[i], args[name] = "{"+name+":String}", v
		}
		if d == Environment && strings.Contains(m.rows, placeEnvironment) && !slices.Contains(by, d) {
			out = append(out, fmt.Sprintf("hasAny(environments, [%s])", strings.Join(names, ", ")))
			continue
		}
		out = append(out, m.Among(d, strings.Join(names, ", ")))
	}
	return out
}

func instant(name string) string { return "fromUnixTimestamp64Milli({" + name + ":Int64}, 'UTC')" }

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func length(e Every) time.Duration {
	switch e {
	case Day:
		return 24 * time.Hour
	case Week:
		return 7 * 24 * time.Hour
	case Month:
		return 28 * 24 * time.Hour
	case Quarter:
		return 90 * 24 * time.Hour
	default:
		return 1 << 62
	}
}

func ids() []string {
	var out []string
	for _, m := range Catalogue() {
		out = append(out, m.ID)
	}
	return out
}

func texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, x := range in {
		out[i] = string(x)
	}
	return out
}
