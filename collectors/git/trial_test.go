package git

import (
	"os"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors"
)

func TestTrialCopiesNothing(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("one", "a")
	w.tag("v1.0.0")
	state := t.TempDir()
	s := newSource(t, state, Repository{Name: "shop", URL: w.dir}, Repository{Name: "gone", URL: t.TempDir()})
	trial := collectors.Try(t.Context(), s)
	if len(trial.Checks) != 2 || trial.Checks[0].Detail != "1 branches, 1 tags" || !strings.Contains(trial.Checks[1].Problem, "check url and token_file") {
		t.Errorf("checks %+v", trial.Checks)
	}
	left, err := os.ReadDir(state)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
