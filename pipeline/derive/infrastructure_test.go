package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/pipeline/derive"
)

// TestInfrastructureIsWhatTheResultingCommitTouches: whatever else that touches, and
// whatever its branch does. A merge commit without files is one whose sender does not
// list them.
func TestInfrastructureIsWhatTheResultingCommitTouches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := func(sha string, known uint8, parents []string, paths ...string) {
		c := w.commit(sha, "09:00", parents...)
		c.Paths, c.PathsKnown = paths, known
	}
	of := func(parents ...string) []string { return parents }
	commit("a0", 1, nil, "main.tf")
	commit("direct", 1, of("a0"), "main.go", "build/Dockerfile.dev")
	commit("empty", 1, of("direct"))
	commit("unknown", 0, of("empty"))
	commit("squash", 1, of("unknown"), "main.go", "docs/terraform.md", "myterraform/x", "Dockerfiles.md", "a.tf.go")
	commit("branch2", 1, of("squash"), "prod.tf")
	commit("merge2", 1, of("squash", "branch2"), ".github/workflows/ci.yml", "prod.tf")
	commit("branch3", 1, of("merge2"), "prod.tf")
	commit("merge3", 1, of("merge2", "branch3"))
	w.request(1, "squash", "08:50", "09:00")
	w.request(2, "merge2", "08:50", "09:00").HeadSHA = "branch2"
	w.request(3, "merge3", "08:50", "09:00").HeadSHA = "branch3"
	w.deploys("r0 a0 08:30", "r1 merge3 12:00")

	expect := func(want map[string]string) {
		t.Helper()
		out := w.derive()
		for id, touched := range want {
			c := changeOf(t, out, repo+id)
			if got := c.InfrastructurePath; got != touched && (touched != "not known" || c.FilesKnown != 0 || got != "") {
				t.Errorf("%s touches %q (known: %d), want %q", id, got, c.FilesKnown, touched)
			}
			if touched != "not known" && c.FilesKnown != 1 {
				t.Errorf("the files of %s are not known", id)
			}
		}
		if len(out.Changes) != len(want) {
			t.Errorf("%d changes, want %d", len(out.Changes), len(want))
		}
	}
	expect(map[string]string{
		"@direct": "build/Dockerfile.dev", "@empty": "", "@unknown": "not known", "#1": "", "#2": ".github/workflows/ci.yml", "#3": "not known",
	})

	w.opt.InfrastructurePaths = nil
	for _, text := range []string{`docs/.*`, `main\.go`} {
		p, err := derive.NewPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		w.opt.InfrastructurePaths = append(w.opt.InfrastructurePaths, p)
	}
	expect(map[string]string{"@direct": "main.go", "@empty": "", "@unknown": "not known", "#1": "main.go", "#2": "", "#3": "not known"})
}

func TestDefaultInfrastructurePaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"terraform/main.go": "yes", "a/b/helm/values.yaml": "yes", "main.tf": "yes", "x/prod.tfvars": "yes", ".github/workflows/x.yml": "yes", ".gitlab-ci.yml": "yes",
		"Dockerfile": "yes", "svc/Dockerfile.dev": "yes", "Jenkinsfile": "yes", "a.tf.go": "", "helm.go": "", "k8s": "", "docs/.github/x.yml": "", "Dockerfile/x.go": "",
	} {
		w := newWorld(t)
		w.commit("a0", "08:00")
		c := w.commit("a1", "09:00", "a0")
		c.Paths, c.PathsKnown = []string{path}, 1
		w.deploys("r0 a0 08:30", "r1 a1 12:00")
		if got := changeOf(t, w.derive(), repo+"@a1").InfrastructurePath; (got == path) != (want == "yes") {
			t.Errorf("%s: %q", path, got)
		}
	}
}
