package dashboards_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/dashboards/dashtest"
	"github.com/headway-metrics/headway/dashboards/model"
	"github.com/headway-metrics/headway/dashboards/verify"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

var update = flag.Bool("update", false, "write the generated dashboards")

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// committed is where the generated dashboards are kept for Grafana.
const committed = "../deploy/grafana/dashboards"

func models(t *testing.T) []model.Dashboard {
	t.Helper()
	all, err := dashboards.All()
	if err != nil {
		t.Fatal(err)
	}
	var out []model.Dashboard
	for _, d := range all {
		out = append(out, d.Model)
	}
	return out
}

// The committed files are what the catalogue gives now, byte for byte:
// `headway dashboards generate` or this test with -update writes them.
func TestCommittedDashboardsAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if *update {
		dir = committed
	}
	if err := dashboards.Generate(dir); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(want) == 0 {
		t.Fatalf("nothing was generated: %v", err)
	}
	for _, path := range want {
		generated, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(committed, filepath.Base(path)))
		if err != nil {
			t.Errorf("%v; run `headway dashboards generate`", err)
		} else if !bytes.Equal(generated, kept) {
			t.Errorf("%s differs from what is generated; run `headway dashboards generate`", filepath.Base(path))
		}
	}
	have, err := filepath.Glob(filepath.Join(committed, "*.json"))
	if err != nil || len(have) != len(want) {
		t.Errorf("%d dashboards are committed, %d are generated (%v)", len(have), len(want), err)
	}
}

// Every query of every dashboard runs as the read-only user and has an answer.
func TestEveryQueryAnswers(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	now := time.Now()
	if err := dashtest.Fill(t.Context(), db, now); err != nil {
		t.Fatal(err)
	}
	if err := resolve.New(db).Handle(t.Context(), []schema.DirtyKey{schema.DirtyAll}); err != nil {
		t.Fatal(err)
	}
	for name, variables := range map[string]map[string][]string{
		"everything": nil,
		"one team":   {"team": {"search"}},
		"benchmark":  {"benchmark": {"2024"}, "service": {"search-api"}},
	} {
		report, err := verify.Verify(t.Context(), db.Reader, models(t), verify.Options{Sample: name == "everything", Variables: variables, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var slowest verify.Result
		drawn := 0
		for _, r := range report.Results {
			if r.Took > slowest.Took {
				slowest = r
			}
			if r.RefID == "Benchmark" && r.Rows > 0 {
				drawn++
			}
			if r.Where == `annotation "Definitions"` && r.Rows != 1 {
				t.Errorf("%s: %s marks %d changes of definitions, want 1", name, r.Dashboard, r.Rows)
			}
		}
		// The service has not failed, so its recovery has no panel to draw on.
		if want := map[string]int{"benchmark": 6}[name]; drawn != want {
			t.Errorf("%s: benchmarks on %d panels, want %d", name, drawn, want)
		}
		t.Logf("%s: %d queries, slowest %s in %s, %v", name, len(report.Results), slowest.Where, slowest.Dashboard, slowest.Took)
	}
}

// A database without any data breaks no query.
func TestEveryQueryBearsNoData(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	report, err := verify.Verify(t.Context(), db.Reader, models(t), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

// What Grafana needs of every dashboard, whatever its panels.
func TestDashboardsAreWellFormed(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	cog.NewRuntime().RegisterDataqueryVariant(clickhousequery.Variant())
	all, err := dashboards.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		var typed dashboard.Dashboard
		if err := json.Unmarshal(d.JSON, &typed); err != nil {
			t.Errorf("%s: the SDK does not read it back: %v", d.File, err)
		}
		ids, cells := map[int]bool{}, map[[2]int]int{}
		for _, p := range d.Model.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: panel id %d is not unique", d.File, p.ID)
			}
			ids[p.ID] = true
			if p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %q is wider than the grid", d.File, p.Title)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, taken := cells[[2]int{x, y}]; taken {
						t.Errorf("%s: panels %d and %d overlap", d.File, other, p.ID)
					}
					cells[[2]int{x, y}] = p.ID
				}
			}
		}
		for _, p := range d.Model.AllPanels() {
			for _, q := range p.Targets {
				if p.Type == "table" && !strings.Contains(q.RawSQL, "\nLIMIT ") {
					t.Errorf("%s: the table %q has no LIMIT", d.File, p.Title)
				}
			}
		}
		for _, a := range d.Model.Annotations.List {
			if !strings.Contains(a.Target.RawSQL, "\nLIMIT ") {
				t.Errorf("%s: the annotation %q has no LIMIT", d.File, a.Name)
			}
		}
		if first := d.Model.Panels[0]; first.Type != "text" || !strings.Contains(first.Options.Content, "${data}") {
			t.Errorf("%s does not begin with the text that says what it answers and whether the data is a sample", d.File)
		}
	}
}
