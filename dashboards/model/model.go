// Package model reads a dashboard's JSON as Grafana reads it: only the parts
// that matter for running its queries and checking its references.
//
// It reads what was generated and committed, not the Go builders, so that what
// is verified and previewed is what Grafana gets.
package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Dashboard is a dashboard's JSON model.
type Dashboard struct {
	UID    string   `json:"uid"`
	Title  string   `json:"title"`
	Tags   []string `json:"tags"`
	Panels []Panel  `json:"panels"`
	Time   struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Templating struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []Annotation `json:"list"`
	} `json:"annotations"`
	Links []Link `json:"links"`
}

// Panel is one panel; a row may hold panels of its own.
type Panel struct {
	ID          int     `json:"id"`
	Type        string  `json:"type"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	GridPos     GridPos `json:"gridPos"`
	Interval    string  `json:"interval"`
	Targets     []Query `json:"targets"`
	Panels      []Panel `json:"panels"`
	Links       []Link  `json:"links"`
	FieldConfig struct {
		Defaults  Field      `json:"defaults"`
		Overrides []Override `json:"overrides"`
	} `json:"fieldConfig"`
	Options struct {
		XField  string `json:"xField"`
		Content string `json:"content"`
	} `json:"options"`
}

// GridPos is a panel's place on the grid of 24 columns.
type GridPos struct{ X, Y, W, H int }

// Field is the configuration of a panel's fields.
type Field struct {
	Unit string `json:"unit"`
	// NoValue says what it means when there is no data; a panel that has it may
	// be empty with reason.
	NoValue string `json:"noValue"`
	Links   []Link `json:"links"`
}

// Override is a field's own configuration.
type Override struct {
	Matcher struct {
		ID      string `json:"id"`
		Options any    `json:"options"`
	} `json:"matcher"`
	Properties []struct {
		ID    string          `json:"id"`
		Value json.RawMessage `json:"value"`
	} `json:"properties"`
}

// Query is a query of the ClickHouse datasource.
type Query struct {
	RefID  string `json:"refId"`
	RawSQL string `json:"rawSql"`
	// Format 0 is a time series, 1 a table.
	Format int `json:"format"`
}

// Link is a dashboard, panel or data link.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	URL         string   `json:"url"`
	Tags        []string `json:"tags"`
	KeepTime    bool     `json:"keepTime"`
	IncludeVars bool     `json:"includeVars"`
}

// Variable is a dashboard variable. Query holds SQL when Type is "query".
type Variable struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Label      string          `json:"label"`
	Hide       int             `json:"hide"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	RawQuery   json.RawMessage `json:"query"`
}

// SQL is the query of a query variable, or "".
func (v Variable) SQL() string {
	var sql string
	if v.Type != "query" || json.Unmarshal(v.RawQuery, &sql) != nil {
		return ""
	}
	return sql
}

// Annotation marks times on the panels.
type Annotation struct {
	Name      string `json:"name"`
	Enable    bool   `json:"enable"`
	IconColor string `json:"iconColor"`
	Target    Query  `json:"target"`
	// Filter names the panels that show it; nil means all.
	Filter *struct {
		IDs []int `json:"ids"`
	} `json:"filter"`
}

// Parse reads a dashboard.
func Parse(raw []byte) (Dashboard, error) {
	var d Dashboard
	if err := json.Unmarshal(raw, &d); err != nil {
		return Dashboard{}, fmt.Errorf("reading dashboard: %w", err)
	}
	if d.UID == "" || d.Title == "" {
		return Dashboard{}, fmt.Errorf("dashboard %q has no uid or no title", d.Title)
	}
	return d, nil
}

// AllPanels are the panels that draw something, those inside rows too.
func (d Dashboard) AllPanels() []Panel {
	var out []Panel
	for _, p := range d.Panels {
		if p.Type != "row" {
			out = append(out, p)
		}
		out = append(out, p.Panels...)
	}
	return out
}

// Panel finds a panel by its id.
func (d Dashboard) Panel(id int) (Panel, bool) {
	panels := d.AllPanels()
	i := slices.IndexFunc(panels, func(p Panel) bool { return p.ID == id })
	if i < 0 {
		return Panel{}, false
	}
	return panels[i], true
}
