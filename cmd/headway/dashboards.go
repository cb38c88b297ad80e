package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/dashboards/grafanaapi"
	"github.com/headway-metrics/headway/dashboards/model"
	"github.com/headway-metrics/headway/dashboards/verify"
	"github.com/headway-metrics/headway/internal/secret"
)

func dashboardsCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "dashboards", Short: "Write, verify and publish the Grafana dashboards"}
	c.AddCommand(generateDashboards(), verifyDashboards(s), publishDashboards())
	return c
}

func generateDashboards() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "generate",
		Short: "Write the dashboards as JSON files",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return dashboards.Generate(dir) },
	}
	c.Flags().StringVar(&dir, "dir", "dashboards-json", "directory to write to")
	return c
}

func verifyDashboards(s *settings) *cobra.Command {
	var o verify.Options
	var quiet bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Run every query of every dashboard against ClickHouse",
		Long: `Runs every query of every panel, variable and annotation as Grafana would,
and fails on an error or a missing column; with --sample also on an empty result.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			conn, err := client.Reader(c.Context())
			if err != nil {
				return err
			}
			all, err := dashboards.All()
			if err != nil {
				return err
			}
			models := make([]model.Dashboard, 0, len(all))
			for _, d := range all {
				models = append(models, d.Model)
			}
			report, err := verify.Verify(c.Context(), conn, models, o)
			if err != nil {
				return err
			}
			return printReport(c, report, quiet)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Sample, "sample", false, "the data is the sample organisation: an empty result is a failure")
	f.StringVar(&o.From, "from", "", "begin of the window, as in Grafana (default: each dashboard's own)")
	f.StringVar(&o.To, "to", "", "end of the window, as in Grafana")
	f.BoolVarP(&quiet, "quiet", "q", false, "print problems only")
	return c
}

func printReport(c *cobra.Command, report verify.Report, quiet bool) error {
	var slowest time.Duration
	for _, r := range report.Results {
		slowest = max(slowest, r.Took)
		if quiet && len(r.Problems) == 0 {
			continue
		}
		mark := "ok  "
		if len(r.Problems) > 0 {
			mark = "FAIL"
		}
		fmt.Fprintf(c.OutOrStdout(), "%s  %6d rows  %8s  %s: %s %s\n", mark, r.Rows, r.Took.Round(time.Millisecond), r.Dashboard, r.Where, r.RefID)
	}
	if err := report.Err(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%d queries, all well; the slowest took %s\n", len(report.Results), slowest.Round(time.Millisecond))
	return err
}

// tokenVariable holds the Grafana token, so that it is in no command line.
const tokenVariable = "HEADWAY_GRAFANA_TOKEN"

func publishDashboards() *cobra.Command {
	var address string
	folder := grafanaapi.Folder{UID: "headway", Title: "Headway"}
	c := &cobra.Command{
		Use:   "publish",
		Short: "Write the dashboards to a Grafana by its API",
		Long: `Writes the dashboards into a folder of a Grafana. The token of a service
account with the Editor role is read from ` + tokenVariable + `. Publishing again changes
nothing that is the same.`,
		Example: "  HEADWAY_GRAFANA_TOKEN=… headway dashboards publish --grafana https://grafana.example.com",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			token, err := fromEnvironment(tokenVariable)
			if err != nil {
				return err
			}
			client, err := grafanaapi.NewClient(address, secret.String(token))
			if err != nil {
				return err
			}
			all, err := dashboards.All()
			if err != nil {
				return err
			}
			list := make([]grafanaapi.Dashboard, 0, len(all))
			for _, d := range all {
				list = append(list, grafanaapi.Dashboard{UID: d.Model.UID, JSON: d.JSON})
			}
			report, err := client.Publish(c.Context(), folder, clickhousequery.PluginID, list)
			if err != nil {
				return err
			}
			if report.Warning != "" {
				fmt.Fprintln(c.ErrOrStderr(), "warning:", report.Warning)
			}
			for _, p := range report.Dashboards {
				fmt.Fprintf(c.OutOrStdout(), "%-9s  %s\n", p.Action, p.URL)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&address, "grafana", "http://127.0.0.1:3000", "URL of Grafana")
	f.StringVar(&folder.UID, "folder-uid", folder.UID, "uid of the folder")
	f.StringVar(&folder.Title, "folder", folder.Title, "title of the folder")
	return c
}
