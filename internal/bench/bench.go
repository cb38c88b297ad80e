// Package bench measures a whole Headway on one machine, generator included: how
// many signed webhooks a second become visible rows, how old a number is, what a
// year of a large organisation costs, and a large repository. It measures; it
// judges nothing.
package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/sample"
)

// Options of a measurement.
type Options struct {
	// Load is how long webhooks are sent as fast as they are accepted.
	Load time.Duration
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
	Cores     int
	Events    int64
	Bytes     int64
	Sending   time.Duration
	Visible   time.Duration
	Probes    int
	Freshness []time.Duration
	// Memory in bytes: the peak of Headway's process, broker included, and of the
	// ClickHouse child.
	Headway, ClickHouse int64
}

const webhookSecret = "bench"

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
  api: {without_token: true}
%s`, filepath.Join(dir, "data"), more)
	for name, content := range map[string]string{path: text, filepath.Join(dir, "secret"): webhookSecret} {
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
	g := newGenerator(a.Addr(), o.Workers)
	o.OnStep(fmt.Sprintf("Sending GitHub webhooks for %s", o.Load))
	began := time.Now()
	if err := g.flood(ctx, o.Load, o.Workers); err != nil {
		return r, err
	}
	r.Sending, r.Events, r.Bytes = time.Since(began), g.sent.Load(), g.bytes.Load()
	o.OnStep("Waiting until all of them are visible")
	if err := waitVisible(ctx, conn, r.Events); err != nil {
		return r, err
	}
	r.Visible = time.Since(began)
	if err := a.Settle(ctx); err != nil {
		return r, err
	}
	o.OnStep(fmt.Sprintf("Measuring freshness for %s beside %d events/s", o.Fresh, o.Rate))
	if r.Freshness, err = freshness(ctx, conn, g, o); err != nil {
		return r, err
	}
	r.Probes = len(r.Freshness)
	r.Headway, r.ClickHouse = peakMemory(os.Getpid()), peakMemory(childOf(os.Getpid()))
	return r, nil
}

// waitVisible waits until that many events of GitHub have a receipt.
func waitVisible(ctx context.Context, conn *clickhouse.Conn, want int64) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var rows []struct {
			N uint64 `ch:"n"`
		}
		if err := conn.Select(ctx, &rows, "SELECT uniqExact(event_id) AS n FROM receipts WHERE source = 'github'", nil); err != nil {
			return err
		}
		if len(rows) == 1 && int64(rows[0].N) >= want { //nolint:gosec // Far below the limit.
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// generator sends the GitHub deliveries of the sample organisation over and over,
// each time under new delivery ids.
type generator struct {
	deliveries  []sample.Delivery
	sender      sample.Sender
	next        atomic.Int64
	sent, bytes atomic.Int64
}

// distinct is how many different payloads are sent; they are made beforehand.
const distinct = 5000

func newGenerator(addr string, workers int) *generator {
	h := sample.Generate(1, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC))
	list := slices.DeleteFunc(h.Deliveries(), func(d sample.Delivery) bool { return d.Kind != "github" })[:distinct]
	for i := range list {
		b := list[i].Body()
		list[i].Body = func() []byte { return b }
	}
	return &generator{
		deliveries: list,
		sender: sample.Sender{
			URL: "http://" + addr, Secrets: sample.Secrets{GitHub: webhookSecret},
			Client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * workers}},
		},
	}
}

// one sends the next delivery.
func (g *generator) one(ctx context.Context) error {
	n := g.next.Add(1)
	d := g.deliveries[n%int64(len(g.deliveries))]
	d.Header = d.Header.Clone()
	d.Header.Set("X-GitHub-Delivery", fmt.Sprintf("%08x-bench", n))
	b := d.Body()
	d.Body = func() []byte { return b }
	if err := g.sender.Deliver(ctx, d); err != nil {
		return err
	}
	g.sent.Add(1)
	g.bytes.Add(int64(len(b)))
	return nil
}

func (g *generator) flood(ctx context.Context, lasts time.Duration, workers int) error {
	until := time.Now().Add(lasts)
	return together(workers, func() error {
		for time.Now().Before(until) {
			if err := g.one(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs do in n goroutines and returns the first error.
func together(n int, do func() error) error {
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for range n {
		wg.Go(func() { errs <- do() })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Write prints the report as a table.
func (r Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("machine", "%d cores, %s/%s, %s", r.Cores, runtime.GOOS, runtime.GOARCH, processor())
	row("events", "%d signed GitHub webhooks, %.1f KB each on average", r.Events, float64(r.Bytes)/float64(r.Events)/1000)
	row("accepted", "%.0f events/s", float64(r.Events)/r.Sending.Seconds())
	row("visible", "%.0f events/s, %.1f MB/s, from the first request to the last row", float64(r.Events)/r.Visible.Seconds(), float64(r.Bytes)/r.Visible.Seconds()/1e6)
	row("freshness", "p50 %s, p99 %s, worst %s of %d probes (accepted → in a metric query)",
		quantile(r.Freshness, 0.5), quantile(r.Freshness, 0.99), quantile(r.Freshness, 1), r.Probes)
	row("peak memory", "%d MB Headway with its broker, %d MB ClickHouse", r.Headway>>20, r.ClickHouse>>20)
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
