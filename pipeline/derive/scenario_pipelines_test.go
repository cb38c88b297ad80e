package derive_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

// Deployments as GitLab tells of them: by the webhooks of a pipeline, of its jobs and
// of their deployments. The payloads are written by hand after GitLab's "Webhook
// events"; only the fields that are read are there.

const lab = "gitlab.com/acme/shop"

// labWorld is a world that hears of deployments by GitLab's webhooks.
type labWorld struct {
	*world
	source *gitlab.Source
}

func newLab(t *testing.T) labWorld {
	t.Helper()
	source, err := gitlab.New(gitlab.DefaultConfig(), collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.in.Service.Repo, w.rep.Repo = lab, lab
	w.commits("", "a0 08:00", "a1 09:00", "a2 10:30")
	for i := range w.rep.Commits {
		c := &w.rep.Commits[i]
		c.Repo, c.SHA = lab, fullSHA(c.SHA)
		for j := range c.Parents {
			c.Parents[j] = fullSHA(c.Parents[j])
		}
	}
	return labWorld{w, source}
}

// hears takes one webhook. Of several facts of one deployment the highest version
// stays, as in the store.
func (l labWorld) hears(kind, format string, args ...any) {
	l.t.Helper()
	body := fmt.Sprintf(`{"project":{"web_url":"https://gitlab.com/Acme/Shop","path_with_namespace":"Acme/Shop","default_branch":"main"},`+format+`}`, args...)
	facts, err := l.source.Normalize(schema.Event{ID: kind, Source: gitlab.Name, Type: gitlab.Name + "." + kind, Time: l.in.Now, Data: []byte(body)})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range facts {
		if d, ok := f.(*schema.Deployment); ok {
			l.stores(*d)
		}
	}
}

func (l labWorld) stores(d schema.Deployment) {
	for i, have := range l.in.Deployments {
		if have.DeploymentID == d.DeploymentID {
			if d.Meta.Version > have.Meta.Version {
				l.in.Deployments[i] = d
			}
			return
		}
	}
	l.in.Deployments = append(l.in.Deployments, d)
}

// green reports that a pipeline has ended well, with its jobs as "id environment
// status time".
func (l labWorld) green(id int, sha, when string, jobs ...string) {
	l.t.Helper()
	var builds []string
	for _, j := range jobs {
		part := strings.Fields(j)
		builds = append(builds, fmt.Sprintf(`{"id":%s,"name":"to %s","status":%q,"allow_failure":true,"created_at":%[4]q,"started_at":%[4]q,"finished_at":%[4]q,
			"environment":{"name":%[2]q,"action":"start","deployment_tier":%[2]q}}`, part[0], part[1], part[2], l.stamp(part[3])))
	}
	l.hears("pipeline", `"object_attributes":{"id":%d,"ref":"main","sha":%q,"source":"push","status":"success","created_at":%[3]q,"finished_at":%[3]q},"builds":[%[4]s]`,
		id, fullSHA(sha), l.stamp(when), strings.Join(builds, ","))
}

// job reports the state of a job that deploys to production, and so does its deployment.
func (l labWorld) job(id int, sha, status, when string) {
	l.t.Helper()
	l.hears("build", `"ref":"main","sha":%q,"build_id":%d,"build_name":"to production","build_status":%q,"build_created_at":%[4]q,"build_started_at":%[4]q,
		"build_finished_at":%[4]q,"build_allow_failure":true,"environment":{"name":"production","action":"start","deployment_tier":"production"}`,
		fullSHA(sha), id, status, l.stamp(when))
	l.hears("deployment", `"status":%q,"status_changed_at":%q,"deployment_id":%d,"deployable_id":%[3]d,"deployable_url":"https://gitlab.com/Acme/Shop/-/jobs/%[3]d",
		"environment":"production","environment_tier":"production","commit_url":"https://gitlab.com/Acme/Shop/-/commit/%[4]s","ref":"main"`,
		status, l.stamp(when), id, fullSHA(sha))
}

func (l labWorld) stamp(when string) string {
	return at(l.t, when).UTC().Format("2006-01-02 15:04:05 UTC")
}

// A pipeline is green although its production job failed, because the job was
// allowed to. What was put into production is what its jobs say, in whatever order
// the three webhooks of one deployment come, and the next green job brings both changes.
func TestScenario_GreenPipelineOfGitLabWithARedProductionJob(t *testing.T) {
	t.Parallel()
	told := []func(labWorld){
		func(l labWorld) { l.green(30, "a0", "08:31", "800 production success 08:30") },
		func(l labWorld) { l.job(803, "a1", "failed", "10:00") },
		func(l labWorld) {
			l.green(31, "a1", "10:01", "802 staging success 09:55", "803 production failed 10:00")
		},
		func(l labWorld) {
			l.green(32, "a2", "11:01", "805 staging success 10:55", "806 production success 11:00")
		},
		func(l labWorld) { l.job(806, "a2", "success", "11:00") },
	}
	want := `
		` + lab + `/job/800 08:30 (baseline)
		` + lab + `/job/803 10:00 (never in production)
		` + lab + `/job/806 11:00 deploys ` + fullSHA("a1") + ` after 2h, ` + fullSHA("a2") + ` after 30m
		0 of 2 failed`
	for name, order := range map[string][]int{
		"as it happens": {0, 1, 2, 3, 4}, "backwards": {4, 3, 2, 1, 0}, "pipelines first, and twice": {3, 2, 0, 4, 1, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for _, i := range order {
				told[i](l)
			}
			l.tells(want)
		})
	}
}

// The job was tried again in the same pipeline: two attempts at one release, which is
// in production when the second succeeds.
func TestScenario_ProductionJobOfAGreenPipelineTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.green(30, "a0", "08:31", "800 production success 08:30")
	l.green(31, "a1", "10:01", "803 production failed 10:00")
	l.green(31, "a1", "10:21", "804 production success 10:20")
	l.tells(`
		` + lab + `/job/800 08:30 (baseline)
		` + lab + `/job/803 10:20 in production deploys ` + fullSHA("a1") + ` after 1h20m
		0 of 2 failed`)
}

// Of pipelines that ended well one has a production job that was cancelled and one
// a job that was skipped: neither released anything.
func TestScenario_GreenPipelineWhoseProductionJobDidNotRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.green(30, "a0", "08:31", "800 production success 08:30")
	l.green(31, "a1", "10:01", "803 production canceled 10:00")
	l.green(32, "a2", "11:01", "805 staging success 10:55", "806 production skipped 11:00")
	if d := l.in.Deployments; len(d) != 3 || d[1].Status != schema.StatusCancelled {
		t.Errorf("deployments: %+v", d)
	}
	l.tells(`
		` + lab + `/job/800 08:30 (baseline)
		0 of 1 failed`)
}
