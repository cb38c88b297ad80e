package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
)

// zone is the reporting time zone in the SQL of panels: the value of a hidden
// variable, which is read from the settings and from nowhere else.
const zone = "'${timezone}'"

func datasourceVariable() cog.Builder[dashboard.VariableModel] {
	return dashboard.NewDatasourceVariableBuilder(clickhousequery.DatasourceVariable).
		Label("ClickHouse").Type(clickhousequery.PluginID)
}

func queryVariable(name, label, sql string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(clickhousequery.Ref()).
		Query(dashboard.StringOrMap{String: &sql}).Refresh(dashboard.VariableRefreshOnDashboardLoad).
		Sort(dashboard.VariableSortDisabled)
}

// settingVariables are read from the settings and shown in the header.
func settingVariables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		setting("timezone", "if(max(value) = '', 'UTC', max(value))", "timezone"),
		setting("organisation", "if(max(value) = '', 'this organisation', max(value))", "organisation"),
		setting("data", "if(max(value) = '1', 'Sample data', 'Live data')", "sample"),
	}
}

func setting(name, expression, key string) cog.Builder[dashboard.VariableModel] {
	return queryVariable(name, "", "SELECT "+expression+" FROM settings FINAL WHERE key = '"+key+"'").
		Hide(dashboard.VariableHideHideVariable).Refresh(dashboard.VariableRefreshOnDashboardLoad)
}

// addressVariable is where Headway itself answers, for links to its pages: what the
// configuration says (http.public_url), or else its own address.
func addressVariable() cog.Builder[dashboard.VariableModel] {
	return setting("headway", "if(max(value) = '', 'http://127.0.0.1:8080', max(value))", "url")
}

func chooser(name, label, sql string) cog.Builder[dashboard.VariableModel] {
	return queryVariable(name, label, sql).Multi(true).IncludeAll(true).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// teamVariable offers the catalogue's teams, and those that derived rows name
// without the catalogue knowing them.
func teamVariable() cog.Builder[dashboard.VariableModel] {
	return chooser("team", "Team", `SELECT id AS __value, if(any(name) = '', id, any(name)) AS __text
FROM (
  SELECT team_id AS id, name FROM teams FINAL
  UNION ALL SELECT DISTINCT if(team_id = '', '(none)', team_id) AS id, '' AS name FROM releases FINAL
)
GROUP BY id
ORDER BY lower(__text)
LIMIT 1000`)
}

// serviceVariable offers the services of the chosen teams.
func serviceVariable() cog.Builder[dashboard.VariableModel] {
	return chooser("service", "Service", `SELECT r.service_id AS __value, if(any(s.name) = '', r.service_id, any(s.name)) AS __text
FROM (
  SELECT DISTINCT service_id FROM releases FINAL
  WHERE $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
) AS r
LEFT JOIN (SELECT service_id, name FROM services FINAL) AS s ON s.service_id = r.service_id
GROUP BY r.service_id
ORDER BY lower(__text)
LIMIT 5000`)
}

func capabilityVariable() cog.Builder[dashboard.VariableModel] {
	return chooser("capability", "Capability", `SELECT capability_id AS __value, if(name = '', capability_id, name) AS __text
FROM capabilities FINAL
ORDER BY lower(__text)
LIMIT 1000`)
}
