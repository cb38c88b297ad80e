package metrics

// requestRows are what teams asked of the platform: self-service runs, and
// requests that people served. hit is 1 when no human step was needed; wait is
// its duration in seconds.
func requestRows() string {
	return `
SELECT ifNull(done, created) AS at, if(team_id = '', '(none)', team_id) AS team, if(service = '', '(none)', service) AS service,
  if(capability = '', '(none)', capability) AS capability, channel, template,
  channel = 'self_service' AND human_steps = 0 AS hit,
  if(done IS NULL OR done < created, NULL, dateDiff('millisecond', created, done) / 1000) AS wait,
  id AS subject, id AS title, url, if(hit, 'self-service', if(channel = 'self_service', 'human step', 'manual')) AS rule,
  concat(toString(human_steps), ' human steps') AS evidence,
  multiIf(dry_run = 1, 'dry run', status != 'completed', status, '') AS excluded
FROM (
  SELECT request_id AS id, toString(capability_id) AS capability, team_id, toString(service_id) AS service, ` + templateName("template") + ` AS template, toString(channel) AS channel,
    toString(status) AS status, dry_run, human_steps, created_at AS created, completed_at AS done, url
  FROM resolved_requests FINAL
  UNION ALL
  SELECT ticket_id, toString(capability_id), team_id, toString(service_id), '(none)', 'manual', if(resolved_at IS NULL, 'open', 'completed'), 0, 1, created_at, resolved_at, url
  FROM resolved_tickets FINAL WHERE type = 'request' AND ticket_id NOT IN (SELECT request_id FROM requests FINAL)
)`
}

func requestDimensions() []Dimension {
	return []Dimension{Team, Service, Capability, Channel, Template}
}

const requestColumns = "at, team, service, capability, channel, template, 0 AS censored, subject, title, url, rule, evidence"

// templateName is the expression of a template's label. Its own name is the last
// word of what a catalogue calls it ("template:default/service"), so that the
// runs of a portal and of a command count for one template.
func templateName(column string) string {
	return "if(" + column + " = '', '(none)', substringIndex(replaceAll(toString(" + column + "), ':', '/'), '/', -1))"
}
