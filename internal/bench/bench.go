// Package bench measures a whole Headway on one machine, generator included: how
// many events a second become visible rows, what each part does alone, how old a
// number is, what a year of a large organisation costs, and a large repository. It
// measures; it judges nothing.
package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
)

// Options of a measurement.
type Options struct {
	// Mix is one of the Mix constants; Batch is how many job events of MixMixed
	// travel in one request.
	Mix   string
	Batch int
	// Load is how long events are sent as fast as they are accepted.
	Load time.Duration
	// Limit is how long each part is measured alone; 0 measures none.
	Limit time.Duration
	// Fresh is how long freshness is measured, beside Rate events a second.
	Fresh time.Duration
	Rate  int
	// Workers send at once.
	Workers int
	Logger  *slog.Logger
	// OnStep is told what is measured now.
	OnStep func(step string)
}

// Report is what was measured.
type Report struct {
	Cores    int
	Events   int64
	Webhooks int64
	// Batch is how many of the other events travelled in one request.
	Batch   int
	Bytes   int64
	Sending time.Duration
	Visible time.Duration
	// HeadwayCPU and ClickHouseCPU are the processor time used until the last
	// row was visible, the former with broker and generator.
	HeadwayCPU, ClickHouseCPU time.Duration
	Limits                    []Limit
	Probes                    int
	Freshness                 []time.Duration
	// Memory in bytes: the peak of Headway's process, broker included, and of the
	// ClickHouse child.
	Headway, ClickHouse int64
}

const (
	webhookSecret = "bench"
	apiToken      = "bench-token"
)

// Run starts a Headway in a directory of its own, measures, and removes it.
func Run(ctx context.Context, o Options) (Report, error) {
	dir, err := os.MkdirTemp("", "headway-bench")
	if err != nil {
		return Report{}, fmt.Errorf("making a directory for the measurement: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // It is in the system's temporary directory.
	cfg, err := configuration(dir, "")
	if err != nil {
		return Report{}, err
	}
	a, err := app.New(app.Options{Config: cfg, Roles: app.AllRoles(), Logger: o.Logger, OnProgress: o.OnStep})
	if err != nil {
		return Report{}, err
	}
	if err := a.Start(ctx); err != nil {
		return Report{}, err
	}
	report, err := measure(ctx, a, cfg, o)
	if stopErr := a.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopErr
	}
	return report, err
}

// configuration of a Headway in a directory; more are further sources, in YAML.
func configuration(dir, more string) (config.Config, error) {
	path := filepath.Join(dir, "headway.yaml")
	text := fmt.Sprintf(`
data_dir: %s
http: {listen: "127.0.0.1:0"}
embedded: {kafka_port: 0, clickhouse_port: 0, clickhouse_http_port: 0}
sources:
  github: {webhook_secret_file: secret}
  events: {token_file: token}
  api: {without_token: true}
%s`, filepath.Join(dir, "data"), more)
	for name, content := range map[string]string{path: text, filepath.Join(dir, "secret"): webhookSecret, filepath.Join(dir, "token"): apiToken} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return config.Config{}, fmt.Errorf("writing the measurement's configuration: %w", err)
		}
	}
	return config.Load(path)
}

