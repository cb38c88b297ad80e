package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/bench/year"
	"github.com/headway-metrics/headway/internal/clickhouse"
)

// Steps of the measurement of a year, in their order.
const (
	StepLoad      = "load"
	StepRecompute = "recompute"
	StepPanels    = "panels"
	StepLate      = "late"
)

// YearSteps are all of them.
func YearSteps() []string { return []string{StepLoad, StepRecompute, StepPanels, StepLate} }

// YearOptions of a measurement of a generated year.
type YearOptions struct {
	Year year.Options
	// Dir keeps the data, and is used again when it holds the same year; empty is
	// a temporary directory.
	Dir string
	// Only lists the steps to do; empty means all.
	Only []string
	// Runs of each query, after one that is not counted.
	Runs   int
	Logger *slog.Logger
	// OnStep is told what is done now.
	OnStep func(step string)
}

func (o *YearOptions) validate() error {
	for _, s := range o.Only {
		if !slices.Contains(YearSteps(), s) {
			return fmt.Errorf("step %q is unknown; use %s", s, strings.Join(YearSteps(), ", "))
		}
	}
	if o.Runs < 1 {
		return errors.New("runs: use 1 or more")
	}
	return o.Year.Validate()
}

func (o *YearOptions) does(step string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, step)
}

// yearRun is a measurement under way.
type yearRun struct {
	YearOptions
	app    *app.App
	client *app.Client
	// write and read are ClickHouse as either user.
	write, read *clickhouse.Conn
	report      YearReport
}

// RunYear makes a year of a large organisation in a Headway of its own, and
// measures what it costs to load, to derive, to look at and to correct.
func RunYear(ctx context.Context, o YearOptions) (YearReport, error) {
	if err := o.validate(); err != nil {
		return YearReport{}, err
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "headway-bench")
		if err != nil {
			return YearReport{}, fmt.Errorf("making a directory for the measurement: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // It is in the system's temporary directory.
		o.Dir = dir
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return YearReport{}, fmt.Errorf("making the directory of the measurement: %w", err)
	}
	cfg, err := configuration(o.Dir, "")
	if err != nil {
		return YearReport{}, err
	}
	a, err := app.New(app.Options{Config: cfg, Roles: app.Roles{Servers: true, Pipeline: true}, Logger: o.Logger, OnProgress: o.OnStep})
	if err != nil {
		return YearReport{}, err
	}
	if err := a.Start(ctx); err != nil {
		return YearReport{}, err
	}
	y := &yearRun{YearOptions: o, app: a}
	if y.client, err = app.Dial(cfg, o.Logger); err == nil {
		err = y.steps(ctx)
		y.client.Close()
	}
	if stopErr := a.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopErr
	}
	return y.report, err
}

func (y *yearRun) steps(ctx context.Context) error {
	var err error
	if y.write, err = y.client.Writer(ctx); err != nil {
		return err
	}
	if y.read, err = y.client.Reader(ctx); err != nil {
		return err
	}
	y.report.describe(y.Year)
	there, err := y.loaded()
	if err != nil {
		return err
	}
	if !there {
		if !y.does(StepLoad) {
			return fmt.Errorf("%s holds no such year yet; do the step %s first", y.Dir, StepLoad)
		}
		if err := y.load(ctx); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{{StepRecompute, y.recompute}, {StepPanels, y.panels}, {StepLate, y.late}} {
		if !y.does(s.name) {
			continue
		}
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", s.name, err)
		}
	}
	return nil
}

// loaded says whether the directory holds this very year already. Half of one,
// or another, is an error: rows of two years in one table would be nobody's.
func (y *yearRun) loaded() (bool, error) {
	b, err := os.ReadFile(y.manifest())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what the directory holds: %w", err)
	}
	var was manifest
	if err := json.Unmarshal(b, &was); err != nil {
		return false, fmt.Errorf("reading %s: %w", y.manifest(), err)
	}
	if !was.Whole || was.Year != y.Year {
		return false, fmt.Errorf("%s holds another year (seed %d, scale %g, end %s), or half of one; name another directory or remove it",
			y.Dir, was.Year.Seed, was.Year.Scale, was.Year.End.Format("2006-01-02"))
	}
	return true, nil
}

type manifest struct {
	Year  year.Options `json:"year"`
	Whole bool         `json:"whole"`
}

func (y *yearRun) manifest() string { return filepath.Join(y.Dir, "year.json") }

func (y *yearRun) writeManifest(whole bool) error {
	b, err := json.Marshal(manifest{y.Year, whole})
	if err != nil {
		return fmt.Errorf("encoding what the directory holds: %w", err)
	}
	if err := os.WriteFile(y.manifest(), b, 0o600); err != nil {
		return fmt.Errorf("writing what the directory holds: %w", err)
	}
	return nil
}
