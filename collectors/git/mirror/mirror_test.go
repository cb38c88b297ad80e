package mirror

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func origin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, dir, "init", "-q", "--initial-branch=main")
	run(t, dir, "config", "uploadpack.allowFilter", "true")
	change(t, dir, "one")
	change(t, dir, "two")
	run(t, dir, "tag", "v1")
	return dir
}

func change(t *testing.T, dir, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-q", "-m", content)
	return run(t, dir, "rev-parse", "HEAD")
}

func open(t *testing.T, o Options) *Repo {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "copy.git")
	}
	if o.Branches == nil {
		o.Branches = []string{""}
	}
	o.Tags = true
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func commits(t *testing.T, r *Repo, q Query) []string {
	t.Helper()
	heads, err := r.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sha := range heads {
		q.Include = append(q.Include, sha)
	}
	var out []string
	if err := r.Log(t.Context(), q, func(rec []byte) error {
		out = append(out, strings.Split(string(rec), "\x00")[1])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func fetch(t *testing.T, r *Repo) {
	t.Helper()
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestPartialCopies(t *testing.T) {
	t.Parallel()
	src := origin(t)
	for filter, want := range map[string][3]bool{FilterTrees: {true, false, false}, FilterBlobs: {true, true, false}, "": {true, true, true}} {
		r := open(t, Options{URL: "file://" + src, Filter: filter})
		fetch(t, r)
		if got := commits(t, r, Query{Paths: filter != FilterTrees}); len(got) != 2 {
			t.Errorf("filter %q: %d commits", filter, len(got))
		}
		out := run(t, r.opts.Dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
		if got := [3]bool{strings.Contains(out, "commit"), strings.Contains(out, "tree"), strings.Contains(out, "blob")}; got != want {
			t.Errorf("filter %q: commits, trees, blobs present %v, want %v", filter, got, want)
		}
	}
}

func TestFetchFollows(t *testing.T) {
	t.Parallel()
	src := origin(t)
	r := open(t, Options{URL: src, Branches: []string{"", "side", "missing-later"}})
	run(t, src, "branch", "side")
	run(t, src, "branch", "missing-later")
	fetch(t, r)
	run(t, src, "tag", "-d", "v1")
	run(t, src, "tag", "v2")
	sha := change(t, src, "three")
	fetch(t, r)
	tags, err := r.Tags(t.Context())
	if err != nil || len(tags) != 1 || tags[0].Name != "v2" {
		t.Errorf("tags %v (%v)", tags, err)
	}
	heads, err := r.Heads(t.Context())
	if err != nil || heads[""] != sha || heads["side"] == "" {
		t.Errorf("heads %v (%v)", heads, err)
	}
}

func TestLocalRepositoryIsOnlyRead(t *testing.T) {
	t.Parallel()
	src := origin(t)
	tree := filepath.Join(t.TempDir(), "tree")
	run(t, src, "worktree", "add", "-q", "-b", "side", tree)
	listing := func() string {
		var b strings.Builder
		if err := filepath.Walk(src, func(path string, fi os.FileInfo, err error) error {
			b.WriteString(path + fi.ModTime().String() + "\n")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	before := listing()
	for _, url := range []string{src, filepath.Join(src, ".git"), tree} {
		r := open(t, Options{URL: url, Filter: FilterTrees})
		fetch(t, r)
		if got := commits(t, r, Query{}); len(got) != 2 {
			t.Errorf("%s: %d commits", url, len(got))
		}
	}
	if listing() != before {
		t.Error("reading changed the repository")
	}
}

func TestObjectsLostAtTheSource(t *testing.T) {
	t.Parallel()
	src := origin(t)
	r := open(t, Options{URL: src})
	fetch(t, r)
	run(t, src, "tag", "-d", "v1")
	run(t, src, "reset", "-q", "--hard", "HEAD~1")
	run(t, src, "reflog", "expire", "--expire=now", "--all")
	run(t, src, "gc", "-q", "--prune=now")
	// The copy borrows an object that is gone. At most one reading fails; then it
	// is made anew.
	err := r.Fetch(t.Context())
	if err == nil {
		_, err = r.Tags(t.Context())
	}
	if err != nil {
		t.Logf("first reading: %v", err)
	}
	fetch(t, r)
	if got := commits(t, r, Query{}); len(got) != 1 {
		t.Errorf("%d commits", len(got))
	}
}

func TestStaleLocksAndOtherAddress(t *testing.T) {
	t.Parallel()
	src := origin(t)
	dir := filepath.Join(t.TempDir(), "copy.git")
	fetch(t, open(t, Options{URL: src, Dir: dir}))
	for _, lock := range []string{"packed-refs.lock", "HEAD.lock", "refs/tags/v1.lock"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, lock)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, lock), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, src, "tag", "-f", "v1", "HEAD~1")
	run(t, src, "pack-refs", "--all")
	fetch(t, open(t, Options{URL: src, Dir: dir}))

	other := origin(t)
	sha := change(t, other, "other")
	r := open(t, Options{URL: other, Dir: dir})
	fetch(t, r)
	if got := commits(t, r, Query{}); !slices.Contains(got, sha) {
		t.Error("the copy is still of the first repository")
	}
}

func TestNothingOfTheRepositoryRuns(t *testing.T) {
	t.Parallel()
	src := origin(t)
	mark := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"core.fsmonitor", "gpg.program", "core.pager", "diff.external", "uploadpack.packObjectsHook", "core.sshCommand", "core.alternateRefsCommand"} {
		run(t, src, "config", k, script)
	}
	run(t, src, "config", "log.showSignature", "true")
	run(t, src, "config", "core.hooksPath", filepath.Dir(script))
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-update"} {
		if err := os.Link(script, filepath.Join(filepath.Dir(script), hook)); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{src, "file://" + src} {
		r := open(t, Options{URL: url})
		fetch(t, r)
		commits(t, r, Query{Paths: true})
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program of the repository ran")
	}
}

func TestHostileAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "-x", "--upload-pack=id", "ext::sh -c id", "fd::17", "ftp://h/r", "https://u:p@h/r", "https://u@h/r",
		"ssh://u:p@h/r", "ssh://-oProxyCommand=id/r", "https:///r", "https://h/\nr", "javascript://x", "http://h/%zz",
	} {
		if got, err := Canonical(url); err == nil {
			t.Errorf("%q is accepted as %q", url, got)
		}
	}
	for _, url := range []string{"https://h/r.git", "git@h:a/b.git", "ssh://git@h:22/r", "/srv/r", "./r", "r", "file:///r", "git://h/r"} {
		if _, err := Canonical(url); err != nil {
			t.Errorf("%q is refused: %v", url, err)
		}
	}
}

// backend serves repositories over HTTP with git's own server behind a password.
func backend(t *testing.T, root, password string) *httptest.Server {
	t.Helper()
	execPath := run(t, root, "--exec-path")
	h := &cgi.Handler{
		Path: filepath.Join(execPath, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"}, InheritEnv: []string{"PATH", "HOME"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, p, _ := req.BasicAuth(); p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestTokenIsUsedAndNeverTold(t *testing.T) {
	t.Parallel()
	src := origin(t)
	srv := backend(t, src, "hunter2")
	good := open(t, Options{URL: srv.URL + "/.git", Token: "hunter2", Filter: FilterTrees})
	fetch(t, good)
	if got := commits(t, good, Query{}); len(got) != 2 {
		t.Errorf("%d commits", len(got))
	}
	if err := filepath.Walk(good.opts.Dir, func(path string, fi os.FileInfo, err error) error {
		if err != nil || !fi.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "hunter2") {
			t.Errorf("%s holds the token", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err := open(t, Options{URL: srv.URL + "/.git", Token: "wrong-secret"}).Fetch(t.Context())
	if err == nil || strings.Contains(err.Error(), "wrong-secret") || !strings.Contains(err.Error(), "git fetch") {
		t.Errorf("error is %v", err)
	}
	if time.Since(began) > 20*time.Second {
		t.Error("git asked for a password")
	}
}

func TestErrorsHideUserInformation(t *testing.T) {
	t.Parallel()
	r := open(t, Options{URL: "https://127.0.0.1:1/r", Token: "hunter2"})
	if got := r.redact("fatal: unable to access 'https://ada:pw@h/r': hunter2\n"); strings.Contains(got, "pw") || strings.Contains(got, "ada") || strings.Contains(got, "hunter2") {
		t.Errorf("message is %q", got)
	}
}

// silent accepts connections and says nothing, which git would wait for.
func silent(t *testing.T) (address string, connected <-chan struct{}) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{}, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			// Held open until the other side goes away.
			_, _ = bufio.NewReader(c).Peek(1)
			seen <- struct{}{}
			_, _ = bufio.NewReader(c).ReadString(0)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String(), seen
}

func TestCancellationEndsTheProcessGroup(t *testing.T) {
	t.Parallel()
	address, connected := silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := open(t, Options{URL: "git://" + address + "/r"})
	result := make(chan error, 1)
	go func() { result <- r.Fetch(ctx) }()
	<-connected
	cancel()
	select {
	case err := <-result:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the fetch goes on")
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	address, _ := silent(t)
	r := open(t, Options{URL: "http://" + address + "/r", Timeout: 500 * time.Millisecond})
	if err := r.Fetch(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	src := origin(t)
	r := open(t, Options{URL: src})
	fetch(t, r)
	id := run(t, src, "rev-parse", "HEAD:file")
	got, err := r.Blobs(t.Context(), []string{id, strings.Repeat("0", 40), id}, 100)
	if err != nil || len(got) != 1 || string(got[id]) != "two" {
		t.Errorf("blobs %q (%v)", got, err)
	}
	if got, err = r.Blobs(t.Context(), []string{id}, 1); err != nil || len(got) != 0 {
		t.Errorf("a blob over the limit: %q (%v)", got, err)
	}
}

func FuzzSplitRecords(f *testing.F) {
	f.Add("\x00sha\x00\x001\x002\x00msg\x00\x00sha\x00p\x001\x002\x00\x00\npath\x00b\x00")
	f.Add("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, in string) {
		var out strings.Builder
		if err := splitRecords(strings.NewReader(in), func(rec []byte) error {
			out.Write(rec)
			return nil
		}); err == nil && out.String() != in {
			t.Fatalf("records %q of %q", out.String(), in)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add("https://h/r")
	f.Add("git@h:r")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Canonical(in)
		if err == nil && (strings.HasPrefix(got, "-") || strings.Contains(got, "::")) {
			t.Fatalf("%q became %q", in, got)
		}
	})
}
