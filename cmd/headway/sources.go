package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/internal/app"
)

func sourcesCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "sources", Short: "List, watch and try out the systems that Headway reads"}
	c.AddCommand(s.sourcesList(), s.sourcesStatus(), s.sourcesTest())
	return c
}

// options are those of commands that make sources without starting anything.
func (s *settings) options() (app.Options, error) {
	cfg, err := s.load()
	if err != nil {
		return app.Options{}, err
	}
	log, err := s.logger()
	return app.Options{Config: cfg, Logger: log}, err
}

func (s *settings) sourcesList() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "List every source and whether it is configured", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opts, err := s.options()
			if err != nil {
				return err
			}
			lines, err := app.Sources(opts)
			if err != nil {
				return err
			}
			rows := make([][]any, 0, len(lines))
			for _, l := range lines {
				rows = append(rows, []any{l.Name, l.Title, string(l.Group), l.Configured, strings.Join(l.Paths, " "), l.Polls})
			}
			return writeRows(c.OutOrStdout(), output, []string{"source", "title", "group", "configured", "paths", "asks_for"}, rows)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	return c
}

func (s *settings) sourcesStatus() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "status", Short: "Print how each source is doing: events, what waits, polls, rate budget, errors",
		Long: `Prints for each source its last event, its events by what became of them, how
many wait in Kafka to be loaded, its last and next poll, what is left of the
system's rate limit, and the last error.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.SourceHealth(c.Context())
			if err != nil {
				return err
			}
			rows := make([][]any, 0, len(list))
			for _, st := range list {
				rows = append(rows, statusRow(st, time.Now()))
			}
			return writeRows(c.OutOrStdout(), output, statusColumns(), rows)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	return c
}

func statusColumns() []string {
	return []string{
		"source", "last_event", "idle_seconds", "events", "understood", "ignored", "dead", "waiting",
		"last_poll", "next_poll", "budget_remaining", "budget_limit", "budget_reset", "failures", "error",
	}
}

// statusRow is a line of 'sources status'; nil is what is not known.
func statusRow(st app.SourceHealth, now time.Time) []any {
	row := []any{st.Source, moment(st.LastEvent), nil, st.Events, st.Facts, st.Ignored, st.Dead, st.Waiting, nil, nil, nil, nil, nil, nil, ""}
	if !st.LastEvent.IsZero() {
		row[2] = int64(max(0, now.Sub(st.LastEvent)).Seconds())
	}
	if p := st.Poll; p != nil {
		row[8], row[9], row[13], row[14] = moment(p.LastStart), moment(p.NextRun), p.Failures, p.LastError
		if b := p.Budget; b != nil {
			row[10], row[11], row[12] = b.Remaining, b.Limit, moment(b.Reset)
		}
	}
	return row
}

// moment is a time, or nil for none.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func (s *settings) sourcesTest() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "test NAME",
		Short: "Try a source out: credentials, permissions by name, one sample; nothing is published",
		Long: `Asks the system with the configured credentials, says of each permission
whether it is there and what is missing without it, and shows what one sample
would become. It changes nothing, there or here. Headway need not run; when it
does, the last event of the source and what became of its events are told too.`,
		Example: "  headway sources test github",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			opts, err := s.options()
			if err != nil {
				return err
			}
			trial, err := app.TestSource(c.Context(), opts, args[0])
			if err != nil {
				return err
			}
			if err := writeTrial(c.OutOrStdout(), output, trial); err != nil {
				return err
			}
			for _, check := range trial.Checks {
				if check.Problem != "" {
					return errors.New("not everything is well; see above")
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func writeTrial(w io.Writer, format string, t collectors.Trial) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(t)
	case "table":
		for _, c := range t.Checks {
			mark := "ok  "
			if c.Problem != "" {
				mark = "FAIL"
			}
			if _, err := fmt.Fprintf(w, "%s  %s: %s\n", mark, c.What, cmp.Or(c.Problem, c.Detail)); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("there is no format %q; use table or json", format)
}
