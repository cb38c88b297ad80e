package main

import (
	"github.com/spf13/cobra"
)

func dashboardsCommand(*settings) *cobra.Command {
	return &cobra.Command{Use: "dashboards", Short: "Verify, write and publish the Grafana dashboards"}
}
