package reference

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/internal/config"
)

// Sections that a source's README.md has, as headings of the second level in this
// order: what somebody needs who connects it and reads no code.
func Sections() []string {
	return []string{"Connect", "Permissions", "headway.yaml", "Check it works", "What is read", "Limits"}
}

const module = "github.com/headway-metrics/headway/"

// Folder of a source below the repository's root, with slashes.
func Folder(e collectors.Entry) string {
	return strings.TrimPrefix(reflect.TypeOf(e.Config()).Elem().PkgPath(), module)
}

// Readme is what a source's README.md holds.
type Readme struct {
	// Summary is the first paragraph.
	Summary string
	// Example is the YAML of the section headway.yaml.
	Example string
}

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	block   = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// ReadReadme reads the README.md of a source; fsys is the repository. An error
// names every section that is missing or empty.
func ReadReadme(fsys fs.FS, e collectors.Entry) (Readme, error) {
	name := path.Join(Folder(e), "README.md")
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Readme{}, fmt.Errorf("source %s has no README.md: %w", e.Name, err)
	}
	text := string(b)
	at := heading.FindAllStringSubmatchIndex(text, -1)
	bodies := map[string]string{}
	var got []string
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		title := text[m[2]:m[3]]
		got = append(got, title)
		bodies[title] = strings.TrimSpace(text[m[1]:end])
	}
	var problems []error
	if !slices.Equal(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !slices.Contains(Sections(), s) }), Sections()) {
		problems = append(problems, fmt.Errorf("%s: has the sections %q; it needs %q in this order", name, got, Sections()))
	}
	for _, s := range Sections() {
		if bodies[s] == "" {
			problems = append(problems, fmt.Errorf("%s: section %q is missing or empty", name, s))
		}
	}
	title, rest, _ := strings.Cut(text, "\n")
	if title != "# "+e.Title {
		problems = append(problems, fmt.Errorf("%s: begins with %q; begin with %q", name, title, "# "+e.Title))
	}
	summary, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
	example := block.FindStringSubmatch(bodies["headway.yaml"])
	if example == nil {
		return Readme{}, errors.Join(append(problems, fmt.Errorf("%s: section headway.yaml holds no ```yaml block", name))...)
	}
	return Readme{Summary: strings.Join(strings.Fields(summary), " "), Example: example[1]}, errors.Join(problems...)
}

// exampleSecret stands for every secret of an example. It also is a key as
// Standard Webhooks writes one.
const exampleSecret = "whsec_ZXhhbXBsZS1zZWNyZXQtb2YtdGhlLWRvY3M=" //nolint:gosec // It opens nothing.

var (
	secretFile = regexp.MustCompile(`([a-z_]*(?:secret|token|password|key)s?_file:\s*)[^\s,}]+`)
	reference  = regexp.MustCompile(`\$\{(?:env|file):[^}]+\}`)
)

// Make makes the source of an example, a headway.yaml that names files and
// variables which exist nowhere: each secret is replaced, and everything else read
// as strictly as a user's own file.
func (r Readme) Make(e collectors.Entry) (src collectors.Source, err error) {
	dir, err := os.MkdirTemp("", "headway-example-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the example of %s: %w", e.Name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(exampleSecret), 0o600); err != nil {
		return nil, fmt.Errorf("writing a secret for the example of %s: %w", e.Name, err)
	}
	text := secretFile.ReplaceAllString(r.Example, "${1}"+file)
	text = reference.ReplaceAllString(text, "$${file:"+file+"}")
	cfg, err := config.Parse(Folder(e)+"/README.md", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("reading the example of %s: %w", e.Name, err)
	}
	if !cfg.Sources.Has(e.Name) && !e.AlwaysOn {
		return nil, fmt.Errorf("the example of %s configures %q, not sources.%s", e.Name, cfg.Sources.Names(), e.Name)
	}
	c := e.Config()
	if err := cfg.Sources.Decode(e.Name, c); err != nil {
		return nil, fmt.Errorf("reading the example of %s: %w", e.Name, err)
	}
	src, err = e.New(c, collectors.Deps{
		Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}, APIToken: cfg.HTTP.APIToken, StateDir: filepath.Join(dir, "state"),
	})
	if err != nil {
		return nil, fmt.Errorf("making the source of the example of %s: %w", e.Name, err)
	}
	return src, nil
}
