package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/reference"
	"github.com/headway-metrics/headway/schema/metrics"
)

// Generated files, below the repository's root.
const (
	grafanaDir  = "deploy/grafana/dashboards"
	metricsFile = "docs/reference/metrics.md"
	schemaFile  = "docs/reference/headway.schema.json"
	sourcesFile = "docs/reference/sources.md"
)

func generateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "generate",
		Short:  "Write the generated files of this repository: dashboards, reference docs, schema",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := dashboards.Generate(grafanaDir); err != nil {
				return err
			}
			schema, err := json.MarshalIndent(app.ConfigSchema(), "", "  ")
			if err != nil {
				return fmt.Errorf("encoding the schema: %w", err)
			}
			sources, err := reference.Sources(os.DirFS("."), all.Entries())
			if err != nil {
				return fmt.Errorf("describing the sources: %w", err)
			}
			for path, content := range map[string][]byte{
				metricsFile: []byte(metrics.Reference()),
				sourcesFile: sources,
				schemaFile:  append(bytes.TrimSpace(schema), '\n'),
			} {
				if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
					return fmt.Errorf("making a directory: %w", err)
				}
				if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // Documentation is for everybody.
					return fmt.Errorf("writing %s: %w", path, err)
				}
			}
			return nil
		},
	}
}
