package csv_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/schema"
)

// export is a folder of watched files and what was read of them.
type export struct {
	dir    string
	state  string
	files  []csv.File
	cursor collectors.Cursor
}

func newExport(t *testing.T, kinds ...string) *export {
	t.Helper()
	e := &export{dir: t.TempDir(), state: t.TempDir()}
	for _, k := range kinds {
		e.files = append(e.files, csv.File{Path: filepath.Join(e.dir, k+".csv"), Kind: k})
	}
	return e
}

// write puts a file there as an export of an hour ago.
func (e *export) write(t *testing.T, kind, text string) {
	t.Helper()
	path := filepath.Join(e.dir, kind+".csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
}

func (e *export) source(t *testing.T) collectors.Poller {
	t.Helper()
	s, err := csv.New(csv.Config{Files: e.files, Interval: time.Minute}, collectors.Deps{StateDir: e.state})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// poll looks at the files once and describes the facts of what was emitted.
func (e *export) poll(t *testing.T) ([]string, error) {
	t.Helper()
	src := e.source(t)
	var facts []string
	next, err := src.Poll(t.Context(), e.cursor, func(_ context.Context, events ...schema.Event) error {
		for _, ev := range events {
			list, err := src.Normalize(ev)
			if err != nil {
				return err
			}
			for _, f := range list {
				line := f.Table() + " " + f.FactID()
				if schema.MetaOf(f).Deleted == 1 {
					line += " withdrawn"
				}
				facts = append(facts, line)
			}
		}
		return nil
	})
	if next != nil {
		e.cursor = next
	}
	slices.Sort(facts)
	return facts, err
}

func (e *export) expect(t *testing.T, want ...string) {
	t.Helper()
	got, err := e.poll(t)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nerror %v", strings.Join(got, "\n"), strings.Join(want, "\n"), err)
	}
}

// TestAWatchedFileIsTheTruthAboutItself: rows that did not change are not sent
// again, and what a row that is gone or changed no longer says is withdrawn.
func TestAWatchedFileIsTheTruthAboutItself(t *testing.T) {
	t.Parallel()
	e := newExport(t, "people", "services")
	e.write(t, "services", "id,team\nshop,payments\n")
	e.write(t, "people", "id,team,identities\nada,payments,github:ada|pagerduty:P1\ngrace,platform,github:grace\nlinus,platform,github:linus\n")
	e.expect(t,
		"identities github:ada", "identities github:grace", "identities github:linus", "identities pagerduty:P1",
		"memberships ada/payments@1970-01-01T00:00:00.000Z", "memberships grace/platform@1970-01-01T00:00:00.000Z",
		"memberships linus/platform@1970-01-01T00:00:00.000Z", "ownerships shop@1970-01-01T00:00:00.000Z@csv",
		"people ada", "people grace", "people linus", "services shop")
	e.expect(t)
	// Linus left, Ada moved and has one name less, and Grace stayed.
	e.write(t, "people", "id,team,identities\ngrace,platform,github:grace\nada,platform,github:ada\n")
	e.expect(t,
		"identities github:ada", "identities github:linus withdrawn", "identities pagerduty:P1 withdrawn",
		"memberships ada/payments@1970-01-01T00:00:00.000Z withdrawn", "memberships ada/platform@1970-01-01T00:00:00.000Z",
		"memberships linus/platform@1970-01-01T00:00:00.000Z withdrawn", "people ada", "people linus withdrawn")
	e.expect(t)
}

// TestAFileThatIsBeingWrittenIsNotRead.
func TestAFileThatIsBeingWrittenIsNotRead(t *testing.T) {
	t.Parallel()
	e := newExport(t, "teams")
	e.write(t, "teams", "id\na\nb\n")
	e.expect(t, "teams a", "teams b")
	path := filepath.Join(e.dir, "teams.csv")
	if err := os.WriteFile(path, []byte("id\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.expect(t)
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	e.expect(t, "teams b withdrawn")
}

// TestAWrongWatchedFileHoldsUpNoOther, publishes nothing, and withdraws nothing.
func TestAWrongWatchedFileHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	e := newExport(t, "people", "services", "teams")
	e.write(t, "people", "id\nada\n")
	e.write(t, "teams", "id\na\n")
	got, err := e.poll(t)
	if err == nil || !strings.Contains(err.Error(), "services.csv: looking at the file") || !slices.Equal(got, []string{"people ada", "teams a"}) {
		t.Errorf("%v, %v", got, err)
	}
	e.write(t, "services", "id\nshop\n")
	for _, wrong := range []string{"id\n", "", "id\nada\nada\n", "id,squad\ngrace,x\n"} {
		e.write(t, "people", wrong)
		got, err := e.poll(t)
		if err == nil || !strings.Contains(err.Error(), "people.csv: ") || len(slices.DeleteFunc(got, func(s string) bool { return s == "services shop" })) > 0 {
			t.Errorf("%q: %v, %v", wrong, got, err)
		}
	}
	e.write(t, "people", "id\ngrace\n")
	e.expect(t, "people ada withdrawn", "people grace")
}

// TestWhatWasNotPublishedIsReadAgain: a crash between two batches, and copies that
// were lost, repeat rows and lose none.
func TestWhatWasNotPublishedIsReadAgain(t *testing.T) {
	t.Parallel()
	e := newExport(t, "teams")
	e.write(t, "teams", "id\na\nb\n")
	down := errors.New("kafka is away")
	if _, err := e.source(t).Poll(t.Context(), nil, func(context.Context, ...schema.Event) error { return down }); !errors.Is(err, down) {
		t.Fatal(err)
	}
	e.expect(t, "teams a", "teams b")
	e.state = t.TempDir()
	e.expect(t)
	e.write(t, "teams", "id\nb\nc\n")
	e.expect(t, "teams b", "teams c")
}

func TestPoller(t *testing.T) {
	t.Parallel()
	e := newExport(t, "people", "tickets")
	e.write(t, "people", string(example(t, "people")))
	e.write(t, "tickets", string(example(t, "tickets")))
	collectortest.CheckPoller(t, func() collectors.Poller { return e.source(t) })
}

// TestTrial: 'headway sources test csv' reads the files and says what is wrong.
func TestTrial(t *testing.T) {
	t.Parallel()
	e := newExport(t, "people", "teams")
	e.write(t, "people", string(example(t, "people")))
	e.write(t, "teams", "id,kind\na,squad\n")
	trial := collectors.Try(t.Context(), e.source(t))
	if trial.Sample == nil || trial.Sample.Subject != "people/ada" {
		t.Errorf("sample %+v", trial.Sample)
	}
	people, teams := trial.Checks[0], trial.Checks[1]
	if people.Problem != "" || people.Detail != "3 rows of people are right" || !strings.Contains(teams.Problem, `line 2: kind: is "squad"`) {
		t.Errorf("%+v, %+v", people, teams)
	}
	e.expectNoState(t)
}

func (e *export) expectNoState(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(e.state); err != nil || len(left) > 0 {
		t.Errorf("%v is kept (%v)", left, err)
	}
}