func measure(ctx context.Context, a *app.App, cfg config.Config, o Options) (Report, error) {
	r := Report{Cores: runtime.NumCPU()}
	client, err := app.Dial(cfg, o.Logger)
	if err != nil {
		return r, err
	}
	defer client.Close()
	conn, err := client.Reader(ctx)
	if err != nil {
		return r, err
	}
	p, err := newPayloads(o.Mix, o.Batch)
	if err != nil {
		return r, err
	}
	g := &generator{addr: a.Addr(), payloads: p}
	if err := throughput(ctx, g, conn, o, &r); err != nil {
		return r, err
	}
	if err := a.Settle(ctx); err != nil {
		return r, err
	}
	if o.Fresh > 0 {
		o.OnStep(fmt.Sprintf("Measuring freshness for %s beside %d events/s", o.Fresh, o.Rate))
		if r.Freshness, err = freshness(ctx, conn, g, o); err != nil {
			return r, err
		}
		r.Probes = len(r.Freshness)
	}
	r.Headway, r.ClickHouse = peakMemory(os.Getpid()), peakMemory(childOf(os.Getpid()))
	if o.Limit > 0 {
		if err := a.Settle(ctx); err != nil {
			return r, err
		}
		w, err := client.Writer(ctx)
		if err != nil {
			return r, err
		}
		r.Limits, err = limits(ctx, p, w, o)
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// throughput sends for a time and waits for the last row.
func throughput(ctx context.Context, g *generator, conn *clickhouse.Conn, o Options, r *Report) error {
	o.OnStep(fmt.Sprintf("Sending events for %s", o.Load))
	self, child := os.Getpid(), childOf(os.Getpid())
	cpu, childCPU := cpuTime(self), cpuTime(child)
	began := time.Now()
	if err := g.flood(ctx, o.Load, o.Workers); err != nil {
		return err
	}
	r.Sending, r.Events, r.Bytes, r.Webhooks, r.Batch = time.Since(began), g.sent.Load(), g.bytes.Load(), g.webhooks.Load(), o.Batch
	o.OnStep("Waiting until all of them are visible")
	if err := waitVisible(ctx, conn, r.Events); err != nil {
		return err
	}
	r.Visible = time.Since(began)
	r.HeadwayCPU, r.ClickHouseCPU = cpuTime(self)-cpu, cpuTime(child)-childCPU
	return nil
}

// waitVisible waits until that many events have a receipt. It counts rows, which
// costs the server little, before it counts events.
func waitVisible(ctx context.Context, conn *clickhouse.Conn, want int64) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		seen := want
		for _, count := range []string{"count()", "uniqExact(event_id)"} {
			var rows []struct {
				N uint64 `ch:"n"`
			}
			if err := conn.Select(ctx, &rows, "SELECT "+count+" AS n FROM receipts WHERE endsWith(event_id, '-bench') OR source = 'events'", nil); err != nil {
				return err
			}
			if len(rows) != 1 {
				return fmt.Errorf("counting receipts gave %d rows", len(rows))
			}
			if seen = int64(rows[0].N); seen < want { //nolint:gosec // Far below the limit.
				break
			}
		}
		if seen >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Write prints the report as a table.
func (r Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("machine", "%d cores, %s/%s, %s", r.Cores, runtime.GOOS, runtime.GOARCH, processor())
	n := float64(r.Events)
	kinds := fmt.Sprintf("%d signed GitHub webhooks", r.Webhooks)
	if jobs := r.Events - r.Webhooks; jobs > 0 {
		kinds += fmt.Sprintf(", %d CDEvents of jobs, %d a request", jobs, r.Batch)
	}
	row("events", "%d: %s; %.1f KB each on average", r.Events, kinds, float64(r.Bytes)/n/1000)
	row("accepted", "%.0f events/s", n/r.Sending.Seconds())
	end := n / r.Visible.Seconds()
	row("visible", "%.0f events/s, %.1f MB/s, from the first request to the last row", end, float64(r.Bytes)/r.Visible.Seconds()/1e6)
	busy := (r.HeadwayCPU + r.ClickHouseCPU).Seconds()
	row("processor", "%.0f µs an event in Headway (broker and generator included), %.0f µs in ClickHouse; %.0f%% of the machine",
		r.HeadwayCPU.Seconds()/n*1e6, r.ClickHouseCPU.Seconds()/n*1e6, 100*busy/r.Visible.Seconds()/float64(r.Cores))
	row("at most", "%.0f events/s if these had all of the machine", n/busy*float64(r.Cores))
	if r.Probes > 0 {
		row("freshness", "p50 %s, p99 %s, worst %s of %d probes (accepted → in a metric query)",
			quantile(r.Freshness, 0.5), quantile(r.Freshness, 0.99), quantile(r.Freshness, 1), r.Probes)
	}
	row("peak memory", "%d MB Headway with its broker, %d MB ClickHouse", r.Headway>>20, r.ClickHouse>>20)
	for _, l := range r.Limits {
		row("alone", "%.0f events/s, %.1f µs of a core each: %s; the whole is %.0f%% of it", l.Rate, float64(l.CPU)/1e3, l.Name, 100*end/l.Rate)
	}
	return t.Flush()
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return s[min(int(q*float64(len(s))), len(s)-1)].Round(time.Millisecond)
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(strings.TrimSpace(name), ": \t")
		}
	}
	return "unknown processor"
}
