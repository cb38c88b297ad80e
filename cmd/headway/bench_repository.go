package main

import (
	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/bench"
)

func benchRepository(s *settings) *cobra.Command {
	o := bench.RepositoryOptions{}
	var profile string
	c := &cobra.Command{
		Use:   "repository",
		Short: "Measure one large git repository, from the start and after pushes",
		Long: `Makes a repository with git fast-import, starts a Headway of its own that reads it
as 'headway up --git' does, and measures until all is derived; then pushes commits and
a tag and measures until the release is visible.`,
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
			r, err := bench.RunRepository(c.Context(), o)
			p.done()
			if err != nil {
				return err
			}
			return r.Write(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.IntVar(&o.Commits, "commits", 250_000, "commits of the repository")
	f.IntVar(&o.Pushes, "pushes", 5, "pushes that are measured")
	f.Uint64Var(&o.Seed, "seed", 1, "the same seed gives the same repository, but for its times")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile of Headway's own process to this file")
	return c
}
