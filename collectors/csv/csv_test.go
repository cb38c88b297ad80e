package csv_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := csv.Entry().New(csv.Entry().Config(), collectors.Deps{APIToken: "t0k3n", StateDir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sign(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") }

// example is the file of a kind, which stands in the README.
func example(tb testing.TB, kind string) []byte {
	tb.Helper()
	b, err := os.ReadFile("testdata/" + kind + ".csv")
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// read returns the lines of a file.
func read(table csv.Table, text string) (lines []csv.Line, err error) {
	err = table.Read(strings.NewReader(text), collectortest.Time, func(l csv.Line) error {
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := collectortest.Case{Source: source(t), Sign: sign}
	for _, kind := range csv.Kinds() {
		path := "/v1/import/" + kind
		c.Strict = append(c.Strict, path)
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: kind, Path: path, Header: http.Header{"Content-Type": {"text/csv"}}, Body: example(t, kind)})
	}
	collectortest.Check(t, c)
}

// TestTheExamplesAreThoseOfTheReadme, and become the facts of the golden files.
func TestTheExamplesAreThoseOfTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)### ([a-z]+)\n.*?```csv\n(.*?)```").FindAllSubmatch(readme, -1) {
		examples[string(m[1])] = string(m[2])
	}
	for _, kind := range csv.Kinds() {
		if examples[kind] != string(example(t, kind)) {
			t.Errorf("the README's example of %s is not testdata/%s.csv", kind, kind)
		}
		lines, err := read(csv.Table{Kind: kind}, examples[kind])
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for i, l := range lines {
			collectortest.GoldenEvent(t, source(t), l.Event, fmt.Sprintf("testdata/%s.%d.golden.json", kind, i+1))
		}
	}
}

// TestSpreadsheets: a byte order mark, semicolons or tabs, other cases and orders of
// columns, line ends of Windows and empty rows change nothing.
func TestSpreadsheets(t *testing.T) {
	t.Parallel()
	want, err := read(csv.Table{Kind: "people"}, "id,team,from\nada,\"a;b\",2026-01-31\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"byte order mark":           "\xef\xbb\xbfid,team,from\nada,a;b,2026-01-31\n",
		"semicolons":                "id;team;from\nada;\"a;b\";2026-01-31\n",
		"tabs":                      "id\tteam\tfrom\nada\ta;b\t2026-01-31\n",
		"order, case and blanks":    " From ,TEAM,Id\n 2026-01-31 , a;b ,ada\n",
		"Windows":                   "id,team,from\r\nada,a;b,2026-01-31\r\n",
		"empty rows and cells":      "\n\nid,team,from,to\n,,,\n\nada,a;b,2026-01-31,\n,,,\n",
		"no line end":               "id,team,from\nada,a;b,2026-01-31",
		"semicolon inside a header": "\"id\";\"team\";\"from\"\nada;\"a;b\";2026-01-31\n",
	} {
		got, err := read(csv.Table{Kind: "people"}, text)
		if err != nil || len(got) != 1 || got[0].Event.ID != want[0].Event.ID {
			t.Errorf("%s: %+v (%v)", name, got, err)
		}
	}
}

// TestLineBreaksInCells: a cell may hold line breaks, so the line on which a row
// begins is not its number.
func TestLineBreaksInCells(t *testing.T) {
	t.Parallel()
	_, err := read(csv.Table{Kind: "tickets"}, "id,title,created_at\n1,\"two\nlines, and a \"\"quote\"\"\",2026-01-01\n2,,January\n")
	if err == nil || !strings.HasPrefix(err.Error(), `line 4: created_at: is "January"`) {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		times      csv.Times
		cell, want string
	}{
		{csv.Times{}, "2026-07-01T10:00:00+02:00", "2026-07-01T08:00:00Z"},
		{csv.Times{}, "2026-07-01", "2026-07-01T00:00:00Z"},
		{csv.Times{}, "2026-07-01 10:00", "2026-07-01T10:00:00Z"},
		{csv.Times{Zone: "Europe/Berlin"}, "2026-07-01 10:00", "2026-07-01T08:00:00Z"},
		{csv.Times{Zone: "Europe/Berlin"}, "2026-12-01 10:00", "2026-12-01T09:00:00Z"},
		{csv.Times{Zone: "Europe/Berlin"}, "2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"},
		{csv.Times{Layout: "DD.MM.YYYY HH:mm", Zone: "Europe/Berlin"}, "01.07.2026 10:00", "2026-07-01T08:00:00Z"},
		{csv.Times{Layout: "DD.MM.YYYY HH:mm"}, "2026-07-01", "2026-07-01T00:00:00Z"},
		{csv.Times{Layout: "02/01/2006"}, "01/07/2026", "2026-07-01T00:00:00Z"},
	} {
		lines, err := read(csv.Table{Kind: "tickets", Times: tt.times}, "id,created_at\n1,"+tt.cell+"\n")
		if err != nil {
			t.Errorf("%+v %s: %v", tt.times, tt.cell, err)
			continue
		}
		want, err := time.Parse(time.RFC3339, tt.want)
		if err != nil {
			t.Fatal(err)
		}
		// What the event says alone, without the file or the configuration.
		facts, err := source(t).Normalize(lines[0].Event)
		if err != nil || !facts[0].(*schema.Ticket).CreatedAt.Equal(want) {
			t.Errorf("%+v %s: %v, %v; want %s", tt.times, tt.cell, facts, err, tt.want)
		}
	}
	for _, bad := range []csv.Times{{Zone: "Berlin"}, {Zone: "Local"}, {Layout: "tt.mm.jjjj"}, {Layout: "DD.MM."}} {
		if _, err := read(csv.Table{Kind: "tickets", Times: bad}, "id,created_at\n1,2026-01-01\n"); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// TestMistakesAreNamed with line, column, value and what to write.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, text, want string }{
		{"people", "id,squad\nada,a\n", `line 1: column 2 is called "squad"; the columns are id, bot, team, from, to, identities, deleted, updated_at, url`},
		{"people", "id,id\nada,a\n", `line 1: column "id" stands there twice`},
		{"people", "", "the file is empty"},
		{"people", "id,team\n", "no rows below its header"},
		{"people", "id\n\n\n", "no rows below its header"},
		{"people", "\xff\xfei\x00d\x00", "UTF-16"},
		{"people", "id,team\nada,caf\xe9\n", `line 2: team: is "caf\xe9", which is not UTF-8`},
		{"people", "id,team\nada,a,b\n", "line 2: has 3 cells, the header 2"},
		{"people", "id,team\nada,\"a\"b\n", "line 2: extraneous or missing"},
		{"people", "id,team\n,a\n", "line 2: id: is required"},
		{"people", "id,bot\nada,maybe\n", `line 2: bot: is "maybe"; write true or false`},
		{"people", "id,team,from\nada,a,31.01.2026\n", `line 2: from: is "31.01.2026"; write 2026-01-31`},
		{"people", "id,team,from,to\nada,a,x,y\n", `line 2: from: is "x"; write 2026-01-31, 2026-01-31 14:30 or RFC 3339; another layout has to be named (time_layout); to: is "y"`},
		{"people", "id\nada\ngrace\nada\n", "line 4: people ada is on line 2 already"},
		{"people", "id,identities\nada,github:a\ngrace,github:a\n", "line 3: identities github:a is on line 2 already"},
		{"people", "id,identities\nada,Ada Lovelace\n", `line 2: identities: is "Ada Lovelace"; write system and name`},
		{"tickets", "id,created_at,reopened\n1,2026-01-01,-1\n", `line 2: reopened: is "-1"; write a whole number`},
		{"workloads", "name,environment,day\nweb,prod,May\n", `line 2: day: is "May"; write`},
		{"incidents", "id\n1\n", "line 2: started_at: is required"},
		{"squads", "id\n1\n", `there is no kind "squads"; the kinds are teams, people`},
	}
	for _, tt := range tests {
		if _, err := read(csv.Table{Kind: tt.kind}, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v\nwant %s", tt.text, err, tt.want)
		}
	}
	_, err := read(csv.Table{Kind: "teams"}, "id,kind\n"+strings.Repeat("a,squad\n", 100))
	if n := strings.Count(err.Error(), "\n"); n != 20 || !strings.HasSuffix(err.Error(), "mend these first") {
		t.Errorf("%d lines: %v", n+1, err)
	}
}

// TestAWrongFileIsRefusedAsAWhole, over HTTP too.
func TestAWrongFileIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	var p collectortest.Publisher
	d := collectortest.Delivery{Path: "/v1/import/people", Header: http.Header{}, Body: []byte("id\nada\n\"\"\ngrace\nada\n")}
	sign(d.Header, d.Body, collectortest.Time)
	rec := collectortest.Post(collectortest.NewServer(t, source(t), &p), d)
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "line 5: people ada") || len(p.Events()) > 0 {
		t.Errorf("answered %d %s with %d events", rec.Code, rec.Body, len(p.Events()))
	}
}

