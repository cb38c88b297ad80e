package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/git/gittest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/schema"
)

// connections are those of every source of the registry, by name. Each takes what the
// source's folder has in testdata, so that one payload is written once.
func connections(t *testing.T) map[string]connection {
	t.Helper()
	const secrets, token = "webhook_secrets: ['${file:secret}']\n", "token_file: secret\n"
	shared := signature.Shared{Secrets: theSecrets()}
	hex := func(header, prefix string) signature.Scheme {
		return signature.Hex{Header: header, Prefix: prefix, Secrets: theSecrets()}
	}
	return map[string]connection{
		"alertmanager": {config: secrets, scheme: shared},
		"api": {config: token, scheme: shared, paths: map[string]string{
			"deployments": "/v1/deployments", "incidents": "/v1/incidents", "requests": "/v1/requests", "workloads": "/v1/workloads",
			"findings": "/v1/findings", "scans": "/v1/scans", "policy-results": "/v1/policy-results", "costs": "/v1/costs",
			"teams": "/v1/teams", "people": "/v1/people", "memberships": "/v1/memberships", "identities": "/v1/identities",
			"services": "/v1/services", "owners": "/v1/owners", "tickets": "/v1/tickets",
		}},
		"argocd": {
			config: secrets + token + "url: SYSTEM\napplications: [{application: '{service}-{environment}'}]", scheme: shared,
			system: answers(map[string]string{"/api/v1/applications": `{"items": [` + payload(t, "argocd", "healthy") + `]}`}),
		},
		"atlantis": {
			config: secrets + "rules: [{project: 'acme/infra//databases/{service}//**', capability: database, channel: self_service}]", scheme: shared,
		},
		"backstage": {
			config: token + "url: SYSTEM\nhistory: 87600h\nwebhook_tokens: ['${file:secret}']", scheme: shared,
			skip: func(ev schema.Event) bool {
				return ev.Type == "backstage.task" || strings.HasPrefix(ev.Type, "backstage.entity")
			},
			system: answers(map[string]string{
				"/api/catalog/entities/by-query": `{"items": [` + payload(t, "backstage", "component", "entity") + `], "pageInfo": {}}`,
				"/api/scaffolder/v2/tasks":       `{"tasks": []}`,
			}),
		},
		"circleci": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h\nprojects: [gh/acme/shop]", scheme: hex("Circleci-Signature", "v1="),
			system: answers(map[string]string{
				"/api/v2/project/gh/acme/shop/pipeline":                          `{"items": [` + payload(t, "circleci", "rest_workflow", "pipeline") + `]}`,
				"/api/v2/pipeline/1285fe1d-d3a6-44fc-8886-8979558254c4/workflow": `{"items": [` + payload(t, "circleci", "rest_workflow", "workflow") + `]}`,
			}),
		},
		"cloudrun": {
			config: "projects: [{id: acme-production, environment: production, regions: [europe-west1]}]\nurl: SYSTEM\ncredentials_file: '" + googleCredentials(t) + "'",
			system: answers(map[string]string{
				"/v2/projects/acme-production/locations/europe-west1/services": `{"services": [{
					"name": "projects/acme-production/locations/europe-west1/services/checkout", "labels": {"service": "checkout", "team": "payments"}}]}`,
				"/v2/projects/acme-production/locations/europe-west1/jobs": `{}`,
			}),
		},
		"copilot": {config: token + "url: SYSTEM\nhistory: 24h\norganizations: [acme]", system: copilot()},
		"crossplane": {
			config: "clusters: [{name: eu-1, url: SYSTEM, token_file: secret}]\nrules: [{resource: 'Database/{team}/*', capability: database, channel: self_service}]",
			system: answers(map[string]string{
				"/apis/apiextensions.crossplane.io/v2/compositeresourcedefinitions": `{"kind": "CompositeResourceDefinitionList", "metadata": {}, "items": [{"spec": {
					"group": "database.example.org", "claimNames": {"plural": "databases"}, "versions": [{"name": "v1alpha1", "served": true}]}}]}`,
				"/apis/database.example.org/v1alpha1/databases": `{"kind": "DatabaseList", "metadata": {}, "items": [` + payload(t, "crossplane", "claim_ready", "object") + `]}`,
			}),
		},
		"csv": {
			config: token + "interval: 1s\nfiles: [{path: '" + absolute(t, filepath.Join(testdata("csv"), "teams.csv")) + "', kind: teams}]", scheme: shared,
			paths: map[string]string{"people.csv": "/v1/import/people", "incidents.csv": "/v1/import/incidents"},
		},
		"ecs": {
			config: "accounts: [{name: prod-eu, region: eu-west-1, environment: production, access_key_id: AKIDEXAMPLE, access_key_secret_file: secret, endpoint: SYSTEM}]",
			system: byTarget(map[string]string{
				"ListClusters": `{"clusterArns": ["arn:aws:ecs:eu-west-1:123456789012:cluster/shop"]}`,
				"ListServices": `{"serviceArns": ["arn:aws:ecs:eu-west-1:123456789012:service/shop/checkout"]}`,
				"DescribeServices": `{"services": [{"serviceName": "checkout", "status": "ACTIVE", "launchType": "FARGATE",
					"tags": [{"key": "service", "value": "checkout"}, {"key": "team", "value": "payments"}]}], "failures": []}`,
			}),
		},
		"events": {config: token, scheme: shared},
		"git":    {config: "repositories: [{name: generated, url: '" + repository(t) + "'}]"},
		"github": {
			config: "webhook_secret_file: secret\n" + token + "api_url: SYSTEM\nbackfill_days: 3650\nrepositories: [Acme/Shop]\nredeliver: false",
			scheme: hex("X-Hub-Signature-256", "sha256="), system: github(t),
		},
		"gitlab": {
			config: "signing_tokens: ['${file:secret}']\n" + token + "url: SYSTEM\nbackfill_days: 3650\nprojects: [Acme/Shop]",
			scheme: signature.StandardWebhooks{Secrets: theSecrets()}, system: gitlab(t),
		},
		"gitops": {config: "rules: [{url: '" + configRepository(t) + "', files: 'apps/{environment}/{service}.yaml', key: image.tag}]"},
		"grafana": {
			config: secrets + "timestamp_header: X-Grafana-Alerting-Timestamp",
			scheme: signature.Hex{Header: "X-Grafana-Alerting-Signature", TimestampHeader: "X-Grafana-Alerting-Timestamp", Separator: ":", Secrets: theSecrets()},
		},
		"incidentio": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h", scheme: signature.StandardWebhooks{Secrets: theSecrets()},
			system: answers(map[string]string{"/v2/incidents": `{"incidents": [` + payload(t, "incidentio", "rest_closed") + `], "pagination_meta": {}}`}),
		},
		"jenkins": {
			config: secrets + token + "user: headway\nurl: SYSTEM\nhistory: 87600h", scheme: shared,
			system: answers(map[string]string{
				"/api/json":                            `{"jobs": [{"fullName": "acme/shop/main", "lastBuild": {"number": 18}}]}`,
				"/job/acme/job/shop/job/main/api/json": `{"allBuilds": [` + payload(t, "jenkins", "build") + `]}`,
			}),
		},
		"jira": {
			config: secrets + token + "email: headway@acme.example\nurl: SYSTEM\nhistory: 87600h", scheme: hex("X-Hub-Signature", "sha256="),
			skip: func(ev schema.Event) bool { return ev.Type == "jira.issue" },
			system: answers(map[string]string{
				"/rest/api/3/myself":     `{"timeZone": "Europe/Berlin"}`,
				"/rest/api/3/search/jql": `{"issues": [` + payload(t, "jira", "request_served") + `], "isLast": true}`,
			}),
		},
		"kubernetes": {
			config: "clusters: [{name: eu-1, environment: production, url: SYSTEM, token_file: secret}]",
			system: answers(map[string]string{
				"/apis/apps/v1/deployments": `{"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "shop", "namespace": "shop",
					"uid": "u1", "resourceVersion": "5", "creationTimestamp": "2026-05-01T10:00:00Z", "labels": {"app": "shop"}}}]}`,
				"/apis/apps/v1/statefulsets": `{"kind": "PartialObjectMetadataList", "metadata": {}, "items": []}`,
				"/apis/apps/v1/daemonsets":   `{"kind": "PartialObjectMetadataList", "metadata": {}, "items": []}`,
				"/apis/batch/v1/cronjobs":    `{"kind": "PartialObjectMetadataList", "metadata": {}, "items": []}`,
			}),
		},
		"linear": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h", scheme: hex("Linear-Signature", ""), change: ofNow,
			system: answers(map[string]string{"/graphql": `{"data": {"issues": {"nodes": [` + payload(t, "linear", "listed_bug") + `], "pageInfo": {}}}}`}),
		},
		"opencost": {config: "history: 24h\nclusters: [{name: eu-1, url: SYSTEM}]", system: opencost(t)},
		"opsgenie": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h", scheme: shared,
			system: answers(map[string]string{"/v2/alerts": `{"data": [` + payload(t, "opsgenie", "rest_closed") + `]}`}),
		},
		"pagerduty": {
			config: secrets + token + "url: SYSTEM\nhistory: 240h", scheme: hex("X-PagerDuty-Signature", "v1="),
			system: answers(map[string]string{"/incidents": `{"incidents": [` + payload(t, "pagerduty", "rest_resolved_at") + `]}`}),
		},
		"policyreport": {config: token, scheme: shared},
		"port": {
			config: secrets + "rules: [{action: 'create_{capability}'}]",
			scheme: signature.Timestamped{Header: "X-Port-Signature", Prefix: "v1,", TimestampHeader: "X-Port-Timestamp", Separator: ".", Secrets: theSecrets()},
		},
		"pulumi": {
			config: secrets + "rules: [{stack: 'acme/database/{service}-*', capability: database, channel: self_service}]",
			scheme: hex("Pulumi-Webhook-Signature", ""),
		},
		"sarif": {config: token, scheme: shared},
		"servicenow": {
			config: secrets + token + "user: headway\nurl: SYSTEM\nhistory: 87600h\ntables: [incident]", scheme: shared,
			system: servicenow(payload(t, "servicenow", "outage")),
		},
		"snyk": {
			config: secrets + token + "url: SYSTEM\norganizations: [4a18d42f-0706-4ad0-b127-24078731fbed]", scheme: hex("X-Hub-Signature", "sha256="),
			system: answers(map[string]string{
				"/rest/orgs/4a18d42f-0706-4ad0-b127-24078731fbed/issues": `{"data": [` + payload(t, "snyk", "rest_code") + `]}`,
				"/rest/orgs/4a18d42f-0706-4ad0-b127-24078731fbed/projects": `{"data": [{"id": "6d5813be-7e6d-4ab8-80c2-1e3e2a454545",
					"attributes": {"name": "acme/shop", "origin": "github"}}]}`,
			}),
		},
		"statuspage": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h\npages: [kctbh9vrtdwd]", scheme: shared,
			system: answers(map[string]string{"/v1/pages/kctbh9vrtdwd/incidents": `[` + payload(t, "statuspage", "rest_reopened") + `]`}),
		},
		"terraform": {
			config: secrets + "rules: [{workspace: 'acme/{service}-database', capability: database, channel: self_service}]",
			scheme: signature.Hex{Header: "X-Tfe-Notification-Signature", SHA512: true, Secrets: theSecrets()},
		},
		"trivy": {config: token, scheme: shared},
		"zendesk": {
			config: secrets + token + "url: SYSTEM\nhistory: 87600h",
			scheme: signature.Timestamped{Header: "X-Zendesk-Webhook-Signature", TimestampHeader: "X-Zendesk-Webhook-Signature-Timestamp", Secrets: theSecrets()},
			system: answers(map[string]string{
				"/api/v2/incremental/tickets/cursor.json": `{"tickets": [` + payload(t, "zendesk", "solved") + `], "after_cursor": "x", "end_of_stream": true}`,
			}),
		},
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// answers serves fixed JSON by path.
func answers(byPath map[string]string) http.HandlerFunc { return collectortest.Answers(byPath) }

