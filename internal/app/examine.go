package app

import (
	"context"
	"encoding"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/internal/config"
)

// Finding is what one check of an installation found.
type Finding struct {
	Part string
	// Good says what was found in order, Problem what was not.
	Good, Problem string
}

// Text is the finding in words.
func (f Finding) Text() string {
	if f.Problem != "" {
		return f.Problem
	}
	return f.Good
}

// examineTimeout bounds each check.
const examineTimeout = 10 * time.Second

// Examine checks the programs that Headway uses, the sources' configuration, and
// that the servers answer. It changes nothing.
func Examine(ctx context.Context, cfg config.Config, log *slog.Logger) []Finding {
	var out []Finding
	check := func(part string, do func(context.Context) (string, error)) {
		ctx, cancel := context.WithTimeout(ctx, examineTimeout)
		defer cancel()
		good, err := do(ctx)
		f := Finding{Part: part, Good: good}
		if err != nil {
			f.Problem = err.Error()
		}
		out = append(out, f)
	}
	check("sources", func(context.Context) (string, error) {
		return strings.Join(append([]string{"config"}, cfg.Sources.Names()...), ", "), CheckSources(Options{Config: cfg, Logger: log})
	})
	for _, program := range []string{"git", "npm"} {
		check(program, func(context.Context) (string, error) {
			path, err := exec.LookPath(program)
			if err != nil {
				return "", fmt.Errorf("%s is not installed; %s", program, need(program))
			}
			return path, nil
		})
	}
	client, err := Dial(cfg, log)
	if err != nil {
		return append(out, Finding{Part: "servers", Problem: err.Error()})
	}
	defer client.Close()
	check("clickhouse", func(ctx context.Context) (string, error) {
		if _, err := client.Writer(ctx); err != nil {
			return "", err
		}
		_, err := client.Reader(ctx)
		return strings.Join(client.ep.Write.Addresses, ", ") + " answers both users", err
	})
	check("kafka", func(ctx context.Context) (string, error) {
		k, err := client.Kafka()
		if err != nil {
			return "", err
		}
		return strings.Join(client.ep.Kafka.Brokers, ", ") + " answers", k.Ping(ctx)
	})
	return out
}

func need(program string) string {
	switch program {
	case "git":
		return "the git source reads repositories with it: apt install git"
	default:
		return "the embedded ClickHouse engine is fetched with it: apt install npm, or set clickhouse.addresses"
	}
}

// ConfigSchema is the JSON Schema of headway.yaml.
func ConfigSchema() *jsonschema.Schema {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Anonymous: true, Mapper: texts}
	s := r.Reflect(&config.Config{})
	s.Title = "Headway configuration"
	sources := jsonschema.NewProperties()
	for _, e := range all.Entries() {
		sub := r.Reflect(e.Config())
		maps.Copy(s.Definitions, sub.Definitions)
		sub.Version, sub.Definitions, sub.Description = "", nil, e.Title
		sources.Set(e.Name, sub)
	}
	s.Properties.Set("sources", &jsonschema.Schema{
		Type: "object", Properties: sources, AdditionalProperties: jsonschema.FalseSchema, Description: "The systems to collect from",
	})
	return s
}

// texts are types whose struct is nobody's business: a file has them as text.
func texts(t reflect.Type) *jsonschema.Schema {
	if t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}
