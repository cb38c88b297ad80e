// Package browser opens the preview's pages in Debian's Chromium, as a person
// would, and keeps screenshots in test/artifacts.
//
// By default it starts a preview over a small organisation of its own. With
// HEADWAY_TEST_PREVIEW=http://127.0.0.1:8080/preview it visits a running Headway.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/dashboards/dashtest"
	"github.com/headway-metrics/headway/dashboards/preview"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

// envPreview is the address of a running preview.
const envPreview = "HEADWAY_TEST_PREVIEW"

// artifacts is where the screenshots are kept.
const artifacts = "../artifacts"

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// site is the address of the preview to visit.
func site(t *testing.T) string {
	t.Helper()
	if running := os.Getenv(envPreview); running != "" {
		return strings.TrimRight(running, "/")
	}
	db := clickhousetest.New(t)
	if err := dashtest.Fill(t.Context(), db, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := resolve.New(db).Handle(t.Context(), []schema.DirtyKey{schema.DirtyAll}); err != nil {
		t.Fatal(err)
	}
	all, err := dashboards.All()
	if err != nil {
		t.Fatal(err)
	}
	var list []preview.Dashboard
	for _, d := range all {
		list = append(list, preview.Dashboard{Raw: d.JSON, Model: d.Model})
	}
	handler, err := preview.New(preview.Options{Querier: db.Reader, Logger: slog.New(slog.DiscardHandler), Dashboards: list})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/preview"
}

type board struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

func boards(t *testing.T, base string) []board {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/dashboards", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("visiting the preview: %v", err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	var out []board
	err = json.NewDecoder(res.Body).Decode(&out)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatalf("reading the list of dashboards: %v", err)
	}
	if len(out) < 8 {
		t.Fatalf("the preview has %d dashboards, want all eight", len(out))
	}
	return out
}

// panel is what a page says of one of its panels.
type panel struct {
	ID, Type, Title, State, Text string
	// Meaning is true for a panel that is empty and says what that means.
	Meaning bool
	// Drawn is whether anything is painted: elements, or more than one colour.
	Drawn bool
}

const panelsScript = `[...document.querySelectorAll(".panel")].map((node) => {
  const painted = (canvas) => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height }).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    const seen = new Set();
    for (let i = 0; i < data.length && seen.size < 4; i += 4) if (data[i + 3]) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    return seen.size > 2;
  };
  const canvases = [...node.querySelectorAll("canvas")];
  const drawn = node.querySelector("[data-drawn]");
  return { ID: node.dataset.panel, Type: node.dataset.type, Title: node.querySelector("h3")?.textContent ?? "", State: node.dataset.state,
    Text: node.querySelector(".panel-body").innerText.slice(0, 300), Meaning: node.querySelector(".message.empty span")?.textContent === "",
    Drawn: canvases.length ? canvases.some(painted) : Boolean(drawn?.textContent.trim()) };
})`

// One after the other: a tab in the background may wait long for its turn.
func TestPreview(t *testing.T) {
	base := site(t)
	t.Run("every page", func(t *testing.T) { testEveryPage(t, base) })
	t.Run("drill-down", func(t *testing.T) { testDrillDown(t, base) })
	t.Run("keyboard, theme, narrow screen", func(t *testing.T) { testControls(t, base) })
}

