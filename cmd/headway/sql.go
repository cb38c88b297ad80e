package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func sqlCommand(s *settings) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "sql QUERY",
		Short:   "Run a query as the user that may only read",
		Example: `  headway sql "SELECT service_id, count() FROM releases FINAL GROUP BY service_id"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			conn, err := client.Reader(c.Context())
			if err != nil {
				return err
			}
			columns, rows, err := conn.Query(c.Context(), args[0], nil)
			if err != nil {
				return err
			}
			return writeRows(c.OutOrStdout(), output, columns, rows)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	return c
}

// writeRows prints a result; NULL is an empty cell, and null in JSON.
func writeRows(w io.Writer, format string, columns []string, rows [][]any) error {
	switch format {
	case "json":
		list := make([]map[string]any, 0, len(rows))
		for _, r := range rows {
			o := make(map[string]any, len(columns))
			for i, c := range columns {
				o[c] = r[i]
			}
			list = append(list, o)
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	case "csv":
		out := csv.NewWriter(w)
		if err := out.Write(columns); err != nil {
			return err
		}
		for _, r := range rows {
			if err := out.Write(cells(r)); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	case "table":
		out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		line := func(list []string) {
			for i, s := range list {
				if i > 0 {
					fmt.Fprint(out, "\t")
				}
				fmt.Fprint(out, s)
			}
			fmt.Fprintln(out)
		}
		line(columns)
		for _, r := range rows {
			line(cells(r))
		}
		return out.Flush()
	}
	return fmt.Errorf("there is no format %q; use table, json or csv", format)
}

func cells(row []any) []string {
	out := make([]string, len(row))
	for i, v := range row {
		switch x := v.(type) {
		case nil:
		case time.Time:
			out[i] = x.Format(time.RFC3339)
		default:
			out[i] = fmt.Sprint(x)
		}
	}
	return out
}
