package main

import (
	"encoding/csv"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/headway-metrics/headway/surveys"
)

func surveyCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "survey", Short: "Invite people to the developer survey"}
	var survey, people string
	invite := &cobra.Command{
		Use:   "invite",
		Short: "Print a one-time link for each person of a CSV file (person,team)",
		Long: `Prints person and link as CSV, for your mail programme. The links are kept
nowhere; the same command prints the same links again. Nobody is invited more than
once in 30 days.`,
		Example: "  headway survey invite --people people.csv > links.csv",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := os.Open(people) //nolint:gosec // The user names the file.
			if err != nil {
				return fmt.Errorf("reading the people to invite: %w", err)
			}
			defer func() { _ = f.Close() }() // Only read.
			list, err := surveys.ReadPeople(f)
			if err != nil {
				return fmt.Errorf("%s: %w", people, err)
			}
			client, err := s.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			portal, err := client.SurveyPortal(c.Context())
			if err != nil {
				return err
			}
			sent, err := portal.Invite(c.Context(), survey, list)
			if err != nil {
				return err
			}
			out := csv.NewWriter(c.OutOrStdout())
			if err := out.Write([]string{"person", "link"}); err != nil {
				return err
			}
			for _, i := range sent.Links {
				if err := out.Write([]string{i.Person, i.Link}); err != nil {
					return err
				}
			}
			out.Flush()
			fmt.Fprintf(c.ErrOrStderr(), "wave %s: %d invited, %d left alone because they were asked in the last 30 days\n",
				sent.Wave, len(sent.Links), sent.Resting)
			return out.Error()
		},
	}
	invite.Flags().StringVar(&survey, "survey", "platform", "id of the survey")
	invite.Flags().StringVar(&people, "people", "", "CSV file with the columns person and team")
	if err := invite.MarkFlagRequired("people"); err != nil {
		panic(err) // The flag is defined above.
	}
	c.AddCommand(invite)
	return c
}
