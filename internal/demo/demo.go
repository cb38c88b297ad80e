// Package demo runs Headway with the sample organisation: it makes the systems
// that the organisation has, starts Headway with a configuration for them, and
// has each system send what it would have sent. It adds nothing to Headway itself.
package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/sample"
	"github.com/headway-metrics/headway/internal/secret"
)

// Seed of the sample organisation, unless another is asked for.
const Seed = 20260101

// Options say which organisation and where.
type Options struct {
	// Dir is where everything is kept.
	Dir string
	// Seed and End, the last day of the history, make an organisation; zero is
	// Seed and today, or what an earlier run in Dir had.
	Seed uint64
	End  time.Time
	// Backstage is where the organisation's Backstage answers.
	Backstage string
	// FreePorts gives the embedded servers any free ports instead of their own.
	FreePorts bool
}

// state is what a demo remembers between runs.
type state struct {
	Seed uint64    `json:"seed"`
	End  time.Time `json:"end"`
	// Loaded is true once everything was sent and computed.
	Loaded bool `json:"loaded"`
}

// Demo is a sample organisation and the systems that it has.
type Demo struct {
	dir     string
	opts    Options
	state   state
	History *sample.History
	// ConfigPath is the configuration file, for other commands.
	ConfigPath string
	secrets    sample.Secrets
	backstage  *http.Server
}

// Prepare makes the organisation below opts.Dir, or finds the one of an earlier
// run there.
func Prepare(ctx context.Context, opts Options) (*Demo, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the demo's directory: %w", err)
	}
	d := &Demo{dir: dir, opts: opts, ConfigPath: filepath.Join(dir, "headway.yaml")}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return nil, fmt.Errorf("making the demo's directory: %w", err)
	}
	if err := d.readState(); err != nil {
		return nil, err
	}
	d.History = sample.Generate(d.state.Seed, d.state.End)
	repos, err := d.History.WriteGit(ctx, filepath.Join(dir, "repositories"))
	if err != nil {
		return nil, err
	}
	if err := d.makeSecrets(); err != nil {
		return nil, err
	}
	if err := d.serveBackstage(ctx, opts.Backstage); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.ConfigPath, d.config(repos), 0o600); err != nil {
		return nil, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	return d, nil
}

// Config is the demo's configuration.
func (d *Demo) Config() (config.Config, error) { return config.Load(d.ConfigPath) }

// Load has every system send its events and waits until Headway has computed
// everything. A demo that is loaded already sends nothing.
func (d *Demo) Load(ctx context.Context, a *app.App, onProgress func(done, total int)) (sample.Result, error) {
	if d.state.Loaded {
		return sample.Result{}, nil
	}
	const workers = 64
	sender := sample.Sender{
		URL: "http://" + a.Addr(), Secrets: d.secrets, Workers: workers, OnProgress: onProgress,
		Client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: workers}},
	}
	res, err := sender.Send(ctx, d.History.Deliveries())
	if err != nil {
		return res, err
	}
	if err := a.Publish(ctx, surveyEvents(d.History)...); err != nil {
		return res, err
	}
	if err := a.Settle(ctx); err != nil {
		return res, err
	}
	d.state.Loaded = true
	return res, d.writeState()
}

// Close ends the organisation's systems.
func (d *Demo) Close(ctx context.Context) error { return d.backstage.Shutdown(ctx) }

func (d *Demo) statePath() string { return filepath.Join(d.dir, "sample.json") }

func (d *Demo) readState() error {
	b, err := os.ReadFile(d.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		d.state = state{Seed: cmp.Or(d.opts.Seed, Seed), End: d.opts.End.UTC().Truncate(24 * time.Hour)}
		if d.opts.End.IsZero() {
			d.state.End = time.Now().UTC().Truncate(24 * time.Hour)
		}
		return d.writeState()
	}
	if err != nil {
		return fmt.Errorf("reading the demo's state: %w", err)
	}
	if err := json.Unmarshal(b, &d.state); err != nil {
		return fmt.Errorf("reading %s: %w; remove the directory to begin again", d.statePath(), err)
	}
	if d.opts.Seed != 0 && d.opts.Seed != d.state.Seed || !d.opts.End.IsZero() && !d.opts.End.Equal(d.state.End) {
		return fmt.Errorf("%s holds the organisation of seed %d that ends on %s; leave out seed and end to go on with it, or name another directory",
			d.dir, d.state.Seed, d.state.End.Format(time.DateOnly))
	}
	return nil
}

func (d *Demo) writeState() error {
	b, err := json.Marshal(d.state)
	if err != nil {
		return fmt.Errorf("encoding the demo's state: %w", err)
	}
	if err := os.WriteFile(d.statePath(), b, 0o600); err != nil {
		return fmt.Errorf("writing the demo's state: %w", err)
	}
	return nil
}

func (d *Demo) makeSecrets() error {
	for name, to := range map[string]*secret.String{
		"github": &d.secrets.GitHub, "pagerduty": &d.secrets.PagerDuty, "jira": &d.secrets.Jira,
		"backstage": &d.secrets.Backstage, "api": &d.secrets.API,
	} {
		path := filepath.Join(d.dir, "secrets", name)
		b, err := os.ReadFile(path) //nolint:gosec // Our own directory.
		if errors.Is(err, fs.ErrNotExist) {
			key := make([]byte, 32)
			if _, err := rand.Read(key); err != nil {
				return fmt.Errorf("making a secret: %w", err)
			}
			b = []byte(hex.EncodeToString(key))
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			return fmt.Errorf("keeping the demo's secret %s: %w", name, err)
		}
		*to = secret.String(b)
	}
	return nil
}

func (d *Demo) serveBackstage(ctx context.Context, listen string) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("starting the sample's Backstage: %w; stop whatever uses the port, or name another with --backstage-listen", err)
	}
	d.backstage = &http.Server{Handler: d.History.Backstage(d.secrets.Backstage), ReadHeaderTimeout: 5 * time.Second, Addr: ln.Addr().String()}
	go func() { _ = d.backstage.Serve(ln) }() // Ends with Close; its error is then http.ErrServerClosed.
	return nil
}