// payload is the JSON of an event of testdata, or of one member of it.
func payload(t *testing.T, source, name string, member ...string) string {
	t.Helper()
	var data json.RawMessage = collectortest.Events(t, source, testdata(source))[name].Data
	for _, m := range member {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil {
			t.Fatal(err)
		}
		data = object[m]
	}
	if len(data) == 0 {
		t.Fatalf("testdata of %s has no %s %v", source, name, member)
	}
	return string(data)
}

// ofNow moves the time that Linear signs inside the body.
func ofNow(body []byte) []byte {
	return regexp.MustCompile(`("webhookTimestamp":\s*)\d+`).ReplaceAll(body, fmt.Appendf(nil, "${1}%d", time.Now().UnixMilli()))
}

// github is the REST API with one repository.
func github(t *testing.T) http.HandlerFunc {
	t.Helper()
	const repo = "/repos/Acme/Shop"
	list := func(name, member string) string { return "[" + payload(t, "github", name, member) + "]" }
	return answers(map[string]string{
		repo:                              payload(t, "github", "rest-pull", "repository"),
		repo + "/pulls":                   list("rest-pull", "pull_request"),
		repo + "/pulls/12/commits":        "[]",
		repo + "/pulls/12/reviews":        "[]",
		repo + "/deployments":             list("rest-deployment", "deployment"),
		repo + "/deployments/77/statuses": payload(t, "github", "rest-deployment", "statuses"),
		repo + "/actions/runs":            `{"workflow_runs": ` + list("rest-run", "workflow_run") + `}`,
		repo + "/issues":                  list("rest-issue", "issue"),
		repo + "/commits":                 list("rest-commit", "rest_commit"),
	})
}

