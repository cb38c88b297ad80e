package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// readyTimeout bounds the question, for use as a container's health check.
const readyTimeout = 4 * time.Second

func readyCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "ready",
		Short: "Ask the Headway on this machine whether it is ready (for health checks)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
			if err != nil {
				return err
			}
			resp, err := (&http.Client{Timeout: readyTimeout}).Do(req)
			if err != nil {
				return fmt.Errorf("nothing answers: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				_, err = fmt.Fprintln(c.OutOrStdout(), "ready")
				return err
			}
			var body struct {
				Problems map[string]string `json:"problems"`
			}
			if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
				return fmt.Errorf("not ready: %s", resp.Status)
			}
			var list []error
			for part, problem := range body.Problems {
				list = append(list, fmt.Errorf("%s is not ready: %s", part, problem))
			}
			return errors.Join(list...)
		},
	}
}
