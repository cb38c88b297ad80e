package metrics

// Query is a named question about the data itself.
type Query struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Definition says what a row is.
	Definition string `json:"definition"`
	// Columns of the answer, in order.
	Columns []string `json:"columns"`

	sql string
}

// SQL is the query for the window [s.From, s.To). Of s it uses From, To, Zone and
// Now. A LIMIT may be appended.
func (q Query) SQL(s Slice) string { return s.window().expand(q.sql) }

// DataQuality returns the queries that say how much the metrics can be trusted.
func DataQuality() []Query {
	return []Query{
		receiptsBySource(), freshness(), deadLetters(), deadLettersByReason(), unresolvedCommits(), unownedServices(),
		unmappedIncidents(), excludedRows(), coverage(), baselines(),
	}
}

// QualityByID returns the data quality query of an id.
func QualityByID(id string) (Query, bool) {
	for _, q := range DataQuality() {
		if q.ID == id {
			return q, true
		}
	}
	return Query{}, false
}

func receiptsBySource() Query {
	return Query{
		ID: "receipts_by_source", Title: "Events by source and outcome",
		Definition: "Events received in the window and what became of them: facts, ignored by name, or dead. An event that its sender repeats was received again.",
		Columns:    []string{"source", "outcome", "reason", "events", "facts"},
		sql: `
SELECT splitByChar('\t', what)[1] AS source, splitByChar('\t', what)[2] AS outcome,
  substring(what, length(source) + length(outcome) + 3) AS reason, events, facts
FROM (
  SELECT toString(r.what) AS what, count() AS events, sum(toUInt64(r.facts)) AS facts
  FROM (SELECT * FROM received FINAL) AS r
  WHERE r.received_at >= {{from}} AND r.received_at < {{to}}
  GROUP BY r.what
)
ORDER BY source, outcome, events DESC, reason`,
	}
}

func freshness() Query {
	return Query{
		ID: "freshness", Title: "Last event of each source",
		Definition: "When each source last sent an event, and how many seconds ago that is. It does not depend on the window.",
		Columns:    []string{"source", "last_event", "seconds_ago", "events"},
		sql: `
SELECT toString(source) AS source, max(received_at) AS last_event, dateDiff('second', last_event, {{now}}) AS seconds_ago, count() AS events
FROM received FINAL
GROUP BY source
ORDER BY seconds_ago DESC, source`,
	}
}

func deadLetters() Query {
	return Query{
		ID: "dead_letters", Title: "Dead letters",
		Definition: "Events that failed in the window because no parser could read them, the latest first. retried is 1 once a later attempt succeeded.",
		Columns:    []string{"failed_at", "source", "type", "event_id", "reason", "detail", "retried"},
		sql: `
SELECT failed_at, toString(source) AS source, toString(type) AS type, event_id, toString(reason) AS reason, substringUTF8(detail, 1, 300) AS detail, retried
FROM (SELECT * FROM dead_letters FINAL) AS d
WHERE d.failed_at >= {{from}} AND d.failed_at < {{to}}
ORDER BY failed_at DESC, source, event_id`,
	}
}

func deadLettersByReason() Query {
	return Query{
		ID: "dead_letters_by_reason", Title: "Dead letters by reason",
		Definition: "Events that failed in the window, by source and reason; open ones are those that no later attempt could read.",
		Columns:    []string{"source", "reason", "events", "open"},
		sql: `
SELECT toString(source) AS source, toString(reason) AS reason, count() AS events, countIf(retried = 0) AS open
FROM (SELECT * FROM dead_letters FINAL) AS d
WHERE d.failed_at >= {{from}} AND d.failed_at < {{to}}
GROUP BY source, reason
ORDER BY open DESC, events DESC, source, reason`,
	}
}

func unresolvedCommits() Query {
	return Query{
		ID: "unresolved_commits", Title: "Releases of unknown commits",
		Definition: "Production releases in the window whose commit is in no known history, so that no change can be linked to them; share is NULL for a service without releases.",
		Columns:    []string{"service", "unresolved", "releases", "share"},
		sql: `
SELECT toString(service_id) AS service, countIf(commit_known = 0) AS unresolved, count() AS releases, unresolved / nullIf(releases, 0) AS share
FROM releases FINAL
WHERE finished_at >= {{from}} AND finished_at < {{to}}
GROUP BY service
ORDER BY unresolved DESC, service`,
	}
}

func unownedServices() Query {
	return Query{
		ID: "unowned_services", Title: "Services without an owner",
		Definition: "Services that are in the catalogue or were released in the window, and that belong to no team at its end. share is over all services.",
		Columns:    []string{"unowned", "services", "share", "examples"},
		sql: `
SELECT countIf(team = '') AS unowned, count() AS services, unowned / nullIf(services, 0) AS share,
  arrayStringConcat(arraySlice(arraySort(groupArrayIf(service_id, team = '')), 1, 20), ', ') AS examples
FROM (
  SELECT s.service_id AS service_id, o.owners[greatest(1, arrayCount(x -> x.1 < {{to}}, o.owners))].2 AS team
  FROM (
    SELECT service_id FROM services FINAL
    UNION DISTINCT
    SELECT toString(service_id) FROM releases FINAL WHERE finished_at >= {{from}} AND finished_at < {{to}}
  ) AS s
  LEFT JOIN service_owners AS o ON o.service_id = s.service_id
)`,
	}
}

func unmappedIncidents() Query {
	return Query{
		ID: "unmapped_incidents", Title: "Incidents of unknown services",
		Definition: "Names that incidents give to services and that are no service and no alias in the catalogue: nothing can be said about those incidents.",
		Columns:    []string{"ref", "source", "incidents", "last_seen"},
		sql: `
SELECT arrayJoin(if(empty(service_refs), ['(none)'], service_refs)) AS ref, toString(any(source)) AS source, uniqExact(incident_id) AS incidents, max(at) AS last_seen
FROM (
  SELECT incident_id, any(source) AS source, max(at) AS at, arrayDistinct(arrayFlatten(groupArray(service_refs))) AS service_refs
  FROM (SELECT * FROM incident_updates FINAL) AS u WHERE u.at >= {{from}} AND u.at < {{to}} GROUP BY incident_id
)
GROUP BY ref
HAVING ref NOT IN (SELECT ref FROM service_refs)
ORDER BY incidents DESC, ref`,
	}
}

func baselines() Query {
	return Query{
		ID: "baselines", Title: "Baselines",
		Definition: "Services whose first release in the records fell into the window and claims no changes, because what came before is unknown.",
		Columns:    []string{"service", "finished_at", "deployed_version", "url"},
		sql: `
SELECT toString(service_id) AS service, finished_at, deployed_version, url
FROM releases FINAL
WHERE baseline = 1 AND finished_at >= {{from}} AND finished_at < {{to}}
ORDER BY finished_at DESC, service`,
	}
}
