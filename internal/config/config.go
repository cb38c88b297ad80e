// Package config reads headway.yaml: one strict file, every key known, every
// error with its line, its key and the fix. Secrets come from ${env:NAME} or from
// a key ending in _file (invariant 10). It starts nothing and asks nobody.
package config

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/declared"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/surveys"
)

// Config is the whole of headway.yaml. Default gives every default.
type Config struct {
	// Organisation is the name shown on dashboards and pages.
	Organisation string `yaml:"organisation" json:"organisation,omitempty" jsonschema:"description=Name shown on dashboards and survey pages"`
	// Timezone is the IANA zone in which days, weeks and months are cut.
	Timezone string `yaml:"timezone" json:"timezone,omitempty" jsonschema:"description=IANA time zone in which days weeks and months are cut,default=UTC"`
	// DataDir holds everything durable of the embedded mode.
	DataDir string `yaml:"data_dir" json:"data_dir,omitempty" jsonschema:"description=Directory of the embedded broker and warehouse,default=.headway"`

	HTTP       HTTP       `yaml:"http" json:"http,omitzero"`
	Kafka      Kafka      `yaml:"kafka" json:"kafka,omitzero"`
	ClickHouse ClickHouse `yaml:"clickhouse" json:"clickhouse,omitzero"`
	Embedded   Embedded   `yaml:"embedded" json:"embedded,omitzero"`
	Pipeline   Pipeline   `yaml:"pipeline" json:"pipeline,omitzero"`

	// Derive says what production is and what counts as evidence of failure.
	Derive derive.Options `yaml:"derive" json:"derive,omitzero"`
	// Catalog declares teams, services, people and capabilities by hand.
	Catalog declared.Config `yaml:"catalog" json:"catalog,omitzero"`
	// Surveys turns the developer survey on.
	Surveys surveys.Config `yaml:"surveys" json:"surveys,omitzero"`
	// Metrics says how metrics are computed and shown.
	Metrics Metrics `yaml:"metrics" json:"metrics,omitzero"`
	// Publish says what others are told; nothing unless it is named.
	Publish Publish `yaml:"publish" json:"publish,omitzero"`

	// Sources holds each source's own keys, decoded by the source (see
	// Sources.Decode): their lines are kept for error messages.
	Sources Sources `yaml:"sources" json:"-"`

	file *ast.File
	path string
}

// Derivation is what the pipeline derives by: Derive, and what Metrics says of it.
func (c *Config) Derivation() derive.Options {
	out := c.Derive
	if len(c.Metrics.InfrastructurePaths) > 0 {
		out.InfrastructurePaths = c.Metrics.InfrastructurePaths
	}
	return out
}

// HTTP is where Headway listens.
type HTTP struct {
	Listen string `yaml:"listen" json:"listen,omitempty" jsonschema:"description=Address of webhooks API previews and survey,default=127.0.0.1:8080"`
	// PublicURL is how others reach this Headway, for links in invitations.
	PublicURL string `yaml:"public_url" json:"public_url,omitempty" jsonschema:"description=URL under which others reach Headway"`
	// APIToken is asked of callers of /v1/events and the other intake paths.
	APIToken secret.String `yaml:"api_token" json:"api_token,omitempty" jsonschema:"description=Bearer token of the intake API; use api_token_file or ${env:NAME}"`
	// Limits bound what a source may send, by its name.
	Limits map[string]collectors.Limit `yaml:"limits" json:"limits,omitempty" jsonschema:"description=Rate and size of what a source may send by its name"`
}

// Kafka is an existing cluster; without brokers the embedded one runs.
type Kafka struct {
	Brokers []string `yaml:"brokers" json:"brokers,omitempty" jsonschema:"description=host:port of existing brokers; empty starts the embedded broker"`
	// Partitions of new topics. They divide the work among processes; the embedded
	// broker serves one process, and each costs it a connection.
	Partitions  int  `yaml:"partitions" json:"partitions,omitempty" jsonschema:"description=Partitions of new topics; 0 is 6 on your brokers and 1 on the embedded one"`
	Replication int  `yaml:"replication" json:"replication,omitempty" jsonschema:"description=Replication factor of new topics,default=1"`
	TLS         bool `yaml:"tls" json:"tls,omitempty"`
	SASL        SASL `yaml:"sasl" json:"sasl,omitzero"`
}

// SASL authenticates to the brokers.
type SASL struct {
	Mechanism string        `yaml:"mechanism" json:"mechanism,omitempty" jsonschema:"enum=plain,enum=scram-sha-256,enum=scram-sha-512"`
	Username  string        `yaml:"username" json:"username,omitempty"`
	Password  secret.String `yaml:"password" json:"password,omitempty"`
}