// gitlab is the REST API with one project.
func gitlab(t *testing.T) http.HandlerFunc {
	t.Helper()
	const api, shop = "/api/v4/", "/api/v4/projects/7/"
	list := func(name, member string) string { return "[" + payload(t, "gitlab", name, member) + "]" }
	return answers(map[string]string{
		api + "personal_access_tokens/self": `{"scopes": ["read_api"]}`,
		api + "projects/Acme/Shop":          payload(t, "gitlab", "rest-merge-request", "project"),
		shop + "merge_requests":             list("rest-merge-request", "merge_request"),
		shop + "deployments":                list("rest-deployment", "deployment"),
		shop + "environments/9":             `{"id": 9, "name": "live-eu", "tier": "production"}`,
		shop + "pipelines":                  list("rest-pipeline", "pipeline"),
		shop + "issues":                     list("rest-issue", "issue"),
		shop + "repository/commits":         list("rest-commit", "commit"),
		shop + "repository/tags":            list("rest-tag", "tag"),
	})
}

// servicenow has one row, after which there is none.
func servicenow(row string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := row
		if strings.Contains(r.URL.Query().Get("sysparm_query"), "sys_id>") {
			page = ""
		}
		_, _ = w.Write([]byte(`{"result": [` + page + `]}`))
	}
}

