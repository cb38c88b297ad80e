package mirror

import (
	"context"
	"strings"
)

// Remote asks the repository for its branches and tags and counts them; nothing is
// copied or written.
func (r *Repo) Remote(ctx context.Context) (branches, tags int, err error) {
	out, err := r.output(ctx, nil, "ls-remote", "--heads", "--tags", "--refs", "--", r.remote.url)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(out)) {
		switch _, ref, _ := strings.Cut(strings.TrimSpace(line), "\t"); {
		case strings.HasPrefix(ref, "refs/heads/"):
			branches++
		case strings.HasPrefix(ref, "refs/tags/"):
			tags++
		}
	}
	return branches, tags, nil
}
