package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/internal/app"
)

func backfillCommand(s *settings) *cobra.Command {
	var from string
	req := app.BackfillRequest{}
	c := &cobra.Command{
		Use:   "backfill SOURCE --from DATE",
		Short: "Read more of a system's past than its configuration asks for",
		Long: `Reads what happened at a source since a date, beside a Headway that runs. It
leaves 30 % of the system's rate limit to live polling, and asks at most --rate
times a second where no limit is stated. Interrupted, the same command goes on
where it was; once it has ended it changes nothing.`,
		Example: "  headway backfill github --from 2024-01-01",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			req.Source = args[0]
			var err error
			if req.From, err = parseTime("--from", from); err != nil {
				return err
			}
			if req.PerSecond <= 0 {
				return errors.New("--rate must be above 0")
			}
			opts, err := s.options()
			if err != nil {
				return err
			}
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			p := newProgress()
			var last collectors.BackfillProgress
			req.OnProgress = func(b collectors.BackfillProgress) { last = b; p.backfill(b) }
			ended, err := client.Backfill(c.Context(), opts, req)
			p.done()
			switch {
			case err != nil:
				return err
			case !ended.IsZero():
				_, err = fmt.Fprintf(c.OutOrStdout(), "the backfill of %s from %s ended on %s already; nothing was read\n",
					req.Source, req.From.Format(time.DateOnly), ended.Format(time.DateTime))
			default:
				_, err = fmt.Fprintf(c.OutOrStdout(), "backfill of %s from %s: %d events\n", req.Source, req.From.Format(time.DateOnly), last.Events)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "date (2026-01-31) or RFC 3339 time to read from")
	f.Float64Var(&req.PerSecond, "rate", 5, "most requests a second")
	if err := c.MarkFlagRequired("from"); err != nil {
		panic(err) // The flag is defined above.
	}
	return c
}

// backfill shows how far a backfill is: a bar where the total is known, else lines.
func (p *progress) backfill(b collectors.BackfillProgress) {
	switch {
	case b.Waiting > time.Minute:
		p.step(fmt.Sprintf("Waiting until %s: %s", time.Now().Add(b.Waiting).Format(time.TimeOnly), b.Reason))
	case b.Total > 0:
		p.count(b.Done, b.Total, b.Unit, false)
	default:
		p.mu.Lock()
		defer p.mu.Unlock()
		if time.Since(p.said) >= sayEvery {
			p.said = time.Now()
			fmt.Fprintf(os.Stderr, "  %d events\n", b.Events)
		}
	}
}
