package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/text"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
)

// gridWidth is the number of columns of Grafana's grid.
const gridWidth = 24

// headerHeight is the height of the text that says what a dashboard answers.
const headerHeight = 3

// board collects a dashboard's panels and places them from left to right.
type board struct {
	uid     string
	builder *dashboard.DashboardBuilder
	nextID  uint32
	x, y    uint32
	height  uint32
	// failures are the panels whose last days are provisional, incidents those
	// that show when incidents began.
	failures, incidents []uint32
}

// newBoard is a dashboard with its header, variables, links and annotations.
// answers says in one sentence which question it answers, reading how.
func newBoard(uid, title, answers, reading string, vars ...cog.Builder[dashboard.VariableModel]) *board {
	b := &board{uid: uid, nextID: 1, builder: dashboard.NewDashboardBuilder(title).
		Uid(uid).Description(answers).Tags([]string{Tag}).Editable().Refresh("5m").
		Time("now-90d", "now").Timezone("browser").WeekStart("monday").
		Tooltip(dashboard.DashboardCursorSyncCrosshair)}
	b.builder.WithVariable(datasourceVariable())
	for _, v := range append(settingVariables(), vars...) {
		b.builder.WithVariable(v)
	}
	b.builder.Link(dashboard.NewDashboardLinkBuilder("Dashboards").Type(dashboard.DashboardLinkTypeDashboards).
		Tags([]string{Tag}).AsDropdown(true).KeepTime(true).IncludeVars(true))
	hint := "The description of a panel has its definition and what n counts."
	if len(vars) > 0 {
		hint = "Choose above what to look at. A title with a link opens the detail; the description of a panel has its definition, version and what n counts."
	}
	place(b, gridWidth, headerHeight, text.NewPanelBuilder().Transparent(true).Mode(text.TextModeMarkdown).
		Content(fmt.Sprintf("**%s** %s\n\n**${data}** · ${organisation} · days and weeks are cut in ${timezone}\n\n%s", answers, reading, hint)))
	return b
}

// panelBuilder is what the SDK's builders of all panel types have in common.
type panelBuilder[T any] interface {
	cog.Builder[dashboard.Panel]
	Id(id uint32) T
	GridPos(pos dashboard.GridPos) T
}

// place puts a panel to the right of the last one, or on a new line when it
// does not fit, and returns its id.
func place[T panelBuilder[T]](b *board, width, height uint32, panel T) uint32 {
	if b.x+width > gridWidth {
		b.newLine()
	}
	id := b.nextID
	b.nextID++
	b.builder.WithPanel(panel.Id(id).GridPos(dashboard.GridPos{X: b.x, Y: b.y, W: width, H: height}))
	b.x += width
	b.height = max(b.height, height)
	return id
}

func (b *board) newLine() {
	b.x, b.y, b.height = 0, b.y+b.height, 0
}

// row begins a titled group of panels.
func (b *board) row(title string) {
	b.newLine()
	b.builder.WithRow(dashboard.NewRowBuilder(title).Id(b.nextID).
		GridPos(dashboard.GridPos{X: 0, Y: b.y, W: gridWidth, H: 1}))
	b.nextID++
	b.y++
}

// finish adds what the SDK cannot express: it writes the panel ids of an
// annotation as one string, where Grafana expects a list, and has no way to keep
// hidden variables out of addresses.
func (b *board) finish(plain map[string]any) error {
	var annotations []any
	if len(b.incidents) > 0 {
		annotations = append(annotations, annotation("Incidents", "red", incidentsSQL, b.incidents))
	}
	if len(b.failures) > 0 {
		annotations = append(annotations, annotation("Provisional", "yellow", provisionalSQL, b.failures))
	}
	annotations = append(annotations, annotation("Definitions", "blue", definitionsSQL, nil))
	plain["annotations"] = map[string]any{"list": annotations}
	templating, ok := plain["templating"].(map[string]any)
	if !ok {
		return fmt.Errorf("dashboard %s has no variables", b.uid)
	}
	list, ok := templating["list"].([]any)
	if !ok {
		return fmt.Errorf("dashboard %s has no list of variables", b.uid)
	}
	for _, v := range list {
		if variable, ok := v.(map[string]any); ok && fmt.Sprint(variable["hide"]) == "2" {
			variable["skipUrlSync"] = true
		}
	}
	return nil
}

// annotation is a query of marks, for some panels or, without any, for all.
func annotation(name, color, sql string, panels []uint32) map[string]any {
	a := map[string]any{
		"name": name, "enable": true, "hide": false, "iconColor": color,
		"datasource": clickhousequery.Ref(),
		"target": clickhousequery.Query{
			RefID: "Annotation", Datasource: new(clickhousequery.Ref()), PluginVersion: clickhousequery.PluginVersion,
			EditorType: "sql", QueryType: "table", Format: clickhousequery.FormatTable, RawSQL: sql,
		},
	}
	if len(panels) > 0 {
		a["filter"] = map[string]any{"exclude": false, "ids": panels}
	}
	return a
}

// definitionsSQL marks when the whole history was derived anew, as by another
// version of a metric's definition.
const definitionsSQL = `SELECT at AS time, if(text = '', title, concat(title, '. ', text)) AS text, metric AS tags
FROM annotations
WHERE $__timeFilter(at)
ORDER BY at
LIMIT 100`

// incidentsSQL marks when incidents began. There is no end: an incident that
// nobody closes would shade the whole chart.
const incidentsSQL = `SELECT started_at AS time, concat(service_id, ': ', title) AS text, severity AS tags
FROM incidents FINAL
WHERE $__timeFilter(started_at)
  AND $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
  AND $__conditionalAll(service_id IN (${service:singlequote}), $service)
ORDER BY started_at
LIMIT 500`

// provisionalSQL shades the days whose failure evidence may still arrive.
const provisionalSQL = `SELECT greatest(subtractDays(now(), 7), $__fromTime) AS time, least(now(), $__toTime) AS timeEnd,
  'Provisional: evidence of failures of the last 7 days may still arrive' AS text
WHERE time < timeEnd
LIMIT 1`
