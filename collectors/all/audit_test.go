package all_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/internal/reference"
	"github.com/headway-metrics/headway/internal/secret"
)

// suite is what the tests of a source's folder are called and use.
type suite struct {
	tests map[string]bool
	// calls of package collectortest.
	calls map[string]bool
	// conditional says that an answer of 304 is tried.
	conditional bool
}

func readSuite(t *testing.T, folder string) suite {
	t.Helper()
	s := suite{tests: map[string]bool{}, calls: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					s.tests[n.Name.Name] = true
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "collectortest" {
					s.calls[n.Sel.Name] = true
				}
				s.conditional = s.conditional || n.Sel.Name == "StatusNotModified"
			}
			return true
		})
	}
	return s
}

// uses reports whether one of these functions of package collectortest is called.
func (s suite) uses(names ...string) bool {
	return anyOf(s.calls, names, func(have, want string) bool { return have == want })
}

// has reports whether a test's name holds one of these words.
func (s suite) has(words ...string) bool { return anyOf(s.tests, words, strings.Contains) }

func anyOf(set map[string]bool, list []string, fits func(have, want string) bool) bool {
	for have := range set {
		for _, want := range list {
			if fits(have, want) {
				return true
			}
		}
	}
	return false
}

// ownFailures are sources whose vendor's client makes errors of its own, and that ask
// whether something has changed: tests of these names try what CheckFailures tries of the
// others.
func ownFailures() map[string][]string {
	own := []string{"TestTrouble", "TestNotModifiedUnasked"}
	return map[string][]string{"github": own, "gitlab": own}
}

// fetched are sources that ask no API: git fetches for them, whole or not at all, or
// they read files.
func fetched() []string { return []string{"csv", "git", "gitops"} }

// withoutPast says of the sources that ask and cannot be backfilled why not.
func withoutPast() map[string]string {
	return map[string]string{
		"argocd":     "its API has the last ten syncs of an application, and every poll reads them all",
		"cloudrun":   "the API knows what is there now",
		"crossplane": "the API knows what is there now",
		"csv":        "a file is read whole",
		"ecs":        "the API knows what is there now",
		"git":        "the first poll reads the whole history",
		"gitops":     "the first poll reads the whole history",
		"kubernetes": "the API knows what is there now",
		"snyk":       "the first poll reads every issue",
	}
}

// withoutTraps says of sources why nothing in them deceives.
func withoutTraps() map[string]string {
	return map[string]string{"api": "the format is Headway's own"}
}

// TestEverySourceHasAConnection: without one test/e2e, which takes longer, fails.
func TestEverySourceHasAConnection(t *testing.T) {
	t.Parallel()
	file := filepath.Join(root, "test", "e2e", "connections_test.go")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all.Entries() {
		if !strings.Contains(string(b), "\t\t\""+e.Name+"\":") {
			t.Errorf("%s has no entry %q: say there how its system answers and signs", file, e.Name)
		}
	}
}

// TestEverySuite: a source inherits with its line in the registry what has to be tried
// of it.
func TestEverySuite(t *testing.T) {
	t.Parallel()
	for _, e := range all.Entries() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			s := readSuite(t, reference.Folder(e))
			if !s.uses("Check", "CheckTestdata") {
				t.Error("no contract: call collectortest.Check or CheckTestdata")
			}
			if !s.uses("Golden", "GoldenEvent", "CheckTestdata") {
				t.Error("no golden facts: call collectortest.Golden or CheckTestdata")
			}
			if !s.has("Fuzz") {
				t.Error("no fuzz target for the parser: call collectortest.Fuzz")
			}
			if e.Signature != "" && !rotates(reflect.TypeOf(e.Config())) {
				t.Error("the configuration has room for one secret only: nobody can replace it without losing deliveries")
			}
			if e.Polls != "" {
				checkPolls(t, e, s)
			}
			checkTraps(t, e, s)
		})
	}
}

// checkPolls demands what is tried of a source that asks.
func checkPolls(t *testing.T, e collectors.Entry, s suite) {
	t.Helper()
	readme, err := reference.ReadReadme(os.DirFS(root), e)
	if err != nil {
		t.Fatal(err)
	}
	src, err := readme.Make(e)
	if err != nil {
		t.Fatal(err)
	}
	if !s.uses("CheckPoller") {
		t.Error("pages and failing publishers are not tried: call collectortest.CheckPoller")
	}
	if _, ok := src.(collectors.Tester); !ok || !s.has("TestTrial") {
		t.Error("'headway sources test' cannot name its permissions, or nothing tries that: implement collectors.Tester and add TestTrial")
	}
	_, past := src.(collectors.Backfiller)
	if reason := withoutPast()[e.Name]; past == (reason != "") {
		t.Errorf("it can be backfilled: %t; the reason why not is %q", past, reason)
	}
	if past && !s.has("Backfill", "PollContract") {
		t.Error("the backfill is not tried: call collectortest.CheckBackfill")
	}
	if anyOf(map[string]bool{e.Name: true}, fetched(), func(a, b string) bool { return a == b }) {
		return
	}
	own := ownFailures()[e.Name]
	tried := len(own) > 0 && !slices.ContainsFunc(own, func(name string) bool { return !s.tests[name] })
	if !s.uses("CheckFailures") && !tried {
		t.Error("401, 429, 500, a 304 that nobody asked for and answers that are cut off are not tried: call collectortest.CheckFailures")
	}
	if !s.uses("CheckResumes") && !s.has("Resumes") {
		t.Error("a cursor in the middle is not tried: call collectortest.CheckResumes")
	}
	text, err := os.ReadFile(filepath.Join(root, reference.Folder(e), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !s.conditional && !strings.Contains(string(text), "conditional request") {
		t.Error("304 is not tried, and README.md does not say why there are no conditional requests")
	}
}

// checkTraps demands that each trap of the package comment names the tests that hold
// it.
func checkTraps(t *testing.T, e collectors.Entry, s suite) {
	t.Helper()
	traps, err := reference.Traps(os.DirFS(root), reference.Folder(e))
	if err != nil {
		t.Fatal(err)
	}
	if (len(traps) == 0) == (withoutTraps()[e.Name] == "") {
		t.Errorf("%d traps are listed in the package comment, after \"The traps\", and the reason for none is %q", len(traps), withoutTraps()[e.Name])
	}
	for _, trap := range traps {
		if len(trap.Tests) == 0 {
			t.Errorf("no test holds the trap %q: end it with (TestName)", trap.Text)
		}
		for _, name := range trap.Tests {
			if !s.tests[name] {
				t.Errorf("the trap %q names %s, which is no test", trap.Text, name)
			}
		}
	}
}

// rotates reports whether a configuration takes more than one secret of one kind.
func rotates(cfg reflect.Type) bool {
	for _, f := range reflect.VisibleFields(cfg.Elem()) {
		if f.Type == reflect.TypeFor[[]secret.String]() || f.Type == reflect.TypeFor[secret.String]() && strings.HasPrefix(f.Name, "Previous") {
			return true
		}
	}
	return false
}
