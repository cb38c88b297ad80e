// Package dashboards builds Headway's Grafana dashboards from the metric
// catalogue and writes them as JSON.
//
// A number's SQL, unit, definition and version come from schema/metrics; what
// is decided here is which panel shows it and beside what. The Grafana SDK is
// imported only below this directory.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/headway-metrics/headway/dashboards/model"
)

// Tag is on every generated dashboard; links between them go by it.
const Tag = "headway"

// UIDs never change: links, bookmarks and alerts use them.
const (
	UIDOverview    = "headway-overview"
	UIDDelivery    = "headway-delivery"
	UIDLeadTime    = "headway-lead-time"
	UIDStability   = "headway-stability"
	UIDAdoption    = "headway-adoption"
	UIDSelfService = "headway-self-service"
	UIDExperience  = "headway-experience"
	UIDSecurity    = "headway-security"
	UIDDataQuality = "headway-data-quality"
)

// Dashboard is a generated dashboard: its JSON, and the same read back.
type Dashboard struct {
	// File is the name of its file, the uid with ".json".
	File  string
	JSON  []byte
	Model model.Dashboard
}

// All builds every dashboard, in the order in which they are shown.
func All() ([]Dashboard, error) {
	builders := []func() (*board, error){
		overview, delivery, leadTimeDetail, stabilityDetail, adoption, selfService, experience, security, dataQuality,
	}
	var out []Dashboard
	for _, build := range builders {
		b, err := build()
		if err != nil {
			return nil, err
		}
		raw, err := b.json()
		if err != nil {
			return nil, err
		}
		m, err := model.Parse(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, Dashboard{File: m.UID + ".json", JSON: raw, Model: m})
	}
	return out, nil
}

// Generate writes every dashboard into dir, one file each. The same catalogue
// gives the same bytes. A file of a dashboard that is no longer generated stays.
func Generate(dir string) error {
	all, err := All()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	for _, d := range all {
		// Grafana reads the files as a user of its own.
		if err := os.WriteFile(filepath.Join(dir, d.File), d.JSON, 0o644); err != nil { //nolint:gosec // not secret.
			return fmt.Errorf("writing dashboard %s: %w", d.Model.UID, err)
		}
	}
	return nil
}

// json is the dashboard as Grafana stores it, with sorted keys.
func (b *board) json() ([]byte, error) {
	d, err := b.builder.Build()
	if err != nil {
		return nil, fmt.Errorf("building dashboard %s: %w", b.uid, err)
	}
	typed, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding dashboard %s: %w", b.uid, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(typed))
	decoder.UseNumber()
	var plain map[string]any
	if err := decoder.Decode(&plain); err != nil {
		return nil, fmt.Errorf("reading dashboard %s back: %w", b.uid, err)
	}
	if err := b.finish(plain); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(plain); err != nil {
		return nil, fmt.Errorf("encoding dashboard %s: %w", b.uid, err)
	}
	return out.Bytes(), nil
}
