package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/internal/app"
)

func importCommand(s *settings) *cobra.Command {
	var times csv.Times
	var dryRun, replace bool
	c := &cobra.Command{
		Use:   "import KIND FILE",
		Short: "Import people, teams, services, incidents and so on from a CSV file",
		Long: `Reads a CSV file with one row per thing and publishes its rows, beside a
Headway that runs. FILE is - for standard input. The first line names the columns;
collectors/csv/README.md has an example of each kind:

  ` + strings.Join(csv.Kinds(), ", ") + `

A file with a mistake is refused as a whole: the lines that are wrong are named,
and nothing is published. The same file again changes nothing.

With --replace the file is the whole truth: what was imported before of the same
kind and does not stand in it is withdrawn. It is for teams, people, memberships,
identities, services and owners.`,
		Example: `  headway import people people.csv --dry-run
  headway import people people.csv
  headway import services services.csv --replace
  headway import incidents old.csv --time-layout 'DD.MM.YYYY HH:mm' --time-zone Europe/Berlin`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return csv.Kinds(), cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			configured := csv.Config{}
			if err := cfg.Sources.Decode(csv.Name, &configured); err != nil {
				return err
			}
			req := app.ImportRequest{Path: args[1], Replace: replace, Table: csv.Table{Kind: args[0], Times: csv.Times{
				Layout: cmp.Or(times.Layout, configured.TimeLayout), Zone: cmp.Or(times.Zone, configured.TimeZone),
			}}}
			if replace {
				if err := app.CanReplace(args[0]); err != nil {
					return err
				}
			}
			if req.Path == "-" {
				path, remove, err := keep(c.InOrStdin())
				if err != nil {
					return err
				}
				defer remove()
				req.Path = path
			}
			if dryRun {
				res, err := app.CheckImport(req)
				if err != nil {
					return notImported(args[1], err)
				}
				return writeImport(c.OutOrStdout(), args[1], "are right; nothing was published", res)
			}
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			p := newProgress()
			req.OnProgress = func(done, total int64) { p.count(done, total, "rows", false) }
			res, err := client.Import(c.Context(), req)
			p.done()
			if err != nil {
				return notImported(args[1], err)
			}
			return writeImport(c.OutOrStdout(), args[1], "are published", res)
		},
	}
	f := c.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "check the file and publish nothing; needs no running Headway")
	f.BoolVar(&replace, "replace", false, "withdraw what was imported before and does not stand in the file")
	f.StringVar(&times.Layout, "time-layout", "", "how times are written, such as 'DD.MM.YYYY HH:mm' (default sources.csv.time_layout)")
	f.StringVar(&times.Zone, "time-zone", "", "IANA zone of times without one (default sources.csv.time_zone, else UTC)")
	return c
}

// notImported puts the file before each line of an error.
func notImported(path string, err error) error {
	return errors.New(path + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+path+": "))
}

// writeImport prints what an import did: its rows, its facts by table, and what it
// took back.
func writeImport(w io.Writer, path, became string, res app.ImportResult) error {
	if _, err := fmt.Fprintf(w, "%d rows of %s %s\n", res.Rows, path, became); err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(res.Facts)) {
		if _, err := fmt.Fprintf(w, "  %d %s\n", res.Facts[table], table); err != nil {
			return err
		}
	}
	if res.Withdrawn > 0 {
		_, err := fmt.Fprintf(w, "  %d withdrawn\n", res.Withdrawn)
		return err
	}
	return nil
}

// keep puts standard input into a file, since an import reads it more than once.
func keep(in io.Reader) (path string, remove func(), err error) {
	f, err := os.CreateTemp("", "headway-import-*.csv")
	if err != nil {
		return "", nil, fmt.Errorf("keeping standard input: %w", err)
	}
	remove = func() { _ = os.Remove(f.Name()) } // The system clears its directory of temporary files.
	if _, err = io.Copy(f, in); err != nil {
		err = fmt.Errorf("keeping standard input: %w", err)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, err
	}
	return f.Name(), remove, nil
}
