package gittest

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Extend puts commits on the branch main of a generated repository and tags the
// last of them, as a push would.
func Extend(ctx context.Context, path string, commits int, tag string, at time.Time) error {
	var w bytes.Buffer
	for n := range commits {
		message := fmt.Sprintf("Push %d of %s", n, tag)
		fmt.Fprintf(&w, "commit refs/heads/main\nmark :%d\ncommitter %s %d +0000\ndata %d\n%s\n", n+1, ident, at.Unix(), len(message), message)
		if n == 0 {
			fmt.Fprint(&w, "from refs/heads/main^0\n")
		}
		content := fmt.Sprintf("%s %d\n", tag, n)
		fmt.Fprintf(&w, "M 100644 inline n\ndata %d\n%s\n", len(content), content)
	}
	fmt.Fprintf(&w, "tag %s\nfrom :%d\ntagger %s %d +0000\ndata %d\n%s\n", tag, commits, ident, at.Unix(), len(tag), tag)
	_, err := git(ctx, &w, path, "fast-import", "--quiet")
	return err
}
