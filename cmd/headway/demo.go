package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/demo"
	"github.com/headway-metrics/headway/surveys"
)

func demoCommand(s *settings) *cobra.Command {
	var opts demo.Options
	var end string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Start everything with a made-up organisation of 12 teams and 40 services",
		Long: `Makes up an organisation and 180 days of its work, starts Headway, and has
every system of the organisation send its events through the real endpoints. Every
page says that the data is a sample. Run it again to go on with the same data;
remove the directory to begin anew.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opts.Dir = cmp.Or(s.dataDir, ".headway/demo")
			if end != "" {
				var err error
				if opts.End, err = time.Parse(time.DateOnly, end); err != nil {
					return fmt.Errorf("--end %q is no date; write for example 2026-06-30", end)
				}
			}
			return s.runDemo(c.Context(), opts)
		},
	}
	f := c.Flags()
	f.StringVar(&opts.Backstage, "backstage-listen", "127.0.0.1:17007", "where the sample's Backstage answers")
	f.StringVar(&end, "end", "", "last day of the history of a new organisation (default today)")
	f.Uint64Var(&opts.Seed, "seed", 0, fmt.Sprintf("seed of a new organisation (default %d)", demo.Seed))
	f.BoolVar(&opts.FreePorts, "free-ports", false, "use any free ports for the embedded servers instead of those of the configuration")
	return c
}

func (s *settings) runDemo(ctx context.Context, opts demo.Options) (err error) {
	d, err := demo.Prepare(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close(context.WithoutCancel(ctx))) }()
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	if s.listen != "" {
		cfg.HTTP.Listen = s.listen
	}
	err = s.runApp(ctx, app.Options{Config: cfg, Roles: app.AllRoles(), Sample: true}, func(ctx context.Context, a *app.App) error {
		p := newProgress()
		p.step("Loading the sample organisation")
		began := time.Now()
		res, err := d.Load(ctx, a, func(done, total int) {
			p.count(int64(done), int64(total), "events", false)
			if done == total {
				p.step("Computing")
			}
		})
		p.done()
		if err != nil {
			return err
		}
		if err := a.InviteGuest(ctx, "platform", surveys.Person{ID: "guest@acme.example", Team: "checkout"}); err != nil {
			return err
		}
		if res.Accepted > 0 {
			fmt.Printf("\n%d events accepted and %d forged ones refused in %s.\n", res.Accepted, res.Refused, time.Since(began).Round(100*time.Millisecond))
		}
		fmt.Printf(`
Next, in another terminal:
  bin/headway -c %[1]s metrics get lead_time --by team
  bin/headway -c %[1]s explain change_failure_rate --service shipping-api
  bin/headway up --git NAME=PATH_OR_URL        your own repository, after Ctrl-C here
`, d.ConfigPath)
		return nil
	})
	return err
}
