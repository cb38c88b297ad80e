package metrics

// templateAdoption: DEFINITIONS, success measures.
func templateAdoption() Metric {
	return Metric{
		ID: "template_adoption", Version: 1, Title: "Services created from a template",
		Question:   "Do teams begin new services the paved way?",
		Definition: "New services that name the template they were created from, divided by all new services, by the time of creation. The team is the one that owned the service then.",
		HowToRead:  "Higher is better. Look at the services without a template: what did the template not offer?",
		Caveats: []string{
			"Services without a known time of creation do not count.",
			"A service whose catalogue entry does not name its template counts as created without one.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Service, Template, Cohort}, Aggregation: Ratio,
		rows: `
SELECT s.created_at AS at, if(o.owners[greatest(1, arrayCount(x -> x.1 <= at, o.owners))].2 AS owner = '', '(none)', owner) AS team,
  s.service_id AS service, ` + templateName("s.template") + ` AS template, formatDateTime(at, '%Y-%m', {{zone}}) AS cohort,
  CAST(NULL, 'Nullable(Float64)') AS value, s.template != '' AS numerator, 1 AS denominator, 0 AS censored,
  s.service_id AS subject, s.name AS title, s.url AS url, if(numerator, 'from a template', 'without a template') AS rule,
  s.template AS evidence, '' AS excluded
FROM (
  SELECT service_id, name, url, template, assumeNotNull(created_at) AS created_at FROM services FINAL WHERE created_at IS NOT NULL
) AS s
LEFT JOIN service_owners AS o ON o.service_id = s.service_id`,
	}
}
