package reference

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// settings is the configuration of the made-up source of these tests.
type settings struct {
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Token of the sender"`
	Rules []struct {
		Kind string `yaml:"kind" json:"kind,omitempty" jsonschema:"enum=a,enum=b,default=a"`
	} `yaml:"rules" json:"rules,omitempty" jsonschema:"description=What counts"`
}

type source struct{ collectors.Source }

func (source) Name() string                                  { return "made" }
func (source) Normalize(schema.Event) ([]schema.Fact, error) { return nil, schema.Ignore("nothing") }

func entry() collectors.Entry {
	return collectors.Entry{
		Name: "made", Title: "Made Up", Group: collectors.GroupCost, Facts: []string{"tags"},
		Config: func() any { return &settings{} },
		New: func(cfg any, _ collectors.Deps) (collectors.Source, error) {
			if cfg.(*settings).Token == "" {
				return nil, errors.New("token is missing: set token_file")
			}
			return source{}, nil
		},
	}
}

const good = `# Made Up

It sends
nothing.

## Connect
Do it.
## Permissions
None.
## headway.yaml
` + "```yaml\nsources:\n  made:\n    token_file: /run/secrets/nowhere\n```" + `
## Check it works
Look.
## What is read
Nothing.
## Limits
All.
`

func repository(readme string) fstest.MapFS {
	return fstest.MapFS{
		"internal/reference/README.md":                          {Data: []byte(readme)},
		"internal/reference/testdata/corpus/package.json":       {Data: []byte(`{}`)},
		"internal/reference/testdata/corpus/made-examples.json": {Data: []byte(`{"one": "facts: a", "two": "dead: b", "ignored: c": 3}`)},
		"internal/reference/doc.go": {Data: []byte(`// Package made is made up.
//
// The traps, each with a test of its name:
//   - the first
//     trap (TestFirst);
//   - the second (of two) (TestSecond, TestThird).
//
// Lists elsewhere:
//   - do not count.
package made
`)},
	}
}

func TestAGoodReadme(t *testing.T) {
	t.Parallel()
	readme, err := ReadReadme(repository(good), entry())
	if err != nil {
		t.Fatal(err)
	}
	if readme.Summary != "It sends nothing." {
		t.Errorf("summary %q", readme.Summary)
	}
	if _, err := readme.Make(entry()); err != nil {
		t.Error(err)
	}
}

func TestABadReadmeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"no section":      {"## Limits\nAll.\n", "", `section "Limits" is missing or empty`},
		"empty section":   {"Do it.\n", "", `section "Connect" is missing or empty`},
		"another order":   {"## Connect\nDo it.\n## Permissions\nNone.", "## Permissions\nNone.\n## Connect\nDo it.", "in this order"},
		"another title":   {"# Made Up", "# Made", `begin with "# Made Up"`},
		"no example":      {"```yaml", "```", "holds no ```yaml block"},
		"unknown key":     {"token_file:", "tokens_file:", "unknown field"},
		"literal secret":  {"token_file: /run/secrets/nowhere", "token: hunter2", "must not be written into the file"},
		"another source":  {"  made:", "  other:", "not sources.made"},
		"incomplete keys": {"    token_file: /run/secrets/nowhere\n", "    rules: []\n", "token is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, c.from, c.to, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			readme, err := ReadReadme(repository(text), entry())
			if err == nil {
				_, err = readme.Make(entry())
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestThePageHoldsKeysAndTraps(t *testing.T) {
	t.Parallel()
	page, err := Sources(repository(good), []collectors.Entry{entry()})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| Cost | [Made Up](#made-up) | `made` | – | – | `tags` |",
		"| `rules` | list of mapping |  | What counts |",
		"| `rules[].kind` | `a`, `b` | `a` |  |",
		"- the first trap (`TestFirst`)\n- the second (of two) (`TestSecond`, `TestThird`)\n",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "do not count") {
		t.Error("another list was taken for traps")
	}
}

// TestThePageIsCurrent: the committed page is what the registry says.
func TestThePageIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := Sources(os.DirFS("../.."), all.Entries())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/reference/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/reference/sources.md is out of date; run make generate")
	}
}
