package gitops

import (
	"os"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors"
)

func TestTrialCopiesNothing(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("apps/production/shop.yaml", "image: {tag: v1}\n")
	state := t.TempDir()
	rule := func(url string) Rule {
		return Rule{URL: url, Files: "apps/{environment}/{service}.yaml", Key: "image.tag"}
	}
	s, err := New(Config{Interval: DefaultInterval, Rules: []Rule{rule(w.dir), rule(t.TempDir())}}, collectors.Deps{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	trial := collectors.Try(t.Context(), s)
	if len(trial.Checks) != 2 || trial.Checks[0].Detail != "1 branches, 0 tags" || !strings.Contains(trial.Checks[1].Problem, "rule under sources.gitops") {
		t.Errorf("checks %+v", trial.Checks)
	}
	left, err := os.ReadDir(state)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
