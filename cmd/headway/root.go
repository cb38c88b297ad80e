package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/telemetry"
)

// defaultConfig is read when it is there and no other is named.
const defaultConfig = "headway.yaml"

// settings are the flags that every command has.
type settings struct {
	config, dataDir, listen, logLevel, logFormat string
}

func newRoot() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:   "headway",
		Short: "Delivery and platform metrics that are right, seconds old, and explainable to the row",
		Long: `Headway collects events from version control, CI/CD, incident, ticketing and
platform systems into Kafka, computes DORA and platform metrics into ClickHouse,
and shows them on generated Grafana dashboards.

  headway up --git shop=https://github.com/acme/shop     measure a repository
  headway demo                                           look at a sample organisation
  headway metrics get lead_time --by team --every week   print a metric
  headway explain lead_time --service shop               print the rows behind it`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	f := root.PersistentFlags()
	f.StringVarP(&s.config, "config", "c", "", "configuration file (default headway.yaml, if it exists)")
	f.StringVar(&s.dataDir, "data-dir", "", "directory of the embedded servers' data (overrides data_dir)")
	f.StringVar(&s.listen, "listen", "", "address of the HTTP server (overrides http.listen)")
	f.StringVar(&s.logLevel, "log-level", "warn", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	root.AddCommand(
		upCommand(s), demoCommand(s), roleCommand(s, "collect", "Receive webhooks and poll sources", app.Roles{Collect: true}),
		roleCommand(s, "pipeline", "Load events and derive metrics", app.Roles{Pipeline: true}),
		roleCommand(s, "portal", "Serve dashboards, the metrics API and surveys", app.Roles{Portal: true}),
		roleCommand(s, "servers", "Run only the embedded Kafka broker and ClickHouse", app.Roles{Servers: true}),
		metricsCommand(s), explainCommand(s), sqlCommand(s), dashboardsCommand(s), configCommand(s), sourcesCommand(s), backfillCommand(s), importCommand(s), recomputeCommand(s), identityCommand(s), statusCommand(s), readyCommand(s),
		doctorCommand(s), deadletterCommand(s), replayCommand(s), surveyCommand(s), generateCommand(), benchCommand(s), versionCommand(),
	)
	return root
}

// load reads the configuration and applies the flags to it.
func (s *settings) load() (config.Config, error) {
	cfg, err := s.read()
	if err != nil {
		return cfg, err
	}
	if s.dataDir != "" {
		cfg.DataDir = s.dataDir
	}
	if s.listen != "" {
		cfg.HTTP.Listen = s.listen
	}
	return cfg, cfg.Validate()
}

func (s *settings) read() (config.Config, error) {
	if s.config != "" {
		return config.Load(s.config)
	}
	cfg, err := config.Load(defaultConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil
	}
	return cfg, err
}

func (s *settings) logger() (*slog.Logger, error) {
	return telemetry.NewLogger(os.Stderr, s.logLevel, s.logFormat)
}

// dial reads the configuration and finds the servers that run.
func (s *settings) dial() (*app.Client, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	log, err := s.logger()
	if err != nil {
		return nil, err
	}
	return app.Dial(cfg, log)
}

// fromEnvironment reads a secret that must not stand in a command line.
func fromEnvironment(name string) (string, error) {
	v := os.Getenv(name)
	if v == "" {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return v, nil
}
