package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/sample"
)

// probeEvery is how often a deployment is announced whose release is waited for.
const probeEvery = 100 * time.Millisecond

// freshness sends events at a steady rate, and probes beside them: the time from
// the 2xx for a deployment until its release is in what a metric query reads.
func freshness(ctx context.Context, conn *clickhouse.Conn, g *generator, o Options) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	loadCtx, endLoad := context.WithCancel(ctx)
	defer endLoad()
	loadErr := make(chan error, 1)
	wg.Go(func() { loadErr <- g.steady(loadCtx, o.Rate, o.Workers) })

	probes := sample.Sender{
		URL: "http://" + g.addr, Secrets: sample.Secrets{GitHub: webhookSecret}, Client: &http.Client{Timeout: time.Minute},
	}
	w := &watch{conn: conn, open: map[string]time.Time{}}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	until := time.Now().Add(o.Fresh)
	for n := 0; time.Now().Before(until); n++ {
		d := sample.ProbeDeployment(n, time.Now())
		if err := probes.Deliver(ctx, d.Delivery); err != nil {
			return nil, err
		}
		w.add(d.Version)
		if err := w.look(ctx); err != nil {
			return nil, err
		}
		select {
		case <-tick.C:
		case err := <-loadErr:
			return nil, fmt.Errorf("the load beside the probes ended: %w", err)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	endLoad()
	for len(w.open) > 0 {
		if err := w.look(ctx); err != nil {
			return nil, err
		}
		select {
		case <-time.After(probeEvery / 4):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return w.seen, nil
}

// watch looks for the releases of probes.
type watch struct {
	conn *clickhouse.Conn
	open map[string]time.Time
	seen []time.Duration
}

func (w *watch) add(version string) { w.open[version] = time.Now() }

func (w *watch) look(ctx context.Context) error {
	var rows []struct {
		Version string `ch:"deployed_version"`
	}
	err := w.conn.Select(ctx, &rows, `SELECT deployed_version FROM releases FINAL WHERE startsWith(deployed_version, 'probe-') AND succeeded = 1`, nil)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if at, ok := w.open[r.Version]; ok {
			w.seen = append(w.seen, time.Since(at))
			delete(w.open, r.Version)
		}
	}
	return nil
}