// opencost answers the day that is asked for.
func opencost(t *testing.T) http.HandlerFunc {
	t.Helper()
	allocation := payload(t, "opencost", "allocation")
	return func(w http.ResponseWriter, r *http.Request) {
		from, to, _ := strings.Cut(r.URL.Query().Get("window"), ",")
		var one map[string]any
		if r.URL.Path != "/allocation/compute" || json.Unmarshal([]byte(allocation), &one) != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		one["window"], one["start"], one["end"] = map[string]string{"start": from, "end": to}, from, to
		_ = json.NewEncoder(w).Encode(map[string]any{"code": http.StatusOK, "data": []any{map[string]any{one["name"].(string): one}}})
	}
}

// byTarget serves fixed JSON by the operation that AWS's protocol names in a header.
func byTarget(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		operation := r.Header.Get("X-Amz-Target")
		_, _ = w.Write([]byte(answers[operation[strings.LastIndexByte(operation, '.')+1:]]))
	}
}

// copilot has seven active people in one team, told by files that reports lead to.
func copilot() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if strings.HasPrefix(r.URL.Path, "/orgs/acme/copilot/metrics/reports/") {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"download_links": []string{"http://" + r.Host + "/files/" + kind}, "report_day": r.URL.Query().Get("day"),
			})
			return
		}
		for id := range 7 {
			_ = json.NewEncoder(w).Encode(map[string]any{"user_id": id + 1, "slug": "payments"})
		}
	}
}

// repository is a small one with tags.
func repository(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "generated.git")
	if _, err := gittest.Generate(t.Context(), path, gittest.Shape{Seed: 5, Commits: 100, TagEvery: 20}); err != nil {
		t.Fatal(err)
	}
	return path
}

// configRepository holds the versions of one service, of which one was promoted.
func configRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "apps", "production", "shop.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	git(t, "init", "--quiet", "--initial-branch", "main", dir)
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		if err := os.WriteFile(file, []byte("image:\n  tag: "+version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, "-C", dir, "add", ".")
		git(t, "-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "commit", "--quiet", "-m", "Promote "+version)
	}
	return dir
}
