package derive

import (
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// TestTheCatalogsOwnerCountsBeforeThatOfTheConfiguration: from the day on which the
// catalog speaks, in whatever order the rows arrive.
func TestTheCatalogsOwnerCountsBeforeThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	on := func(d int) time.Time { return time.Date(2026, 5, d, 0, 0, 0, 0, time.UTC) }
	row := func(source string, from time.Time, team string) schema.Ownership {
		return schema.Ownership{Meta: schema.Meta{Source: source, Version: 1}, ServiceID: "shop", ValidFrom: from, TeamID: team}
	}
	rows := []schema.Ownership{
		row("config", schema.MinTime, "founders"), row("config", on(5), "movers"), row("config", on(20), "by hand"),
		row("backstage", on(10), "catalog"), row("backstage", on(25), "reorganised"),
	}
	backwards := []schema.Ownership{rows[4], rows[3], rows[2], rows[1], rows[0]}
	for _, list := range [][]schema.Ownership{rows, backwards} {
		for day, want := range map[int]string{1: "founders", 5: "movers", 9: "movers", 10: "catalog", 20: "catalog", 24: "catalog", 25: "reorganised"} {
			if got := teamAt(owners(list), on(day)); got != want {
				t.Errorf("on May %d the owner is %q, want %q", day, got, want)
			}
		}
	}
}