// Every page, light and dark: every panel drawn with data, nothing on the console.
func testEveryPage(t *testing.T, base string) {
	t.Helper()
	list := boards(t, base)
	if err := os.MkdirAll(artifacts, 0o750); err != nil {
		t.Fatal(err)
	}
	page := open(t, "light")
	for _, b := range list {
		page.visit(t, base+"/d/"+b.UID)
		var kind string
		evaluate(t, page, `document.getElementById("data-kind").textContent`, &kind)
		if kind != "Sample data" {
			t.Errorf("%s does not say that its data is a sample: %q", b.UID, kind)
		}
		for _, theme := range []string{"light", "dark"} {
			page.prefer(t, theme)
			checkPanels(t, page, b.UID+" ("+theme+")")
			if err := os.WriteFile(filepath.Join(artifacts, fmt.Sprintf("preview-%s-%s.png", b.UID, theme)), page.screenshot(t), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	page.quiet(t)
}

func checkPanels(t *testing.T, page *page, where string) {
	t.Helper()
	var panels []panel
	evaluate(t, page, panelsScript, &panels)
	if len(panels) < 5 {
		t.Errorf("%s has %d panels", where, len(panels))
	}
	for _, p := range panels {
		good := p.State == "drawn" && p.Drawn || p.State == "empty" && p.Meaning
		if !good {
			t.Errorf("%s: panel %s %s %q is %s: %s", where, p.ID, p.Type, p.Title, p.State, p.Text)
		}
	}
}

// A drill-down keeps the time range and the chosen variables, and so does the
// way back.
func testDrillDown(t *testing.T, base string) {
	t.Helper()
	page := open(t, "light")
	var teams []string
	page.visit(t, base+"/d/"+dashboards.UIDOverview+"?from=now-60d&to=now")
	evaluate(t, page, `(document.getElementById("var-team").click(), [...document.querySelectorAll("input[data-value]")].map((box) => box.dataset.value))`, &teams)
	if len(teams) == 0 {
		t.Fatal("no team to choose")
	}
	// Choosing in the picker puts the choice into the address.
	chosen := teams[0]
	page.act(t, `document.querySelector("input[data-value]").click()`)
	page.follow(t, `document.querySelector(".popover .apply").click()`)
	if got := page.query(t); got.Get("var-team") != chosen || got.Get("from") != "now-60d" {
		t.Fatalf("after choosing, the address says %v", got)
	}
	page.follow(t, `document.querySelector(".panel-title a").click()`)
	var path string
	evaluate(t, page, `location.pathname`, &path)
	if !strings.HasSuffix(path, "/d/"+dashboards.UIDLeadTime) {
		t.Errorf("the drill-down opened %s", path)
	}
	got := page.query(t)
	if got.Get("from") != "now-60d" || got.Get("to") != "now" || !slices.Equal(got["var-team"], []string{chosen}) {
		t.Errorf("the drill-down lost time or variables: %v", got)
	}
	var shown string
	evaluate(t, page, `document.getElementById("var-team").getAttribute("aria-label")`, &shown)
	if !strings.HasPrefix(shown, "Team: ") || strings.HasSuffix(shown, "All") {
		t.Errorf("the picker shows %q", shown)
	}
	// A table's row opens its service, with the same time.
	page.visit(t, base+"/d/"+dashboards.UIDDelivery+"?from=now-60d&to=now")
	var service string
	evaluate(t, page, `document.querySelector("td a[data-inside]").textContent`, &service)
	page.follow(t, `document.querySelector("td a[data-inside]").click()`)
	if got := page.query(t); got.Get("var-service") != service || got.Get("from") != "now-60d" {
		t.Errorf("a row's link lost time or service %s: %v", service, got)
	}
	page.quiet(t)
}

// The controls work with the keyboard, the theme can be changed, and a narrow
// screen needs no scrolling sideways.
func testControls(t *testing.T, base string) {
	t.Helper()
	page := open(t, "light")
	page.visit(t, base+"/d/"+dashboards.UIDOverview)
	// The picker opens with the keyboard, and Escape gives the focus back.
	page.act(t, `document.getElementById("time-picker").focus()`)
	page.key(t, "\r")
	var focused string
	evaluate(t, page, `document.activeElement.closest(".popover") ? "inside" : "outside"`, &focused)
	if focused != "inside" {
		t.Error("Enter on the time picker does not move the focus into it")
	}
	page.key(t, escapeKey)
	evaluate(t, page, `document.querySelector(".popover") ? "open" : document.activeElement.id`, &focused)
	if focused != "time-picker" {
		t.Errorf("after Escape: %s", focused)
	}
	var before, after string
	evaluate(t, page, `getComputedStyle(document.body).backgroundColor`, &before)
	page.act(t, `document.getElementById("theme").click()`)
	evaluate(t, page, `getComputedStyle(document.body).backgroundColor`, &after)
	if before == after {
		t.Error("the theme button changes nothing")
	}
	page.narrow(t)
	page.visit(t, base+"/d/"+dashboards.UIDOverview)
	var overflow int
	evaluate(t, page, `document.documentElement.scrollWidth - innerWidth`, &overflow)
	if overflow > 0 {
		t.Errorf("a narrow screen scrolls sideways by %d pixels", overflow)
	}
	if err := os.MkdirAll(artifacts, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(artifacts, "preview-narrow.png"), page.screenshot(t), 0o600); err != nil {
		t.Fatal(err)
	}
	page.quiet(t)
}

// query is the query of the page's address.
func (p *page) query(t *testing.T) url.Values {
	t.Helper()
	var search string
	evaluate(t, p, `location.search`, &search)
	values, err := url.ParseQuery(strings.TrimPrefix(search, "?"))
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// step bounds one step in the browser, generously: test machines are busy.
func step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*time.Minute)
}
