package surveys

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashDir names the state directory of a test binary that was started to be
// killed.
const crashDir = "HEADWAY_TEST_SURVEY_CRASH_DIR"

// anybody is a respondent with a mark of its own.
func anybody(mark string) respondent {
	d := Definition{ID: "platform", Questions: []Question{{ID: "q", Version: 1, Kind: KindNPS}}}
	return respondent{survey: d, wave: Wave{Name: "2026-Q4", Closes: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, mark: mark}
}

func nine() submission {
	v := 9.0
	return submission{answers: map[string]reading{"q": {score: &v}}}
}

// answerForEver accepts answers and prints the mark of each when it is
// acknowledged, until it is killed.
func answerForEver(dir string) {
	s, err := openStore(dir)
	for err == nil {
		who := anybody(randomID())
		err = s.change(func(st *state) error { return st.accept(who, nine(), midNovember) })
		if err == nil {
			_, err = fmt.Println(who.mark)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKillLosesNothing kills a process that accepts answers at random moments.
// Every acknowledged answer is there, whole, and none is there by halves.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for range 8 {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 1 + rand.N(25); n > 0 && lines.Scan(); n-- {
			acknowledged[lines.Text()] = true
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if len(lines.Text()) == 32 {
				acknowledged[lines.Text()] = true
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]bool{}
	for _, m := range st.Spent["platform/2026-Q4"].Marks {
		marks[m] = true
	}
	for m := range acknowledged {
		if !marks[m] {
			t.Errorf("the acknowledged answer %s is lost", m)
		}
	}
	if len(st.Held) != 2*len(marks) {
		t.Errorf("%d marks and %d held events, want twice as many", len(marks), len(st.Held))
	}
	if left, err := filepath.Glob(filepath.Join(dir, unfinished)); err != nil || len(left) != 0 {
		t.Errorf("unfinished files are left: %v, %v", left, err)
	}
	t.Logf("%d answers acknowledged, %d kept, 8 kills", len(acknowledged), len(marks))
}

// TestTwoProcessesShareADirectory lets two stores answer at once with the same
// invitations: each counts once.
func TestTwoProcessesShareADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 2 {
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for i := range 20 {
				err := s.change(func(st *state) error { return st.accept(anybody(strconv.Itoa(i)), nine(), midNovember) })
				if err != nil && !errors.Is(err, errAnswered) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.read()
	if err != nil || len(st.Held) != 40 {
		t.Errorf("%d held events, %v; want 40", len(st.Held), err)
	}
}

func TestDamagedStateIsNotOverwritten(t *testing.T) {
	t.Parallel()
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.stateFile(), []byte(`{"held":[{"answer":{"text":"secret words`), 0o600); err != nil {
		t.Fatal(err)
	}
	err = s.change(func(*state) error { return nil })
	if err == nil || strings.Contains(err.Error(), "secret words") || !strings.Contains(err.Error(), "state.json") {
		t.Errorf("error %v, want one that names the file and quotes nothing", err)
	}
	if b, err := os.ReadFile(s.stateFile()); err != nil || !strings.Contains(string(b), "secret words") {
		t.Error("the damaged file was overwritten")
	}
}

func TestMarksOfClosedWavesAreForgotten(t *testing.T) {
	t.Parallel()
	st := state{Spent: map[string]spent{"platform/2026-Q3": {Closes: midNovember, Marks: []string{"a"}}}}
	if err := st.accept(anybody("b"), nine(), midNovember); err != nil {
		t.Fatal(err)
	}
	if len(st.Spent) != 1 || len(st.Spent["platform/2026-Q4"].Marks) != 1 {
		t.Errorf("marks %v, want those of the open wave", st.Spent)
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := make([]string, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			s, err := openStore(dir)
			if err == nil {
				got[i], err = s.secret()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, g := range got {
		if g != got[0] || len(g) != 64 {
			t.Errorf("secrets of %d characters differ", len(g))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.secret(); err == nil {
		t.Error("a short secret was taken")
	}
}
