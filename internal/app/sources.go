package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/declared"
	"github.com/headway-metrics/headway/collectors/git"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/surveys"
)

// sourceSet is the sources of this process.
type sourceSet struct {
	// list is every source that receives or asks.
	list []collectors.Source
	// normalizers also holds the sources that only publish, such as surveys.
	normalizers map[string]pipeline.Normalizer
	// budgets are what the systems say of their rate limits.
	budgets map[string]*budget.Budget
}

// askTimeout bounds one request to another system.
const askTimeout = 60 * time.Second

// newSources makes the configured sources, the ones that are always on, and the
// catalogue of the configuration.
func newSources(opts Options) (*sourceSet, error) {
	cfg := &opts.Config
	entries := all.Entries()
	known := make([]string, 0, len(entries))
	for _, e := range entries {
		known = append(known, e.Name)
	}
	if err := cfg.Sources.CheckKnown(known); err != nil {
		return nil, err
	}
	for name := range cfg.HTTP.Limits {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("http.limits.%s: no such source; there are: %s", name, strings.Join(known, ", "))
		}
	}
	set := &sourceSet{budgets: map[string]*budget.Budget{}, normalizers: map[string]pipeline.Normalizer{
		surveys.AnswersSource:       surveys.Answers{},
		surveys.ParticipationSource: surveys.Participations{},
	}}
	set.add(declared.New(cfg.Catalog, time.Now))
	var problems []error
	for _, e := range entries {
		named := e.Name == git.Name && len(opts.Git) > 0
		if !e.AlwaysOn && !named && !cfg.Sources.Has(e.Name) {
			continue
		}
		b := &budget.Budget{}
		set.budgets[e.Name] = b
		src, err := makeSource(opts, e, &budget.Watch{Base: http.DefaultTransport, Budget: b, Now: time.Now})
		if err != nil {
			problems = append(problems, err)
			continue
		}
		set.add(src)
	}
	return set, errors.Join(problems...)
}

func makeSource(opts Options, e collectors.Entry, transport http.RoundTripper) (collectors.Source, error) {
	c := e.Config()
	if err := opts.Config.Sources.Decode(e.Name, c); err != nil {
		return nil, err
	}
	if g, ok := c.(*git.Config); ok {
		g.Repositories = append(g.Repositories, opts.Git...)
	}
	if door, ok := c.(interface{ OpenToAll() bool }); ok && door.OpenToAll() && !loopback(opts.Config.HTTP.Listen) {
		return nil, opts.Config.Sources.Problem(e.Name, fmt.Errorf(
			"without_token lets everybody send who reaches http.listen %s; set token_file, or listen on 127.0.0.1", opts.Config.HTTP.Listen))
	}
	src, err := e.New(c, collectors.Deps{
		Logger:   opts.Logger.With(slog.String("source", e.Name)),
		HTTP:     &http.Client{Timeout: askTimeout, Transport: transport},
		APIToken: opts.Config.HTTP.APIToken,
		StateDir: filepath.Join(opts.Config.DataDir, "sources", e.Name),
	})
	if err != nil {
		return nil, opts.Config.Sources.Problem(e.Name, err)
	}
	return src, nil
}

// loopback says that only this machine reaches an address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *sourceSet) add(src collectors.Source) {
	s.list = append(s.list, src)
	s.normalizers[src.Name()] = src
}

// rawTopics are the topics of the events that this process can read.
func (s *sourceSet) rawTopics() []string {
	out := make([]string, 0, len(s.normalizers))
	for name := range s.normalizers {
		out = append(out, schema.RawTopic(name))
	}
	slices.Sort(out)
	return out
}

// clusterPartitions of a topic on brokers of the user's own.
const clusterPartitions = 6

// topics are all topics of Headway.
func (a *App) topics() []kafka.Topic {
	k := a.opts.Config.Kafka
	partitions := k.Partitions
	switch {
	case partitions > 0:
	case len(k.Brokers) > 0:
		partitions = clusterPartitions
	default:
		partitions = 1
	}
	out := []kafka.Topic{
		{Name: schema.TopicDirty, Partitions: partitions, Replication: k.Replication},
		{Name: schema.TopicDeadLetter, Partitions: 1, Replication: k.Replication},
		{Name: schema.TopicCursors, Partitions: 1, Replication: k.Replication, Compact: true},
	}
	if topic := a.opts.Config.Publish.CDEvents.Topic; topic != "" {
		out = append(out, kafka.Topic{Name: topic, Partitions: partitions, Replication: k.Replication})
	}
	for _, name := range a.sources.rawTopics() {
		out = append(out, kafka.Topic{Name: name, Partitions: partitions, Replication: k.Replication})
	}
	return out
}

func (a *App) startPollers(run context.Context) error {
	cursors, err := openCursors(run, a.client, a.publisher)
	if err != nil {
		return err
	}
	runner, err := collectors.NewRunner(collectors.RunnerOptions{
		Sources: a.sources.list, Cursors: cursors, Publisher: a.publisher, Registerer: a.registry,
		Logger: a.log.With(slog.String("part", "pollers")),
		Budget: func(source string) (collectors.BudgetState, bool) {
			if b := a.sources.budgets[source]; b != nil {
				return b.State()
			}
			return collectors.BudgetState{}, false
		},
	})
	if err != nil {
		return err
	}
	a.runner.Store(runner)
	a.work(run, "pollers", func(ctx context.Context) error { runner.Run(ctx); return nil })
	return nil
}

func tlsConfig() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// CheckSources makes every configured source and throws it away: the offline
// half of 'headway config validate'.
func CheckSources(opts Options) error {
	if _, err := newSources(opts); err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	return nil
}
