package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/app"
)

func recomputeCommand(s *settings) *cobra.Command {
	var req app.RecomputeRequest
	c := &cobra.Command{
		Use:   "recompute [--metric ID --version N]",
		Short: "Derive the whole history anew and switch to it",
		Long: `Derives every release, change and incident anew from the stored facts, with the
rules of this binary and the options of the configuration, in tables beside those
in force; exchanges them; and writes an annotation that the dashboards show. Until
the switch every number stays as it was. Interrupted before, it has changed
nothing; the same command starts over and cleans up.

Use it after an upgrade that changes the definition of a metric (--metric and
--version say which, and must be what this binary computes), or after a change of
the options under derive. Headway goes on meanwhile, but every 'headway pipeline'
that runs must have this version and these options, or it brings its own results back.
To never see results of two rules side by side: stop the pipeline, recompute, start
the new one; events wait in Kafka.`,
		Example: `  headway recompute --metric change_failure_rate --version 2 --reason "Hotfixes blame the release they mend"
  headway recompute --reason "fan_out_window is 1h now"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			p := newProgress()
			req.OnStep = p.step
			req.OnProgress = func(done, total int) { p.count(int64(done), int64(total), "services", false) }
			a, services, err := client.Recompute(c.Context(), req)
			p.done()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s, of %d services; in force since %s\n", a.Title, services, a.At.Format("2006-01-02 15:04:05 MST"))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&req.Metric, "metric", "", "the metric whose definition has changed")
	f.IntVar(&req.Version, "version", 0, "the version of its definition that this binary computes")
	f.StringVar(&req.Reason, "reason", "", "what the annotation says besides")
	c.MarkFlagsRequiredTogether("metric", "version")
	if err := c.RegisterFlagCompletionFunc("metric", completeMetric); err != nil {
		panic(err) // The flag is defined above.
	}
	return c
}
