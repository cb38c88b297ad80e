package csv

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: it reads the watched files and publishes nothing.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	var out []collectors.Check
	for _, f := range s.cfg.Files {
		c := collectors.Check{What: "permission to read " + f.Path}
		var first *Line
		rows := 0
		err := readFile(f.Path, Table{f.Kind, s.cfg.Times()}, s.now(), func(l Line) error {
			if rows++; rows == 1 {
				first = &l
			}
			return nil
		})
		if err != nil {
			c.Problem = err.Error()
		} else {
			c.Detail = fmt.Sprintf("%d rows of %s are right", rows, f.Kind)
		}
		out = append(out, c)
		if first != nil {
			// Its error says that one sample is enough.
			_ = sample(ctx, first.Event)
		}
	}
	return out
}
