package reference

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// trapsHeading begins the paragraph before the list of a source's traps.
const trapsHeading = "The traps"

// Trap is a way in which a system deceives whoever reads it in haste.
type Trap struct {
	Text string
	// Tests hold it, by their names in the source's folder.
	Tests []string
}

// named is the end of a trap's text: its tests.
var named = regexp.MustCompile(` \((Test\w+(?:, Test\w+)*)\)$`)

// Traps reads the list of traps in the package comment of a folder; none is no
// error, since not every system has any.
func Traps(fsys fs.FS, folder string) ([]Trap, error) {
	files, err := fs.Glob(fsys, path.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", folder, err)
	}
	var out []Trap
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, b, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("reading the package comment of %s: %w", name, err)
		}
		out = append(out, listed(f.Doc)...)
	}
	return out, nil
}

// listed returns the items of the list that follows the heading.
func listed(doc *ast.CommentGroup) []Trap {
	if doc == nil {
		return nil
	}
	var p comment.Parser
	var printer comment.Printer
	var out []Trap
	follows := false
	for _, b := range p.Parse(doc.Text()).Content {
		list, isList := b.(*comment.List)
		if isList && follows {
			for _, item := range list.Items {
				text := string(printer.Text(&comment.Doc{Content: item.Content}))
				t := Trap{Text: strings.TrimRight(strings.Join(strings.Fields(text), " "), ";.")}
				if m := named.FindStringSubmatchIndex(t.Text); m != nil {
					t.Text, t.Tests = t.Text[:m[0]], strings.Split(t.Text[m[2]:m[3]], ", ")
				}
				out = append(out, t)
			}
		}
		para, isPara := b.(*comment.Paragraph)
		follows = isPara && strings.HasPrefix(string(printer.Text(&comment.Doc{Content: []comment.Block{para}})), trapsHeading)
	}
	return out
}
