package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/metrics"
)

// validTopic is what Kafka takes for a topic's name.
var validTopic = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,200}$`)

// Validate checks what decoding cannot. All problems are in the error, each
// with the place of its key.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, c.problem(key, format, args...)) }

	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		bad("timezone", "%q is not an IANA time zone; write for example Europe/Berlin", c.Timezone)
	}
	if _, _, err := net.SplitHostPort(c.HTTP.Listen); err != nil {
		bad("http.listen", "%q is not host:port; write for example 127.0.0.1:8080", c.HTTP.Listen)
	}
	if c.HTTP.PublicURL != "" {
		if u, err := url.Parse(c.HTTP.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			bad("http.public_url", "%q is not an http(s) URL", c.HTTP.PublicURL)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.HTTP.Limits)) {
		if err := c.HTTP.Limits[name].Validate(); err != nil {
			bad("http.limits."+name, "%v", err)
		}
	}
	for i, b := range c.Kafka.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			bad(fmt.Sprintf("kafka.brokers[%d]", i), "%q is not host:port; write for example kafka-1:9092", b)
		}
	}
	for i, a := range c.ClickHouse.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			bad(fmt.Sprintf("clickhouse.addresses[%d]", i), "%q is not host:port; write for example clickhouse:9000", a)
		}
	}
	if len(c.ClickHouse.Addresses) > 0 && c.ClickHouse.ReadUsername == "" {
		bad("clickhouse.read_username", "is missing; name a user that may only read, for dashboards and the API")
	}
	switch c.Kafka.SASL.Mechanism {
	case "", "plain", "scram-sha-256", "scram-sha-512":
	default:
		bad("kafka.sasl.mechanism", "%q is unknown; use plain, scram-sha-256 or scram-sha-512", c.Kafka.SASL.Mechanism)
	}
	if c.Kafka.Partitions < 0 {
		bad("kafka.partitions", "must be 0 or more")
	}
	if c.Kafka.Replication < 1 {
		bad("kafka.replication", "must be at least 1")
	}
	if c.Pipeline.MaxBatch < 1 {
		bad("pipeline.max_batch", "must be at least 1")
	}
	if c.Pipeline.FlushEvery <= 0 {
		bad("pipeline.flush_every", "must be longer than 0; write for example 250ms")
	}
	if c.Pipeline.DeriveEvery <= 0 {
		bad("pipeline.derive_every", "must be longer than 0; write for example 500ms")
	}
	if _, err := ParseBytes(c.Embedded.ClickHouseMaxMemory); err != nil {
		bad("embedded.clickhouse_max_memory", "%v", err)
	}
	for _, p := range []struct {
		key  string
		port int
	}{
		{"embedded.kafka_port", c.Embedded.KafkaPort},
		{"embedded.clickhouse_port", c.Embedded.ClickHousePort},
		{"embedded.clickhouse_http_port", c.Embedded.ClickHouseHTTPPort},
	} {
		if p.port < 0 || p.port > 65535 {
			bad(p.key, "%d is not a port; use 0 to 65535", p.port)
		}
	}
	if b := c.Metrics.Benchmark; b != "" && b != metrics.BenchmarkOff {
		if err := metrics.CheckEdition(b); err != nil {
			errs = append(errs, c.placed("metrics.", err)...)
		}
	}
	errs = append(errs, c.placed("metrics.", derive.CheckInfrastructurePaths(c.Metrics.InfrastructurePaths))...)
	if t := c.Publish.CDEvents.Topic; t != "" && !validTopic.MatchString(t) {
		bad("publish.cdevents.topic", "%q is no name of a topic; write letters, digits, dots and dashes, such as headway.cdevents", t)
	} else if schema.OwnTopic(t) {
		bad("publish.cdevents.topic", "%q is a topic that Headway reads; write another, such as headway.cdevents", t)
	}
	errs = append(errs, c.placed("derive.", c.Derive.Validate())...)
	errs = append(errs, c.placed("", c.Surveys.Validate())...)
	for _, p := range c.Catalog.Problems() {
		bad("catalog."+p.Path, "%s", p.Message)
	}
	return errors.Join(errs...)
}

// problem names the place of a key, or of the nearest mapping above it that the
// file holds.
func (c *Config) problem(key, format string, args ...any) error {
	msg := key + ": " + fmt.Sprintf(format, args...)
	if c.file != nil {
		for k := key; k != ""; k = parent(k) {
			p, err := yaml.PathString("$." + k)
			if err != nil {
				break
			}
			if n, err := p.FilterFile(c.file); err == nil && n != nil {
				return at(c.path, n.GetToken(), "%s", msg)
			}
		}
	}
	if c.path != "" {
		return fmt.Errorf("%s: %s", c.path, msg)
	}
	return errors.New(msg)
}

// placed puts places before the problems that another package found. Each is
// written "key: what is wrong", the key below prefix.
func (c *Config) placed(prefix string, err error) []error {
	var list []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	} else if err != nil {
		list = []error{err}
	}
	out := make([]error, 0, len(list))
	for _, e := range list {
		key, what, _ := strings.Cut(e.Error(), ": ")
		out = append(out, c.problem(prefix+key, "%s", what))
	}
	return out
}

func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == '[' {
			return key[:i]
		}
	}
	return ""
}

// ParseBytes reads a size such as "512MiB" or "4GiB", in bytes.
func ParseBytes(s string) (int64, error) {
	var n int64
	var unit string
	if _, err := fmt.Sscanf(s, "%d%s", &n, &unit); err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size; write for example 4GiB", s)
	}
	switch unit {
	case "MiB":
		return n << 20, nil
	case "GiB":
		return n << 30, nil
	}
	return 0, fmt.Errorf("%q has no unit MiB or GiB; write for example 4GiB", s)
}
