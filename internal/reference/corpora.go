package reference

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// corpus is a collection of payloads that nobody here wrote, and what becomes of them.
type corpus struct {
	name                 string
	facts, ignored, dead int
}

func (c corpus) String() string {
	return fmt.Sprintf("`%s` %d (%d facts, %d ignored by name, %d dead letters)", c.name, c.facts+c.ignored+c.dead, c.facts, c.ignored, c.dead)
}

// corpora reads the outcomes that the tests of a folder hold, testdata/corpus/<name>.json:
// "facts: …", "ignored: …" or "dead: …" by the name of a payload, or how many by these.
func corpora(fsys fs.FS, folder string) ([]corpus, error) {
	files, err := fs.Glob(fsys, path.Join(folder, "testdata", "corpus", "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing the corpora of %s: %w", folder, err)
	}
	var out []corpus
	for _, file := range files {
		c := corpus{name: strings.TrimSuffix(path.Base(file), ".json")}
		if strings.HasPrefix(c.name, "package") {
			continue // What npm installs a corpus by.
		}
		b, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		var outcomes map[string]any
		if err := json.Unmarshal(b, &outcomes); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		for name, v := range outcomes {
			outcome, n := name, 1
			switch v := v.(type) {
			case string:
				outcome = v
			case float64:
				n = int(v)
			}
			kind, _, _ := strings.Cut(outcome, ":")
			to := map[string]*int{"facts": &c.facts, "ignored": &c.ignored, "dead": &c.dead}[kind]
			if to == nil {
				return nil, fmt.Errorf("%s: outcome %q is neither facts, ignored nor dead", file, outcome)
			}
			*to += n
		}
		out = append(out, c)
	}
	return out, nil
}
