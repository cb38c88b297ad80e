package reference

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/collectors"
)

// Sources is the page of all sources in Markdown, docs/reference/sources.md; fsys
// is the repository, whose READMEs and package comments it reads.
func Sources(fsys fs.FS, entries []collectors.Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`# Sources

Generated from ` + "`collectors/all`" + ` and what lies beside each source; do not edit. A row leads to the page with which the
source is connected in ten minutes.

Every source verifies what it is sent, answers only once Kafka has it, drops what comes twice by the sender's own id, and keeps
what it cannot read as a dead letter (` + "`headway deadletter list`" + `). One body is at most 25 MB (413 above), and ` + "`http.limits`" + ` sets a rate (429 above) and a smaller
size for a source. Two secrets are accepted while one replaces the other. Sources that ask keep to
the system's rate limit and go on where they were. ` + "`headway sources status`" + ` says how each is doing.

| group | source | key | is sent | asks for | facts |
|---|---|---|---|---|---|
`)
	made := map[string]described{}
	for _, e := range entries {
		d, err := describe(fsys, e)
		if err != nil {
			return nil, err
		}
		made[e.Name] = d
	}
	groups := collectors.Groups()
	for _, g := range groups {
		for _, e := range inGroup(entries, g) {
			d := made[e.Name]
			fmt.Fprintf(&b, "| %s | [%s](#%s) | `%s` | %s | %s | %s |\n", g, e.Title, anchor(e.Title), e.Name,
				cmp.Or(strings.Join(code(d.paths), " "), "–"), cmp.Or(e.Polls, "–"), strings.Join(code(e.Facts), " "))
		}
	}
	for _, g := range groups {
		for _, e := range inGroup(entries, g) {
			made[e.Name].write(&b)
		}
	}
	return b.Bytes(), nil
}

func inGroup(entries []collectors.Entry, g collectors.Group) []collectors.Entry {
	var out []collectors.Entry
	for _, e := range entries {
		if e.Group == g {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b collectors.Entry) int {
		return cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return out
}

// described is what the page says of one source.
type described struct {
	entry   collectors.Entry
	summary string
	paths   []string
	// past says that more of it can be asked for.
	past    bool
	traps   []Trap
	corpora []corpus
	keys    []key
}

func describe(fsys fs.FS, e collectors.Entry) (described, error) {
	d := described{entry: e, keys: keys(e.Config())}
	readme, err := ReadReadme(fsys, e)
	if err != nil {
		return d, err
	}
	d.summary = readme.Summary
	src, err := readme.Make(e)
	if err != nil {
		return d, err
	}
	d.paths = Paths(src)
	_, d.past = src.(collectors.Backfiller)
	if d.traps, err = Traps(fsys, Folder(e)); err != nil {
		return d, err
	}
	d.corpora, err = corpora(fsys, Folder(e))
	return d, err
}

// Paths at which a source takes deliveries.
func Paths(src collectors.Source) []string {
	var out []string
	if _, ok := src.(collectors.Webhook); ok {
		out = append(out, "/hooks/"+src.Name())
	}
	if in, ok := src.(collectors.Intake); ok {
		for _, e := range in.Endpoints() {
			out = append(out, e.Path)
		}
	}
	return out
}

func (d described) write(b *bytes.Buffer) {
	e := d.entry
	fmt.Fprintf(b, "\n## %s\n\n%s [Connect it](../../%s/README.md).\n\n", e.Title, d.summary, Folder(e))
	if len(d.paths) > 0 {
		fmt.Fprintf(b, "- Is sent: `POST` %s\n- Signature: %s\n", strings.Join(code(d.paths), ", "), e.Signature)
	}
	if e.Polls != "" {
		fmt.Fprintf(b, "- Asks for: %s\n", e.Polls)
	}
	if d.past {
		fmt.Fprintf(b, "- More of the past than it asks for by itself: `headway backfill %s --from DATE`\n", e.Name)
	}
	fmt.Fprintf(b, "- Facts: %s\n", strings.Join(code(e.Facts), ", "))
	for _, c := range d.corpora {
		fmt.Fprintf(b, "- Payloads that nobody here wrote: %s\n", c)
	}
	if e.AlwaysOn {
		fmt.Fprintf(b, "- On without being configured; what it accepts is set under `sources.%s`\n", e.Name)
	}
	fmt.Fprintf(b, "\n| key of `sources.%s` | is | default | meaning |\n|---|---|---|---|\n", e.Name)
	for _, k := range d.keys {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.path, k.kind, k.preset, strings.ReplaceAll(k.meaning, "|", `\|`))
	}
	if len(d.traps) > 0 {
		b.WriteString("\nTraps, each with the tests that hold it:\n\n")
		for _, t := range d.traps {
			fmt.Fprintf(b, "- %s (%s)\n", t.Text, strings.Join(code(t.Tests), ", "))
		}
	}
}

func code(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "`" + n + "`"
	}
	return out
}

// anchor is GitHub's id of a heading.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(title))
}
