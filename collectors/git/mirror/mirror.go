package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// Filters of a partial copy: what is left out and never needed.
const (
	// FilterTrees copies commits and tags only.
	FilterTrees = "tree:0"
	// FilterBlobs copies commits and trees, enough for the paths of a commit.
	FilterBlobs = "blob:none"
)

// defaultTimeout bounds one git command; a first copy over a slow line is the
// longest of them.
const defaultTimeout = 30 * time.Minute

// Options says which repository is copied and how much of it.
type Options struct {
	// Dir of the bare copy; it can be made again at any time.
	Dir string
	// URL is an address or a local path.
	URL string
	// Filter is FilterTrees, FilterBlobs or "" for everything. A server that
	// knows no filters sends everything; a local path is borrowed from, not copied.
	Filter string
	// Branches to follow; "" is the branch that the repository calls HEAD.
	Branches []string
	// Tags says whether tags are followed.
	Tags bool
	// Token for https, as the password of User.
	Token secret.String
	User  string
	// Timeout of one git command; 0 is half an hour.
	Timeout time.Duration
}

func (o Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return defaultTimeout
}

// Repo is the copy. It is used by one goroutine at a time.
type Repo struct {
	opts   Options
	remote remote
	opened bool
}

// New checks the options; nothing is read or written yet.
func New(opts Options) (*Repo, error) {
	rem, err := parseRemote(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("repository address %w", err)
	}
	if opts.Token != "" && !strings.HasPrefix(rem.url, "https://") && !strings.HasPrefix(rem.url, "http://127.0.0.1:") {
		return nil, errors.New("a token is only sent over https: change the address or take the token out")
	}
	return &Repo{opts: opts, remote: rem}, nil
}

// stamp is kept beside the copy and says what it is a copy of.
type stamp struct {
	URL    string `json:"url"`
	Filter string `json:"filter"`
}

const stampFile = "headway-mirror.json"

// Fetch brings the copy up to date, making it first when it is missing, broken
// or of another repository. Deleted and moved branches and tags follow.
func (r *Repo) Fetch(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	args := []string{"--quiet", "--force", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-show-forced-updates"}
	if r.opts.Filter != "" && !r.remote.local {
		args = append(args, "--filter="+r.opts.Filter)
	}
	args = append(args, "--", "origin")
	var specs []string
	if r.opts.Tags {
		specs = append(specs, "+refs/tags/*:refs/tags/*")
	}
	for _, b := range r.opts.Branches {
		if b == "" {
			specs = append(specs, "+HEAD:"+headRef(b))
		} else {
			specs = append(specs, "+refs/heads/"+b+":"+headRef(b))
		}
	}
	_, err := r.output(ctx, nil, "fetch", append(args, specs...)...)
	var c *CommandError
	if errors.As(err, &c) && strings.Contains(c.Stderr, "couldn't find remote ref HEAD") {
		// An empty repository has no HEAD yet: not an error, just nothing.
		return r.forget(ctx)
	}
	if missingObject(err) {
		return errors.Join(err, r.Remove())
	}
	return err
}

// forget drops every ref of the copy.
func (r *Repo) forget(ctx context.Context) error {
	out, err := r.output(ctx, nil, "for-each-ref", "--format=delete %(refname)")
	if err != nil || len(out) == 0 {
		return err
	}
	_, err = r.output(ctx, out, "update-ref", "--stdin")
	return err
}

func headRef(branch string) string {
	if branch == "" {
		return "refs/headway/head"
	}
	return "refs/headway/branches/" + branch
}

// Remove deletes the copy; the next Fetch makes it anew.
func (r *Repo) Remove() error {
	r.opened = false
	if err := os.RemoveAll(r.opts.Dir); err != nil {
		return fmt.Errorf("removing the copy of a repository: %w", err)
	}
	return nil
}

func (r *Repo) open(ctx context.Context) error {
	if r.opened {
		return nil
	}
	want := stamp{URL: r.remote.url, Filter: r.opts.Filter}
	var have stamp
	b, err := os.ReadFile(filepath.Join(r.opts.Dir, stampFile))
	if err == nil && json.Unmarshal(b, &have) == nil && have == want {
		if err := r.unlock(); err != nil {
			return err
		}
		r.opened = true
		return nil
	}
	if err := r.create(ctx, want); err != nil {
		return err
	}
	r.opened = true
	return nil
}

func (r *Repo) create(ctx context.Context, want stamp) error {
	if err := r.Remove(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.opts.Dir), 0o700); err != nil {
		return fmt.Errorf("making the directory of copies: %w", err)
	}
	if _, err := r.output(ctx, nil, "init", "--quiet", "--bare", "--template="); err != nil {
		return err
	}
	for _, kv := range [][2]string{{"remote.origin.url", r.remote.url}, {"remote.origin.tagOpt", "--no-tags"}} {
		if _, err := r.output(ctx, nil, "config", kv[0], kv[1]); err != nil {
			return err
		}
	}
	if r.remote.local {
		if err := r.borrow(ctx); err != nil {
			return err
		}
	}
	b, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("marking the copy: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.opts.Dir, stampFile), b, 0o600); err != nil {
		return fmt.Errorf("marking the copy: %w", err)
	}
	return nil
}

// borrow makes the copy read objects of a local repository where they are, so
// that nothing is copied and nothing is ever written there.
func (r *Repo) borrow(ctx context.Context) error {
	src := &Repo{opts: Options{Dir: r.remote.url, Timeout: r.opts.Timeout}, remote: r.remote}
	if _, err := os.Stat(filepath.Join(r.remote.url, ".git")); err == nil {
		src.opts.Dir = filepath.Join(r.remote.url, ".git")
	}
	if fi, err := os.Stat(src.opts.Dir); err == nil && !fi.IsDir() {
		// A linked work tree or submodule: .git is a file that names the directory.
		b, err := os.ReadFile(src.opts.Dir)
		if err != nil {
			return fmt.Errorf("reading %s: %w", src.opts.Dir, err)
		}
		dir := strings.TrimSpace(strings.TrimPrefix(string(b), "gitdir:"))
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(r.remote.url, dir)
		}
		src.opts.Dir = dir
	}
	out, err := src.output(ctx, nil, "rev-parse", "--git-path", "objects")
	if err != nil {
		return fmt.Errorf("%s is no git repository that can be read: %w", r.remote.url, err)
	}
	objects := strings.TrimSuffix(string(out), "\n")
	if !filepath.IsAbs(objects) {
		wd, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("finding the objects of %s: %w", r.remote.url, err)
		}
		objects = filepath.Join(wd, objects)
	}
	if err := os.WriteFile(filepath.Join(r.opts.Dir, "objects", "info", "alternates"), []byte(objects+"\n"), 0o600); err != nil {
		return fmt.Errorf("borrowing objects of %s: %w", r.remote.url, err)
	}
	return nil
}

// unlock removes what a killed git left behind and would refuse to work beside.
func (r *Repo) unlock() error {
	return filepath.WalkDir(r.opts.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("looking for stale locks: %w", err)
		}
		if d.Type().IsRegular() && (strings.HasSuffix(path, ".lock") || strings.HasPrefix(d.Name(), "tmp_pack_")) {
			if err := os.Remove(path); err != nil { //nolint:gosec // The directory is Headway's own.
				return fmt.Errorf("removing a stale lock: %w", err)
			}
		}
		return nil
	})
}