// ClickHouse is an existing server or cluster; without addresses the embedded
// one runs.
type ClickHouse struct {
	Addresses    []string      `yaml:"addresses" json:"addresses,omitempty" jsonschema:"description=host:port of the native protocol; empty starts the embedded engine"`
	Database     string        `yaml:"database" json:"database,omitempty" jsonschema:"default=headway"`
	Cluster      string        `yaml:"cluster" json:"cluster,omitempty" jsonschema:"description=Cluster name for replicated tables; empty is a single node"`
	Username     string        `yaml:"username" json:"username,omitempty"`
	Password     secret.String `yaml:"password" json:"password,omitempty"`
	ReadUsername string        `yaml:"read_username" json:"read_username,omitempty" jsonschema:"description=Least-privilege user of dashboards API and CLI"`
	ReadPassword secret.String `yaml:"read_password" json:"read_password,omitempty"`
	TLS          bool          `yaml:"tls" json:"tls,omitempty"`
}

// Embedded sets the ports and limits of the servers that Headway starts itself.
type Embedded struct {
	KafkaPort            int    `yaml:"kafka_port" json:"kafka_port,omitempty" jsonschema:"default=19092"`
	ClickHousePort       int    `yaml:"clickhouse_port" json:"clickhouse_port,omitempty" jsonschema:"description=Native protocol,default=19000"`
	ClickHouseHTTPPort   int    `yaml:"clickhouse_http_port" json:"clickhouse_http_port,omitempty" jsonschema:"default=18123"`
	ClickHouseMaxMemory  string `yaml:"clickhouse_max_memory" json:"clickhouse_max_memory,omitempty" jsonschema:"description=Memory limit of the embedded engine,default=4GiB"`
	ClickHouseLibrary    string `yaml:"clickhouse_library" json:"clickhouse_library,omitempty" jsonschema:"description=Path of libchdb when it should not be installed by npm"`
	ClickHouseEngineRoot string `yaml:"clickhouse_engine_dir" json:"clickhouse_engine_dir,omitempty" jsonschema:"description=Directory in which the engine is installed"`
}

// Metrics says what is infrastructure, and what the CLI and the API show beside
// the metrics.
type Metrics struct {
	// Benchmark is the edition of DORA's report whose ranges are shown beside
	// points that it has ranges of. Empty is off.
	Benchmark string `yaml:"benchmark" json:"benchmark,omitempty" jsonschema:"description=Edition of DORA's report whose published ranges are shown beside values; off by default,enum=2023,enum=2024,enum=off"`
	// InfrastructurePaths are patterns of files that are infrastructure, for the
	// share of changes that touch them; empty is derive.DefaultInfrastructurePaths.
	InfrastructurePaths []derive.Pattern `yaml:"infrastructure_paths" json:"infrastructure_paths,omitempty" jsonschema:"description=Patterns (RE2) of whole paths of files that are infrastructure; empty is terraform helm kubernetes pipelines and Dockerfiles"`
}

// Publish says what others are told.
type Publish struct {
	CDEvents CDEvents `yaml:"cdevents" json:"cdevents,omitzero"`
}

// CDEvents are releases, incidents and changes of metrics, as CDEvents v0.5.
type CDEvents struct {
	// Topic of Kafka; empty is off.
	Topic string `yaml:"topic" json:"topic,omitempty" jsonschema:"description=Topic on which releases incidents and changes of metrics are published as CDEvents; empty is off"`
}

// Pipeline tunes loading and deriving.
type Pipeline struct {
	MaxBatch    int           `yaml:"max_batch" json:"max_batch,omitempty" jsonschema:"description=Most events loaded at once,default=20000"`
	FlushEvery  time.Duration `yaml:"flush_every" json:"flush_every,omitempty" jsonschema:"type=string,description=Longest time an event waits for others,default=250ms"`
	DeriveEvery time.Duration `yaml:"derive_every" json:"derive_every,omitempty" jsonschema:"type=string,description=How long dirty services are gathered,default=500ms"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Organisation: "Your organisation",
		Timezone:     "UTC",
		DataDir:      ".headway",
		HTTP:         HTTP{Listen: "127.0.0.1:8080"},
		Kafka:        Kafka{Replication: 1},
		ClickHouse:   ClickHouse{Database: "headway", Username: "headway"},
		Embedded: Embedded{
			KafkaPort: 19092, ClickHousePort: 19000, ClickHouseHTTPPort: 18123, ClickHouseMaxMemory: "4GiB",
		},
		Pipeline: Pipeline{MaxBatch: 20000, FlushEvery: 250 * time.Millisecond, DeriveEvery: 500 * time.Millisecond},
		Derive:   derive.DefaultOptions(),
		Surveys:  surveys.DefaultConfig(),
	}
}
