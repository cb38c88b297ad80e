package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/collectors/git"
	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/config"
)

func upCommand(s *settings) *cobra.Command {
	var repos []string
	var tags string
	c := &cobra.Command{
		Use:   "up",
		Short: "Start everything: collectors, pipeline, dashboards, and embedded servers where none are named",
		Long: `Starts everything that headway.yaml configures, in one process. Without
kafka.brokers and clickhouse.addresses it also starts a Kafka-protocol broker and a
ClickHouse engine on this machine, with their data in the data directory.`,
		Example: `  headway up
  headway up --git shop=https://github.com/acme/shop --tags 'v*'
  headway up --git shop=../shop --git cart=git@github.com:acme/cart.git`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			list, err := parseRepos(repos, tags)
			if err != nil {
				return err
			}
			return s.runApp(c.Context(), app.Options{Config: cfg, Roles: app.AllRoles(), Git: list}, nil)
		},
	}
	c.Flags().StringArrayVar(&repos, "git", nil, "measure a git repository: NAME=PATH_OR_URL (repeatable)")
	c.Flags().StringVar(&tags, "tags", "", "glob of the tags that are releases (default: tags that look like a version)")
	return c
}

func parseRepos(repos []string, tags string) ([]git.Repository, error) {
	var out []git.Repository
	for _, r := range repos {
		name, url, ok := strings.Cut(r, "=")
		if !ok || name == "" || url == "" {
			return nil, fmt.Errorf("--git %q is not NAME=PATH_OR_URL; write for example --git shop=../shop", r)
		}
		out = append(out, git.Repository{Name: name, URL: url, Tags: tags})
	}
	return out, nil
}

func roleCommand(s *settings, name, short string, roles app.Roles) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Long: short + ` in a process of its own, with the servers named in headway.yaml
or the embedded ones that another process runs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			return s.runApp(c.Context(), app.Options{Config: cfg, Roles: roles}, nil)
		},
	}
}

// runApp starts an app, prints where it is, calls then, and waits for the end.
func (s *settings) runApp(ctx context.Context, opts app.Options, then func(context.Context, *app.App) error) error {
	log, err := s.logger()
	if err != nil {
		return err
	}
	p := newProgress()
	opts.Logger, opts.OnProgress, opts.OnDownload = log, p.step, p.download
	a, err := app.New(opts)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	p.done()
	if then != nil {
		if err := then(ctx, a); err != nil {
			stopErr := a.Stop(context.WithoutCancel(ctx))
			if ctx.Err() != nil {
				return stopErr // Ctrl-C during the load is a clean end.
			}
			return err
		}
	}
	printPlaces(a, opts.Config)
	err = a.Wait(ctx)
	p.step("Stopped")
	p.done()
	return err
}

func printPlaces(a *app.App, cfg config.Config) {
	places := a.Places()
	width := 0
	for _, p := range places {
		width = max(width, len(p.Label))
	}
	fmt.Printf("\nHeadway measures %s.\n\n", cfg.Organisation)
	for _, p := range places {
		fmt.Printf("  %-*s  %s\n", width+1, p.Label+":", p.URL)
	}
	fmt.Printf("\nData is kept in %s. Ctrl-C stops; the same command goes on where it was.\n", cfg.DataDir)
}
