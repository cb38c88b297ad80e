package metrics

import (
	"regexp"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// TestInfrastructurePathShare: what the resulting commit touches counts, whatever
// else it touches; a commit whose files are not known is listed only.
func TestInfrastructurePathShare(t *testing.T) {
	t.Parallel()
	const repo = "github.com/acme/shop"
	w := newWarehouse(t)
	var deployed []schema.ChangeDeployed
	var facts []schema.Fact
	for _, c := range []struct {
		id      string
		parents int
		known   uint8
		paths   []string
	}{
		{repo + "#1", 1, 1, []string{"main.go", "deploy/terraform/network.txt"}},
		{repo + "#2", 1, 1, []string{"main.go", "docs/terraform.md", "myterraform/x", "Dockerfiles.md"}},
		{repo + "#3", 2, 1, []string{".github/workflows/ci.yml"}},
		{repo + "#4", 2, 1, nil},
		{repo + "#5", 1, 0, nil},
		{repo + "#6", 1, 1, nil},
		{repo + "@direct", 1, 1, []string{"build/Dockerfile.dev"}},
	} {
		sha := c.id[len(repo)+1:]
		kind := schema.ChangeKindCommit
		if c.id[len(repo)] == '#' {
			sha, kind = "merge"+sha, schema.ChangeKindRequest
			facts = append(facts, &schema.Change{Meta: meta(), Repo: repo, ChangeID: c.id, State: schema.ChangeMerged, MergeSHA: sha, OpenedAt: at("2026-06-01T00:00:00Z")})
		}
		facts = append(facts, &schema.Commit{
			Meta: meta(), Repo: repo, SHA: sha, Parents: []string{"p1", "p2"}[:c.parents], Paths: c.paths, PathsKnown: c.known,
			AuthoredAt: at("2026-06-01T00:00:00Z"), CommittedAt: at("2026-06-01T00:00:00Z"),
		})
		deployed = append(deployed, change("shop", "pay", c.id, "2026-06-02T10:00:00Z", 0, func(d *schema.ChangeDeployed) { d.Repo, d.Kind = repo, kind }))
	}
	// The same SHA elsewhere is another commit.
	facts = append(facts, &schema.Commit{Meta: meta(), Repo: "github.com/acme/fork", SHA: "merge2", PathsKnown: 1, Paths: []string{"a.tf"}, AuthoredAt: at("2026-06-01T00:00:00Z"), CommittedAt: at("2026-06-01T00:00:00Z")})
	deployed = append(deployed, change("cart", "buy", repo+"#7", "2026-06-02T10:00:00Z", 0, func(d *schema.ChangeDeployed) { d.Repo = repo }))
	w.facts(t, facts...)
	w.insert(t, schema.ChangeDeployedTable, deployed)

	p := w.total(t, june("infrastructure_path_share"))
	wantNumber(t, "share", p.Value, 3./5)
	got := map[string]string{}
	x := w.explain(t, june("infrastructure_path_share"))
	for _, r := range append(x.Counted, x.Excluded...) {
		got[r.Subject[len(repo):]] = r.Evidence + r.Excluded
	}
	for id, want := range map[string]string{
		"#1": "deploy/terraform/network.txt", "#2": "", "#3": ".github/workflows/ci.yml", "#4": "files not known", "#5": "files not known", "#6": "",
		"#7": "files not known", "@direct": "build/Dockerfile.dev",
	} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}

	pattern, err := InfrastructurePaths([]string{`docs/.*`, `main\.go`})
	if err != nil {
		t.Fatal(err)
	}
	w.insert(t, "settings", []struct {
		Key     string `ch:"key"`
		Value   string `ch:"value"`
		Version uint64 `ch:"version"`
	}{{InfrastructurePathsSetting, pattern, 1}})
	wantNumber(t, "share of the configured paths", w.total(t, june("infrastructure_path_share")).Value, 2./5)
}

func TestInfrastructurePaths(t *testing.T) {
	t.Parallel()
	text, err := InfrastructurePaths(DefaultInfrastructurePaths())
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(text)
	for path, want := range map[string]bool{
		"terraform/main.go": true, "a/b/helm/values.yaml": true, "main.tf": true, "x/prod.tfvars": true, ".github/workflows/x.yml": true, ".gitlab-ci.yml": true,
		"Dockerfile": true, "svc/Dockerfile.dev": true, "Jenkinsfile": true, "a.tf.go": false, "helm.go": false, "k8s": false, "docs/.github/x.yml": false, "Dockerfile/x.go": false,
	} {
		if pattern.MatchString(path) != want {
			t.Errorf("%s is infrastructure: %v, want %v", path, !want, want)
		}
	}
	if _, err := InfrastructurePaths([]string{"a", "("}); err == nil {
		t.Error("what is no pattern is taken")
	}
}
