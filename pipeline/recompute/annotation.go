package recompute

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/metrics"
)

// Change says why history is derived anew.
type Change struct {
	// Metric is the id of the metric whose definition changed to Version; both empty
	// when it was something else, such as the options of derivation.
	Metric  string
	Version int
	// Reason is what people shall read; it may be empty.
	Reason string
}

// annotation is the row of a change that takes effect at a time. The metric must be
// in the catalogue and the version the one that this binary computes.
func (c Change) annotation(at time.Time) (schema.Annotation, error) {
	a := schema.Annotation{At: at.UTC(), Title: "History derived anew", Text: strings.TrimSpace(c.Reason)}
	if c.Metric == "" {
		if c.Version != 0 {
			return a, errors.New("a version needs the metric that it is of: give --metric too")
		}
		return a, nil
	}
	m, ok := metrics.ByID(c.Metric)
	if !ok {
		return a, fmt.Errorf("there is no metric %q; 'headway metrics list' prints them", c.Metric)
	}
	if c.Version != m.Version {
		return a, fmt.Errorf("this Headway has version %d of %s, not %d: run the Headway whose version of the definition you want",
			m.Version, m.ID, c.Version)
	}
	a.Metric, a.Version = m.ID, uint32(m.Version) //nolint:gosec // A small number of the catalogue.
	a.Title = fmt.Sprintf("%s: definition version %d", m.Title, m.Version)
	return a, nil
}
