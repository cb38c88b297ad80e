package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/pipeline"
)

func deadletterCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "deadletter", Short: "List, show and retry events that no parser could read"}
	var f pipeline.LetterFilter
	var reason, output string
	filter := func(c *cobra.Command) {
		c.Flags().StringVar(&f.Source, "source", "", "only of this source")
		c.Flags().StringVar(&reason, "reason", "", "only with this reason")
	}
	list := &cobra.Command{
		Use: "list", Short: "List dead letters, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.letters(c, func(d *pipeline.Deadletters) error {
				f.Reason = pipeline.Reason(reason)
				letters, err := d.List(c.Context(), f)
				if err != nil {
					return err
				}
				rows := make([][]any, 0, len(letters))
				for _, l := range letters {
					rows = append(rows, []any{l.Source, l.EventID, l.Type, string(l.Reason), l.Detail, l.ReceivedAt, l.Bytes, l.Understood})
				}
				columns := []string{"source", "id", "type", "reason", "detail", "received_at", "bytes", "understood"}
				return writeRows(c.OutOrStdout(), output, columns, rows)
			})
		},
	}
	filter(list)
	list.Flags().IntVar(&f.Limit, "limit", 100, "at most this many, newest first")
	list.Flags().BoolVar(&f.Understood, "understood", false, "also those that a later attempt has read")
	list.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	show := &cobra.Command{
		Use: "show SOURCE ID", Short: "Print the payload of a dead letter as it came", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return s.letters(c, func(d *pipeline.Deadletters) error {
				l, payload, err := d.Show(c.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s %s: %s: %s\n", l.Source, l.Type, l.Reason, l.Detail)
				_, err = c.OutOrStdout().Write(append(payload, '\n'))
				return err
			})
		},
	}
	retry := &cobra.Command{
		Use: "retry [ID …]", Short: "Hand dead letters to the pipeline again",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && f.Source == "" && reason == "" {
				return errors.New("name ids, --source or --reason; to retry everything, name every source")
			}
			return s.letters(c, func(d *pipeline.Deadletters) error {
				f.EventIDs, f.Reason, f.Limit = args, pipeline.Reason(reason), 0 // All of them.
				r, err := d.Retry(c.Context(), f)
				if err != nil {
					return err
				}
				if n := len(r.Hopeless); n > 0 {
					fmt.Fprintf(c.ErrOrStderr(), "%d cannot be tried again: they never were events\n", n)
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d published again; 'headway deadletter list' shows which are still dead\n", len(r.Published))
				return err
			})
		},
	}
	filter(retry)
	c.AddCommand(list, show, retry)
	return c
}

func (s *settings) letters(c *cobra.Command, do func(*pipeline.Deadletters) error) error {
	client, err := s.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	d, err := client.Deadletters(c.Context())
	if err != nil {
		return err
	}
	return do(d)
}

func replayCommand(s *settings) *cobra.Command {
	var req pipeline.ReplayRequest
	var from, to string
	c := &cobra.Command{
		Use:   "replay",
		Short: "Apply this binary's parsers to the events of a source again",
		Long: `Reads the raw events of a source from Kafka again and stores what this
binary's parser makes of them. Nothing is counted twice. An interrupted replay goes
on where it was when the same command is given again.`,
		Example: "  headway replay --source github --from 2026-01-01",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if req.From, err = parseTime("--from", from); err != nil {
				return err
			}
			if req.To, err = parseTime("--to", to); err != nil {
				return err
			}
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			r, err := client.Replayer(c.Context())
			if err != nil {
				return err
			}
			req.Progress = func(p pipeline.ReplayProgress) {
				fmt.Fprintf(c.ErrOrStderr(), "  replay %d: %d events, up to %s\n", p.Number, p.Events, p.At.Format(time.RFC3339))
			}
			p, err := r.Run(c.Context(), req)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "replay %d of %s: %d events, %d facts, %d ignored, %d dead\n",
				p.Number, req.Source, p.Events, p.Facts, p.Ignored, p.Dead)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&req.Source, "source", "", "the source whose events are read again")
	f.StringVar(&from, "from", "", "events received from this date or RFC 3339 time on (default: all)")
	f.StringVar(&to, "to", "", "events received before this time (default: up to now)")
	f.BoolVar(&req.DryRun, "dry-run", false, "count, and change nothing")
	if err := c.MarkFlagRequired("source"); err != nil {
		panic(err) // The flag is defined above.
	}
	return c
}

func parseTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is not a date; write 2026-01-31 or an RFC 3339 time", flag, s)
}
