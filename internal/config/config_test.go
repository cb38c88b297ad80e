package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/secret"
)

func TestEmptyFileIsTheDefault(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing but a comment\n", "---\n"} {
		cfg, err := config.Parse("headway.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if cfg.HTTP.Listen != "127.0.0.1:8080" || cfg.Timezone != "UTC" || cfg.Pipeline.FlushEvery != 250*time.Millisecond {
			t.Errorf("%q: not the defaults: %+v", text, cfg)
		}
	}
}

func TestEveryProblemNamesFileLineKeyAndFix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "organisation: Acme\ncolour: blue\n", `headway.yaml:2:1: unknown field "colour"`},
		{"unknown key below", "http:\n  listne: 127.0.0.1:1\n", `headway.yaml:2:3: unknown field "listne"`},
		{"not YAML", "http: [\n", "headway.yaml:1:"},
		{"wrong type", "kafka:\n  partitions: many\n", "headway.yaml:2:15: cannot unmarshal string"},
		{"bad zone", "timezone: Middle/Earth\n", `headway.yaml:1:11: timezone: "Middle/Earth" is not an IANA time zone; write for example Europe/Berlin`},
		{"bad listen", "http:\n  listen: eighty\n", `headway.yaml:2:11: http.listen: "eighty" is not host:port; write for example 127.0.0.1:8080`},
		{"bad limit", "http:\n  limits: {github: {max_body_mb: 99}}\n", "http.limits.github: max_body_mb must be 1 to 25"},
		{"bad broker", "kafka:\n  brokers: [a:9092, b]\n", `headway.yaml:2:21: kafka.brokers[1]: "b" is not host:port`},
		{"bad duration", "pipeline:\n  flush_every: 0s\n", "headway.yaml:2:16: pipeline.flush_every: must be longer than 0"},
		{"bad size", "embedded:\n  clickhouse_max_memory: lots\n", `headway.yaml:2:26: embedded.clickhouse_max_memory: "lots" is not a size; write for example 4GiB`},
		{"no reader", "clickhouse:\n  addresses: [ch:9000]\n", "clickhouse.read_username: is missing; name a user that may only read"},
		{"bad regular expression", "derive:\n  tiers:\n    - {environment: '(', tier: production}\n", "headway.yaml:3:21: derive.tiers[0].environment: pattern \"(\""},
		{"duplicate service", "catalog:\n  services:\n    - {id: shop}\n    - {id: shop}\n", `headway.yaml:4:12: catalog.services[1].id: "shop" is declared twice, first as services[0]; keep one`},
		{"edition without levels", "metrics:\n  benchmark: 2025\n", "headway.yaml:2:14: metrics.benchmark: the 2025 edition has no levels"},
		{"bad pattern", "metrics:\n  infrastructure_paths: ['k8s/.*', '(']\n", `headway.yaml:2:36: metrics.infrastructure_paths[1]: "(" is no pattern; use RE2 syntax`},
		{"topic of its own", "publish:\n  cdevents: {topic: headway.dirty}\n", `headway.yaml:2:21: publish.cdevents.topic: "headway.dirty" is a topic that Headway reads`},
		{"raw topic", "publish:\n  cdevents: {topic: headway.raw.events}\n", `"headway.raw.events" is a topic that Headway reads`},
		{"no topic", "publish:\n  cdevents: {topic: 'a b'}\n", `publish.cdevents.topic: "a b" is no name of a topic`},
		{"bad date", "catalog:\n  services:\n    - {id: shop, created_at: yesterday}\n", `catalog.services[0].created_at: "yesterday" is not a date; write 2026-01-31`},
		{"two documents", "timezone: UTC\n---\ntimezone: UTC\n", "more than one YAML document; keep one"},
		{"secret in the file", "http:\n  api_token: hunter2\n", "headway.yaml:2:14: api_token: a secret must not be written into the file; use ${env:NAME} or api_token_file: PATH"},
		{"numeric secret in the file", "clickhouse:\n  password: 12345\n", "headway.yaml:2:13: password: a secret must not be written into the file"},
		{"variable not set", "http:\n  api_token: ${env:HEADWAY_TEST_NOT_SET}\n", "headway.yaml:2:14: environment variable HEADWAY_TEST_NOT_SET is not set; set it or remove ${env:HEADWAY_TEST_NOT_SET}"},
		{"missing secret file", "http:\n  api_token_file: no/such/file\n", "headway.yaml:2:19: api_token_file: cannot read the secret file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Parse("headway.yaml", []byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got:\n%v\nwant it to hold:\n%s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "12345") {
				t.Errorf("the error prints the secret: %v", err)
			}
		})
	}
}

func TestBenchmark(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "metrics:\n  benchmark: \"2024\"\n": "2024", "metrics:\n  benchmark: 2023\n": "2023", "metrics: {benchmark: \"off\"}\n": "off"} {
		cfg, err := config.Parse("headway.yaml", []byte(text))
		if err != nil || cfg.Metrics.Benchmark != want {
			t.Errorf("%q: %q, %v", text, cfg.Metrics.Benchmark, err)
		}
	}
}

func TestSecretsComeFromFilesAndEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HEADWAY_TEST_PASSWORD", "from the environment")
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "headway.yaml")
	text := "http:\n  api_token_file: token\nclickhouse:\n  password: ${env:HEADWAY_TEST_PASSWORD}\nsources:\n  github:\n    webhook_secrets: ['${env:HEADWAY_TEST_PASSWORD}', '${file:token}']\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.HTTP.APIToken.Reveal(); got != "from a file" {
		t.Errorf("api_token is %q", got)
	}
	if got := cfg.ClickHouse.Password.Reveal(); got != "from the environment" {
		t.Errorf("password is %q", got)
	}
	var gh struct {
		Secrets []secret.String `yaml:"webhook_secrets"`
	}
	if err := cfg.Sources.Decode("github", &gh); err != nil || len(gh.Secrets) != 2 || gh.Secrets[0].Reveal() != "from the environment" || gh.Secrets[1].Reveal() != "from a file" {
		t.Errorf("a source's secret: %v, %v", gh, err)
	}
}

func TestSourcesAreStrictToo(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("headway.yaml", []byte("sources:\n  git:\n    intervall: 5s\n  githup: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Interval time.Duration `yaml:"interval"`
	}
	if err := cfg.Sources.Decode("git", &g); err == nil || !strings.Contains(err.Error(), `headway.yaml:3:5: unknown field "intervall"`) {
		t.Errorf("unknown key of a source: %v", err)
	}
	if err := cfg.Sources.CheckKnown([]string{"git", "github"}); err == nil || !strings.Contains(err.Error(), "sources.githup: no such source; there are: git, github") {
		t.Errorf("unknown source: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a", "http: {listen: ':1'}", "sources: {git: {}}", "catalog: {teams: [{id: a}]}", "x: ${env:HOME}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if cfg, err := config.Parse("f.yaml", []byte(text)); err == nil {
			if err := cfg.Validate(); err != nil {
				t.Errorf("accepted, yet not valid: %v", err)
			}
		}
	})
}
