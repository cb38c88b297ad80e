package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/internal/app"
)

func configCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check the configuration and print its schema"}
	c.AddCommand(
		&cobra.Command{
			Use:   "validate",
			Short: "Check headway.yaml without asking anybody",
			Args:  cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				cfg, err := s.load()
				if err != nil {
					return err
				}
				log, err := s.logger()
				if err != nil {
					return err
				}
				if err := app.CheckSources(app.Options{Config: cfg, Logger: log}); err != nil {
					return err
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), "the configuration is valid")
				return err
			},
		},
		&cobra.Command{
			Use:   "test",
			Short: "Check headway.yaml and reach every server it names",
			Args:  cobra.NoArgs,
			RunE:  func(c *cobra.Command, _ []string) error { return s.examine(c) },
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON Schema of headway.yaml, for editors",
			Args:  cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				enc := json.NewEncoder(c.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(app.ConfigSchema())
			},
		},
	)
	return c
}

func doctorCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this installation",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return s.examine(c) },
	}
}

// examine runs every check and prints one line each.
func (s *settings) examine(c *cobra.Command) error {
	cfg, err := s.load()
	if err != nil {
		return err
	}
	log, err := s.logger()
	if err != nil {
		return err
	}
	bad := 0
	for _, r := range app.Examine(c.Context(), cfg, log) {
		mark := "ok  "
		if r.Problem != "" {
			mark = "FAIL"
			bad++
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s  %-12s %s\n", mark, r.Part, r.Text()); err != nil {
			return err
		}
	}
	if bad > 0 {
		return errors.New("not everything is well; see above")
	}
	return nil
}
