package sample

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// GitRepos are the repositories that the sample makes on disk: the GitOps
// configuration, and the one service that is released by tags.
type GitRepos struct {
	Config string
	CLI    string
}

// Name of the service that is released by tags.
const tagService = "platform-cli"

// WriteGit makes the repositories below dir, or leaves them when they are there.
func (h *History) WriteGit(ctx context.Context, dir string) (GitRepos, error) {
	repos := GitRepos{Config: filepath.Join(dir, "deploy-config.git"), CLI: filepath.Join(dir, tagService+".git")}
	for path, stream := range map[string][]byte{repos.Config: h.configStream(), repos.CLI: h.cliStream()} {
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := fastImport(ctx, path, stream); err != nil {
			return repos, err
		}
	}
	return repos, nil
}

// fastImport makes a bare repository from a git fast-import stream, aside first,
// so that an interrupted one is made again.
func fastImport(ctx context.Context, path string, stream []byte) error {
	part := path + ".part"
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("clearing %s: %w", part, err)
	}
	if err := os.MkdirAll(filepath.Dir(part), 0o700); err != nil {
		return fmt.Errorf("making a directory for the sample's repositories: %w", err)
	}
	for _, step := range []struct {
		args []string
		in   []byte
	}{
		{[]string{"init", "--quiet", "--bare", "--initial-branch=main", part}, nil},
		{[]string{"--git-dir", part, "fast-import", "--quiet"}, stream},
	} {
		cmd := exec.CommandContext(ctx, "git", step.args...) //nolint:gosec // The arguments are ours.
		cmd.Stdin = bytes.NewReader(step.in)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", step.args[0], err, strings.TrimSpace(string(out)))
		}
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("moving the sample's repository into place: %w", err)
	}
	return nil
}

func signature(b *bytes.Buffer, role, who string, at time.Time) {
	fmt.Fprintf(b, "%s %s <%s@acme.example> %d +0000\n", role, who, who, at.Unix())
}

func data(b *bytes.Buffer, s string) { fmt.Fprintf(b, "data %d\n%s\n", len(s), s) }

// configStream is the history of the GitOps repository: every promotion writes
// the image tag of a service into apps/<environment>/<service>.yaml.
func (h *History) configStream() []byte {
	var promotions []*Deployment
	for _, s := range h.Services {
		if s.Channel != ByGitOps {
			continue
		}
		for _, d := range s.Deployments {
			if d.Status == Succeeded && !d.FinishedAt.After(h.End) {
				promotions = append(promotions, d)
			}
		}
	}
	slices.SortStableFunc(promotions, func(a, b *Deployment) int { return a.FinishedAt.Compare(b.FinishedAt) })
	var b bytes.Buffer
	for _, d := range promotions {
		b.WriteString("commit refs/heads/main\n")
		signature(&b, "author", "deploy-bot", d.FinishedAt)
		signature(&b, "committer", "deploy-bot", d.FinishedAt)
		data(&b, fmt.Sprintf("Promote %s to %s", d.Service.ID, d.Environment))
		fmt.Fprintf(&b, "M 100644 inline apps/%s/%s.yaml\n", d.Environment, d.Service.ID)
		data(&b, fmt.Sprintf("replicas: 2\nimage:\n  repository: registry.acme.example/%s\n  tag: %s\n", d.Service.ID, d.SHA[:12]))
	}
	return b.Bytes()
}

// cliStream is a repository of plain commits with a release tag about every
// other week.
func (h *History) cliStream() []byte {
	var svc *Service
	for _, s := range h.Services {
		if s.Channel == ByTag {
			svc = s
		}
	}
	var b bytes.Buffer
	marks := map[string]int{}
	for i, c := range svc.Repo.main {
		if c.CommittedAt.After(h.End) {
			break
		}
		marks[c.SHA] = i + 1
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\n", i+1)
		signature(&b, "author", c.Author, c.AuthoredAt)
		signature(&b, "committer", c.Author, c.CommittedAt)
		data(&b, c.Message)
		for _, path := range c.Paths {
			fmt.Fprintf(&b, "M 100644 inline %s\n", path)
			data(&b, fmt.Sprintf("revision %d\n", i))
		}
	}
	for _, d := range svc.Deployments {
		if d.Production && d.Status == Succeeded && !d.FinishedAt.After(h.End) {
			fmt.Fprintf(&b, "tag v%s\nfrom :%d\n", d.Version, marks[d.SHA])
			signature(&b, "tagger", "deploy-bot", d.FinishedAt)
			data(&b, "Release "+d.Version)
		}
	}
	return b.Bytes()
}
