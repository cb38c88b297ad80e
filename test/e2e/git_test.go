package e2e

import (
	"encoding/csv"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/git/gittest"
	"github.com/headway-metrics/headway/schema"
)

// visibleWithin is what the README promises for a repository of 50,000 commits.
const visibleWithin = time.Minute

// TestAnyRepositoryIsMeasuredAsRevListSays gives the binary nothing but the path of
// a repository, and compares every release and every change in ClickHouse with
// what git rev-list says of the repository.
func TestAnyRepositoryIsMeasuredAsRevListSays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "generated.git")
	repo, err := gittest.Generate(t.Context(), path, gittest.Shape{Seed: 11, Commits: 50_000, TagEvery: 200})
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range map[string]int{
		"merges": repo.Merges, "squashes": repo.Squashes, "cherry-picks": repo.CherryPicks, "reverts": repo.Reverts,
		"tags made twice": repo.TwiceTagged, "commits authored after their release": repo.NegativeLeads,
	} {
		if n == 0 {
			t.Fatalf("the repository has no %s; the test means less than it says", what)
		}
	}
	checkRepository(t, path, "*")
}

// TestTheProjectMeasuresItself reads the project's own history, with tags put on
// it, since the project may have none yet.
func TestTheProjectMeasuresItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "headway.git")
	git(t, "clone", "--quiet", "--bare", "../..", path)
	for tag := range strings.FieldsSeq(git(t, "--git-dir", path, "tag", "--list")) {
		git(t, "--git-dir", path, "tag", "--delete", tag)
	}
	commits := strings.Fields(git(t, "--git-dir", path, "rev-list", "--reverse", "HEAD"))
	if len(commits) < 3 {
		t.Fatalf("the project's history has %d commits; a shallow clone cannot be measured", len(commits))
	}
	const releases = 5
	for i := range releases {
		git(t, "--git-dir", path, "tag", fmt.Sprintf("v0.%d.0", i+1), commits[(i+1)*(len(commits)-1)/releases])
	}
	checkRepository(t, path, "v*")
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", args...).Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// measured is what ClickHouse must hold of a change.
type measured struct {
	release string
	// lead in seconds; "" when it is negative and so excluded.
	lead, excluded string
}

func checkRepository(t *testing.T, path, tags string) {
	t.Helper()
	oracle, err := gittest.Oracle(t.Context(), path, tags)
	if err != nil {
		t.Fatal(err)
	}
	in := newInstallation(t, "")
	began := time.Now()
	up := in.start("up", "--git", "repo="+path, "--tags", tags)
	in.polled(up, "git")
	in.settle("git")
	took := time.Since(began)
	t.Logf("%d releases measured %.1f s after the start", len(oracle), took.Seconds())
	if took > visibleWithin*3 { // Three times: the machine may run other tests beside this one.
		t.Errorf("it took %s until everything was measured", took)
	}

	compareReleases(t, in, oracle)
	want := map[string]measured{}
	for _, r := range gittest.Fold(oracle) {
		if r.Baseline {
			continue
		}
		for _, c := range r.Changes {
			m := measured{release: r.Tag, lead: strconv.FormatFloat(c.Lead.Seconds(), 'f', -1, 64)}
			if c.Lead < 0 {
				m.lead, m.excluded = "", schema.ExcludedNegative
			}
			want[c.SHA] = m
		}
	}
	got := map[string]measured{}
	for _, row := range in.csv(`SELECT change_id, r.deployed_version, toString(lead_seconds), c.excluded
		FROM changes_deployed AS c FINAL INNER JOIN (SELECT * FROM releases FINAL) AS r ON r.release_id = c.release_id`) {
		_, sha, _ := strings.Cut(row[0], "@")
		got[sha] = measured{row[1], row[2], row[3]}
	}
	wrong := 0
	for sha, w := range want {
		if g := got[sha]; g != w && wrong < 5 {
			wrong++
			t.Errorf("change %s: got %+v, want %+v", sha, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d changes, want %d", len(got), len(want))
	}
}

func compareReleases(t *testing.T, in *installation, oracle []gittest.Release) {
	t.Helper()
	var want, got []string
	for _, r := range oracle {
		want = append(want, fmt.Sprintf("%s %s %s baseline=%t", r.Tag, r.Commit, r.At.UTC().Format(time.DateTime), r.Baseline))
	}
	for _, row := range in.csv(`SELECT deployed_version, commit, formatDateTime(finished_at, '%F %T'), baseline FROM releases FINAL`) {
		got = append(got, fmt.Sprintf("%s %s %s baseline=%t", row[0], row[1], row[2], row[3] == "1"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d releases, want %d; %s", len(got), len(want), firstDifference(strings.Join(want, "\n"), strings.Join(got, "\n")))
	}
}

// csv runs a query and returns its rows without the header.
func (in *installation) csv(query string) [][]string {
	in.t.Helper()
	return in.table("sql", query, "-o", "csv")[1:]
}

// table runs a command that prints CSV and returns its rows.
func (in *installation) table(args ...string) [][]string {
	in.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(in.headway(args...))).ReadAll()
	if err != nil {
		in.t.Fatal(err)
	}
	return rows
}