// TestTheRowReceivedLastCounts, also when its times are earlier; and the same row
// again is the same event.
func TestTheRowReceivedLastCounts(t *testing.T) {
	t.Parallel()
	version := func(text string, at time.Time) uint64 {
		var v uint64
		if err := (csv.Table{Kind: "incidents"}).Read(strings.NewReader(text), at, func(l csv.Line) error {
			v = schema.MetaOf(l.Facts[0]).Version
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return v
	}
	const before, after = "id,started_at\n1,2026-05-01\n", "id,started_at\n1,2026-04-01\n"
	if version(before, collectortest.Time) >= version(after, collectortest.Time.Add(time.Second)) {
		t.Error("a correction to an earlier time does not count")
	}
	const dated = "id,started_at,updated_at\n1,2026-05-01,2026-05-02\n"
	if version(dated, collectortest.Time) != version(dated, collectortest.Time.Add(time.Hour)) {
		t.Error("updated_at does not decide")
	}
}

// TestAHundredThousandRows are read in bounded memory: of a row that was read
// nothing is kept but where each of its facts was. It is not parallel, since it
// measures the heap.
func TestAHundredThousandRows(t *testing.T) {
	const rows = 100_000
	in, out := io.Pipe()
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(out, "id,team,from,identities\n")
		for i := 0; i < rows && err == nil; i++ {
			_, err = fmt.Fprintf(out, "person-%d,team-%d,2026-01-01,github:p%d\n", i, i%500, i)
		}
		written <- errors.Join(err, out.Close())
	}()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n, facts, before, after := 0, 0, heap(), uint64(0)
	if err := (csv.Table{Kind: "people"}).Read(in, collectortest.Time, func(l csv.Line) error {
		n++
		facts += len(l.Facts)
		if n == rows {
			after = heap()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if n != rows || facts != 3*rows {
		t.Errorf("%d rows and %d facts", n, facts)
	}
	if grown := int64(after) - int64(before); grown > 24<<20 {
		t.Errorf("the heap grew by %d bytes over %d rows", grown, rows)
	} else {
		t.Logf("the heap grew by %.1f MB over %d rows", float64(grown)/(1<<20), rows)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	valid := func() csv.Config {
		return csv.Config{Interval: time.Minute, Files: []csv.File{{Path: "/a.csv", Kind: "people"}}}
	}
	collectortest.CheckConfig(t, valid, csv.Config.Validate, map[string]struct {
		Change func(*csv.Config)
		Want   string
	}{
		"interval": {func(c *csv.Config) { c.Interval = 0 }, "interval is 0s"},
		"kind":     {func(c *csv.Config) { c.Files[0].Kind = "squads" }, `files[0].kind is "squads"`},
		"path":     {func(c *csv.Config) { c.Files[0].Path = "" }, "files[0].path is missing"},
		"twice":    {func(c *csv.Config) { c.Files = append(c.Files, c.Files[0]) }, "files[1].path /a.csv stands there twice"},
		"zone":     {func(c *csv.Config) { c.TimeZone = "Mars" }, `time_zone is "Mars"`},
		"layout":   {func(c *csv.Config) { c.TimeLayout = "tt.mm.jjjj" }, `time_layout is "tt.mm.jjjj"`},
	})
}

func FuzzRead(f *testing.F) {
	for _, kind := range csv.Kinds() {
		f.Add(kind, example(f, kind))
	}
	s := source(f)
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		if !slices.Contains(csv.Kinds(), kind) {
			return
		}
		err := (csv.Table{Kind: kind}).Read(bytes.NewReader(text), collectortest.Time, func(l csv.Line) error {
			if err := l.Event.Validate(); err != nil {
				t.Error(err)
			}
			facts, err := s.Normalize(l.Event)
			if err != nil || len(facts) != len(l.Facts) {
				t.Errorf("a row that was taken is refused: %v", err)
			}
			for _, fact := range facts {
				if err := schema.Seal(fact, 0); err != nil || fact.FactID() == "" {
					t.Errorf("fact %q: %v", fact.FactID(), err)
				}
			}
			return nil
		})
		if err == nil && len(text) == 0 {
			t.Error("an empty file is taken")
		}
	})
}

func FuzzNormalize(f *testing.F) {
	f.Add("csv.people", []byte(`{"row":{"id":"ada","team":"a","from":"01.01.2026"},"time_layout":"DD.MM.YYYY","time_zone":"Europe/Berlin"}`))
	f.Add("csv.services", []byte(`{"row":{"id":"shop","later_column":"x"}}`))
	s := source(f)
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		facts, err := s.Normalize(schema.Event{ID: "1", Source: csv.Name, Type: typ, Time: collectortest.Time, Data: data})
		if err == nil && len(facts) == 0 {
			t.Error("no fact and no reason")
		}
		if _, ignored := errors.AsType[*schema.IgnoredError](err); ignored {
			t.Error("a row is ignored")
		}
		if err == nil && !json.Valid(data) {
			t.Error("nonsense is read")
		}
	})
}
