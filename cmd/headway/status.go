package main

import (
	"github.com/spf13/cobra"
)

// statusSQL says of every source when it was last heard of and what became of
// its events.
const statusSQL = `
SELECT source,
       max(received_at) AS last_event,
       count() AS events,
       countIf(outcome = 'facts') AS understood,
       countIf(outcome = 'ignored') AS ignored,
       countIf(outcome = 'dead') AS dead
FROM received FINAL
GROUP BY source
ORDER BY source`

func statusCommand(s *settings) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "status",
		Short: "Print what has come from each source, and when",
		Args:  cobra.NoArgs,
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
			columns, rows, err := conn.Query(c.Context(), statusSQL, nil)
			if err != nil {
				return err
			}
			return writeRows(c.OutOrStdout(), output, columns, rows)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	return c
}
