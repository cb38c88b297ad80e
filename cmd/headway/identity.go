package main

import (
	"github.com/spf13/cobra"
)

// unmappedSQL lists the names that facts give to people, services and teams and
// that lead to none, with how often; the owners in CODEOWNERS that are no team; and the
// repositories that several teams administer, so that none of them counts as owner. People are looked for only where their team
// counts: in uses and requests of capabilities.
const unmappedSQL = `
WITH used AS (
    SELECT 'person' AS kind, actor AS ref, toString(source) AS by_source, at AS seen FROM (SELECT * FROM capability_uses FINAL) WHERE team_ref = ''
    UNION ALL SELECT 'person', actor, toString(source), created_at FROM (SELECT * FROM requests FINAL) WHERE team_ref = ''
    UNION ALL SELECT 'service', service_ref, toString(source), created_at FROM (SELECT * FROM deployments FINAL)
    UNION ALL SELECT 'service', arrayJoin(service_refs), toString(source), at FROM (SELECT * FROM incident_updates FINAL)
    UNION ALL SELECT 'service', service_ref, toString(source), at FROM (SELECT * FROM capability_uses FINAL)
    UNION ALL SELECT 'service', service_ref, toString(source), created_at FROM (SELECT * FROM requests FINAL)
    UNION ALL SELECT 'team', team_ref, toString(source), at FROM (SELECT * FROM capability_uses FINAL)
    UNION ALL SELECT 'team', team_ref, toString(source), created_at FROM (SELECT * FROM requests FINAL)
    UNION ALL SELECT 'team', arrayJoin(arrayDistinct(arrayConcat([team_id], teams))), toString(source), valid_from FROM (SELECT * FROM ownerships FINAL)
    UNION ALL SELECT 'owner', arrayJoin(others), toString(source), valid_from FROM (SELECT * FROM ownerships FINAL ORDER BY valid_from DESC LIMIT 1 BY service_id, claim)
    UNION ALL SELECT 'repository', service_id, toString(source), valid_from FROM (
        SELECT service_id, any(source) AS source, max(valid_from) AS valid_from, uniqExact(team_id) AS administer FROM (
            SELECT * FROM ownerships FINAL WHERE startsWith(claim, 'team/') ORDER BY valid_from DESC LIMIT 1 BY service_id, claim)
        WHERE team_id != '' GROUP BY service_id HAVING administer > 1)
)
SELECT kind, ref, arrayStringConcat(arraySort(groupUniqArray(by_source)), ' ') AS sources, count() AS facts, max(seen) AS last_seen,
    multiIf(kind = 'person', 'catalog.people[].identities: [''' || ref || ''']',
            kind = 'owner', 'a team beside ' || ref || ' in CODEOWNERS', kind = 'repository', 'owner of ' || ref || ' in the catalog, or sources.github.own_nothing',
            kind = 'service', 'catalog.services[].aliases: [''' || ref || ''']', 'catalog.teams[].id: ' || ref) AS map_with
FROM used
WHERE ref != ''
  AND (kind != 'person' OR ref NOT IN (SELECT ref FROM actor_teams))
  AND (kind != 'service' OR (ref NOT IN (SELECT ref FROM service_refs) AND ref NOT IN (SELECT repo FROM services FINAL)))
  AND (kind != 'team' OR (ref NOT IN (SELECT ref FROM team_refs) AND lower(splitByRegexp('[:/]', ref)[-1]) NOT IN (SELECT ref FROM team_refs)))
GROUP BY kind, ref
ORDER BY kind, facts DESC, ref`

func identityCommand(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "identity", Short: "Say which names lead to no person, service or team"}
	var output string
	unmapped := &cobra.Command{
		Use:   "unmapped",
		Short: "List the names in facts that lead to no person with a team, no service or no team",
		Long: `Lists the names that events give to people, services and teams and that nothing
maps, with how many facts name them and the key of headway.yaml that maps them;
owners in CODEOWNERS who are no team, and repositories that several teams
administer, which tells nothing of whose they are.
People are never matched by display name, and only looked for where their team
counts: no delivery figure has one.`,
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
			columns, rows, err := conn.Query(c.Context(), unmappedSQL, nil)
			if err != nil {
				return err
			}
			return writeRows(c.OutOrStdout(), output, columns, rows)
		},
	}
	unmapped.Flags().StringVarP(&output, "output", "o", "table", "table, json or csv")
	c.AddCommand(unmapped)
	return c
}
