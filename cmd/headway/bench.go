package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/bench"
)

func benchCommand(s *settings) *cobra.Command {
	o := bench.Options{}
	var profile string
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure throughput and freshness of a whole Headway on this machine",
		Long: `Starts a Headway of its own in a temporary directory, sends it events of real size
as fast as it takes them, and measures until every one of them is a visible row; then
measures how long an event takes until a metric query sees it, and what each part does
alone with the same events. The generator runs on the same machine.

The mix "github" is signed webhooks, 12.5 KB on average, one a request. The mix "mixed"
is, by number, what the build systems and repositories of a company of 10,000 developers
send: 100 CDEvents of jobs of 1 to 2 KB, in batches, for every 9 webhooks.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := s.logger()
			if err != nil {
				return err
			}
			stop, err := cpuProfile(profile)
			if err != nil {
				return err
			}
			defer stop()
			p := newProgress()
			o.Logger, o.OnStep = log, p.step
			r, err := bench.Run(c.Context(), o)
			p.done()
			if err != nil {
				return err
			}
			return r.Write(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&o.Mix, "mix", bench.MixMixed, "what is sent: mixed or github")
	f.IntVar(&o.Batch, "batch", 100, "job events in one request of the mixed mix")
	f.DurationVar(&o.Load, "load", 20*time.Second, "how long to send as fast as possible")
	f.DurationVar(&o.Fresh, "fresh", 20*time.Second, "how long to measure freshness; 0 measures none")
	f.DurationVar(&o.Limit, "limit", 3*time.Second, "how long to measure each part alone; 0 measures none")
	f.IntVar(&o.Rate, "rate", 500, "events per second beside the freshness probes")
	f.IntVar(&o.Workers, "workers", 128, "requests under way at once")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile of Headway's own process to this file")
	c.AddCommand(benchYear(s), benchRepository(s))
	return c
}

// cpuProfile records where the time goes until stop is called; an empty path
// records nothing.
func cpuProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path) //nolint:gosec // The user names the file.
	if err != nil {
		return nil, fmt.Errorf("creating the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "closing the profile:", err)
		}
	}, nil
}
