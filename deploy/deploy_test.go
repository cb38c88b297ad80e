// Package deploy holds what is needed to run Headway beside Kafka, ClickHouse and
// Grafana. Its tests tie those files to each other and to the binary.
package deploy

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/kafka"
)

type composeFile struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Image       string            `yaml:"image"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

func compose(t *testing.T) composeFile {
	t.Helper()
	b, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServicesArePinnedGatedAndOnLoopback(t *testing.T) {
	t.Parallel()
	c := compose(t)
	if len(c.Services) != 4 {
		t.Fatalf("want kafka, clickhouse, headway and grafana, got %d services", len(c.Services))
	}
	for name, s := range c.Services {
		_, tag, ok := strings.Cut(s.Image, ":")
		if !ok || tag == "latest" {
			t.Errorf("%s: image %q has no pinned tag", name, s.Image)
		}
		if strings.Contains(s.Image, "bitnami") {
			t.Errorf("%s: image %q is not kept any more", name, s.Image)
		}
		if len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open beyond loopback", name, p)
			}
		}
		for dep, d := range s.DependsOn {
			if d.Condition != "service_healthy" {
				t.Errorf("%s does not wait until %s is healthy", name, dep)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, ".") {
				if _, ok := c.Volumes[from]; !ok {
					t.Errorf("%s: volume %s is not declared", name, from)
				}
			} else if _, err := os.Stat(from); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
	}
}

func TestHeadwayReadsTheMountedConfiguration(t *testing.T) {
	c := compose(t)
	headway, clickhouse := c.Services["headway"], c.Services["clickhouse"]
	for name := range headway.Environment {
		t.Setenv(name, "value of "+name)
	}
	cfg, err := config.Load("headway.yaml")
	if err != nil {
		t.Fatalf("headway.yaml needs what compose.yaml does not set: %v", err)
	}
	if !slices.Equal(cfg.Kafka.Brokers, []string{"kafka:9092"}) || c.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"] != "PLAINTEXT://kafka:9092" {
		t.Errorf("brokers %v are not what Kafka advertises", cfg.Kafka.Brokers)
	}
	if !slices.Equal(cfg.ClickHouse.Addresses, []string{"clickhouse:9000"}) {
		t.Errorf("ClickHouse is at %v", cfg.ClickHouse.Addresses)
	}
	if got := cfg.ClickHouse.Password.Reveal(); got != "value of HEADWAY_CLICKHOUSE_PASSWORD" || clickhouse.Environment["HEADWAY_CLICKHOUSE_PASSWORD"] != headway.Environment["HEADWAY_CLICKHOUSE_PASSWORD"] {
		t.Errorf("the writing user's passwords differ: %q", got)
	}
	mount := slices.IndexFunc(headway.Volumes, func(v string) bool { return strings.HasPrefix(v, "./headway.yaml:") })
	if mount < 0 || !slices.Contains(headway.Command, strings.Split(headway.Volumes[mount], ":")[1]) {
		t.Errorf("the mounted configuration is not the one that %v reads", headway.Command)
	}
	_, port, _ := strings.Cut(cfg.HTTP.Listen, ":")
	if !slices.Contains(headway.Ports, "127.0.0.1:"+port+":"+port) {
		t.Errorf("port %s of %s is not published: %v", port, cfg.HTTP.Listen, headway.Ports)
	}
	if !slices.Contains(headway.Volumes, "headway:"+cfg.DataDir) {
		t.Errorf("data_dir %s is not on a volume: %v", cfg.DataDir, headway.Volumes)
	}
}

// users is ClickHouse's users.xml as far as the test reads it.
type users struct {
	Users struct {
		List []struct {
			XMLName  xml.Name
			Remove   string `xml:"remove,attr"`
			Password struct {
				FromEnv string `xml:"from_env,attr"`
			} `xml:"password"`
			Profile string `xml:"profile"`
			Grants  struct {
				Query []string `xml:"query"`
			} `xml:"grants"`
		} `xml:",any"`
	} `xml:"users"`
	Profiles struct {
		Read struct {
			Readonly int `xml:"readonly"`
			MaxTime  int `xml:"max_execution_time"`
			MaxRows  int `xml:"max_result_rows"`
			MaxBytes int `xml:"max_memory_usage"`
		} `xml:"headway_read"`
	} `xml:"profiles"`
}

func TestUsersAreThoseOfTheConfiguration(t *testing.T) {
	c := compose(t)
	for name := range c.Services["headway"].Environment {
		t.Setenv(name, "x")
	}
	cfg, err := config.Load("headway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("clickhouse/users.xml")
	if err != nil {
		t.Fatal(err)
	}
	var u users
	if err := xml.Unmarshal(b, &u); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, user := range u.Users.List {
		name := user.XMLName.Local
		found[name] = true
		switch name {
		case "default":
			if user.Remove == "" {
				t.Error("the default user is left in")
			}
			continue
		case cfg.ClickHouse.ReadUsername:
			for _, g := range user.Grants.Query {
				if !strings.HasPrefix(g, "GRANT SELECT ON ") {
					t.Errorf("the reading user may do more than read: %s", g)
				}
			}
			if user.Profile != "headway_read" || u.Profiles.Read.Readonly != 2 || u.Profiles.Read.MaxTime == 0 || u.Profiles.Read.MaxRows == 0 || u.Profiles.Read.MaxBytes == 0 {
				t.Errorf("the reading user has no limits: %+v", u.Profiles.Read)
			}
		}
		if _, ok := c.Services["clickhouse"].Environment[user.Password.FromEnv]; !ok {
			t.Errorf("user %s: %q is not set for ClickHouse", name, user.Password.FromEnv)
		}
	}
	for _, want := range []string{cfg.ClickHouse.Username, cfg.ClickHouse.ReadUsername} {
		if !found[want] {
			t.Errorf("headway.yaml's user %s is not in users.xml", want)
		}
	}
	if c.Services["grafana"].Environment["HEADWAY_CLICKHOUSE_READ_USER"] != cfg.ClickHouse.ReadUsername {
		t.Error("Grafana does not use the reading user")
	}
}

func TestGrafanaProvisioningUsesWhatComposeSets(t *testing.T) {
	t.Parallel()
	grafana := compose(t).Services["grafana"]
	files, err := filepath.Glob("grafana/provisioning/*/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("provisioning files: %v, %v", files, err)
	}
	reference := regexp.MustCompile(`\$\{([A-Z_]+)\}`)
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
		for line := range strings.SplitSeq(string(b), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, m := range reference.FindAllStringSubmatch(line, -1) {
				if _, ok := grafana.Environment[m[1]]; !ok {
					t.Errorf("%s uses %s, which compose.yaml does not set", f, m[1])
				}
			}
		}
	}
	i := slices.IndexFunc(grafana.Volumes, func(v string) bool { return strings.HasPrefix(v, "./grafana/dashboards:") })
	if i < 0 || !strings.Contains(all.String(), "path: "+strings.Split(grafana.Volumes[i], ":")[1]) {
		t.Error("the dashboards are not mounted where the provisioning looks for them")
	}
	home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(filepath.Join("grafana/dashboards", filepath.Base(home))); err != nil {
		t.Errorf("the home dashboard is not generated: %v", err)
	}
}

func TestKafkaTakesTheLargestMessage(t *testing.T) {
	t.Parallel()
	env := compose(t).Services["kafka"].Environment
	if env["KAFKA_MESSAGE_MAX_BYTES"] != "33554432" || kafka.MaxMessageBytes != 33554432 {
		t.Errorf("the broker takes %s bytes, Headway sends up to %d", env["KAFKA_MESSAGE_MAX_BYTES"], kafka.MaxMessageBytes)
	}
	if env["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] != "false" || env["KAFKA_LOG_RETENTION_MS"] != "-1" {
		t.Error("raw events must be kept, in topics that Headway makes")
	}
}

func TestEveryVariableOfComposeIsMadeBySecretsTarget(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(string(compose), -1) {
		if !strings.Contains(string(makefile), m[1]) {
			t.Errorf("make compose-secrets does not make %s", m[1])
		}
	}
}
