package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/bench"
	"github.com/headway-metrics/headway/internal/bench/year"
)

func benchYear(s *settings) *cobra.Command {
	o := bench.YearOptions{}
	var end, profile string
	c := &cobra.Command{
		Use:   "year",
		Short: "Measure a generated year of an organisation of 10,000 developers",
		Long: `Makes a year of a large organisation in a ClickHouse of its own, derives
everything from it, runs every query of every dashboard over the whole year, and
sends one late event. At scale 1 it makes 120 million rows and needs some
10 GB of disk and 8 GB of memory. With --keep the year stays and is used again:

  headway bench year --scale 0.05
  headway bench year --keep /var/tmp/year
  headway bench year --keep /var/tmp/year --only panels`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := s.logger()
			if err != nil {
				return err
			}
			if o.Year.End, err = time.Parse(time.DateOnly, end); err != nil {
				return fmt.Errorf("--end: use a date such as 2026-06-29: %w", err)
			}
			stop, err := cpuProfile(profile)
			if err != nil {
				return err
			}
			defer stop()
			p := newProgress()
			o.Logger, o.OnStep = log, p.step
			r, err := bench.RunYear(c.Context(), o)
			p.done()
			if err != nil {
				return err
			}
			return r.Write(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.Float64Var(&o.Year.Scale, "scale", 1, "size of the organisation; 1 is 10,000 developers")
	f.Uint64Var(&o.Year.Seed, "seed", 1, "the same seed, scale and end give the same rows")
	f.StringVar(&end, "end", year.LastMonday(time.Now()).Format(time.DateOnly), "the Monday before which the year ends")
	f.StringVar(&o.Dir, "keep", "", "directory to keep the data in, and to use again when it holds this year")
	f.StringSliceVar(&o.Only, "only", nil, "steps to do, of "+strings.Join(bench.YearSteps(), ", ")+" (default all)")
	f.IntVar(&o.Runs, "runs", 5, "counted runs of each query, after one that is not counted")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile of Headway's own process to this file")
	return c
}
