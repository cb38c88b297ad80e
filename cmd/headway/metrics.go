package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/schema/metrics"
)

func metricsCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "metrics", Short: "List metrics and print their values"}
	var format string
	list := &cobra.Command{
		Use:   "list",
		Short: "List the metrics",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return metrics.Write(c.OutOrStdout(), metrics.Format(format), metrics.List(metrics.Catalogue()))
		},
	}
	list.Flags().StringVarP(&format, "output", "o", string(metrics.Table), "table, json or csv")
	c.AddCommand(list, getCommand(s))
	return c
}

// question holds the flags of a question about a metric, under the names that
// the HTTP API gives its parameters.
type question struct {
	by       []string
	every    string
	from, to string
	zone     string
	output   string
	// benchmark is a flag of points only.
	benchmark string
	filters   map[string]*[]string
}

func (q *question) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&q.by, "by", nil, "split by dimensions, such as team or service")
	f.StringVar(&q.every, "every", "", "day, week, month, quarter or total")
	f.StringVar(&q.from, "from", "", "begin of the window: a date or RFC 3339")
	f.StringVar(&q.to, "to", "", "end of the window, not included")
	f.StringVar(&q.zone, "zone", "", "reporting time zone (default: the configured one)")
	f.StringVarP(&q.output, "output", "o", string(metrics.Table), "table, json or csv")
	q.filters = map[string]*[]string{}
	for _, m := range metrics.Catalogue() {
		for _, d := range m.Dimensions {
			if name := string(d); q.filters[name] == nil {
				q.filters[name] = f.StringSlice(name, nil, "only this "+strings.ReplaceAll(name, "_", " "))
			}
		}
	}
}

func (q *question) values() url.Values {
	v := url.Values{}
	for name, list := range q.filters {
		if len(*list) > 0 {
			v[name] = *list
		}
	}
	if len(q.by) > 0 {
		v["by"] = q.by
	}
	for name, value := range map[string]string{"every": q.every, "from": q.from, "to": q.to, "zone": q.zone, "benchmark": q.benchmark} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// completeMetric offers metric ids to the shell.
func completeMetric(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var out []string
	if len(args) == 0 {
		for _, m := range metrics.Catalogue() {
			out = append(out, m.ID+"\t"+m.Title)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func getCommand(s *settings) *cobra.Command {
	q := &question{}
	c := &cobra.Command{
		Use:               "get METRIC",
		Short:             "Print the values of a metric",
		Example:           "  headway metrics get lead_time --by team --every week --from 2026-01-01 -o csv",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeMetric,
		RunE: func(c *cobra.Command, args []string) error {
			return s.ask(c, q, args[0], func(e *metrics.Engine, r metrics.Request) (metrics.Answer, error) {
				return e.Get(c.Context(), r)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&q.benchmark, "benchmark", "", "show the ranges of this edition of DORA's report beside the values: 2023, 2024 or off")
	return c
}

func explainCommand(s *settings) *cobra.Command {
	q := &question{}
	var limit int
	c := &cobra.Command{
		Use:               "explain METRIC",
		Short:             "Print the rows, rules and evidence behind a metric",
		Example:           "  headway explain change_failure_rate --service checkout-api --from 2026-01-01",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeMetric,
		RunE: func(c *cobra.Command, args []string) error {
			return s.ask(c, q, args[0], func(e *metrics.Engine, r metrics.Request) (metrics.Answer, error) {
				if q.output == string(metrics.Table) {
					return e.Report(c.Context(), r, limit)
				}
				return e.Explain(c.Context(), r, limit)
			})
		},
	}
	q.flags(c)
	c.Flags().IntVar(&limit, "limit", 100, "most rows to print")
	return c
}

func (s *settings) ask(c *cobra.Command, q *question, metric string, answer func(*metrics.Engine, metrics.Request) (metrics.Answer, error)) error {
	cfg, err := s.load()
	if err != nil {
		return err
	}
	client, err := s.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	conn, err := client.Reader(c.Context())
	if err != nil {
		return err
	}
	engine := metrics.NewEngine(conn, nil).WithBenchmark(cfg.Metrics.Benchmark)
	r, err := engine.Parse(c.Context(), metric, q.values())
	if err != nil {
		return err
	}
	a, err := answer(engine, r)
	if err != nil {
		return err
	}
	return metrics.Write(c.OutOrStdout(), metrics.Format(q.output), a)
}
