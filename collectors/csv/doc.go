// Package csv is the source of files with one row per thing: people, teams,
// services, incidents and so on, for what no system can be asked for. A file comes
// with 'headway import', as POST /v1/import/<kind>, or from a path that is watched.
//
// Every row is an event of its own: its cells as they stand in the file, and how its
// times are written. The rows have the fields of the JSON API (package api), whose
// checks and facts are used. A file with a mistake is refused as a whole, with line,
// column, value and what to write instead, before anything is published: whoever
// sends it can still mend it, and half a file is worse than none.
//
// The traps, each with a test of its name:
//   - spreadsheets begin with a byte order mark, and separate by semicolons where the
//     comma is decimal (TestSpreadsheets);
//   - a cell may hold line breaks, so a row's line is not its number (TestLineBreaksInCells);
//   - a column that nobody reads is a typing mistake (TestMistakesAreNamed);
//   - one thing twice in a file has no order that could decide (TestMistakesAreNamed);
//   - a file that is being written is not a file yet (TestAFileThatIsBeingWrittenIsNotRead);
//   - a row that is gone from a watched file is withdrawn, and only what that row said
//     (TestAWatchedFileIsTheTruthAboutItself).
package csv

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
)

// Name of the source.
const Name = "csv"

const (
	importPath      = "/v1/import/"
	defaultInterval = time.Minute
)

// Kinds are what a file may hold one of in each row.
func Kinds() []string {
	return []string{"teams", "people", "memberships", "identities", "services", "owners", "workloads", "incidents", "tickets"}
}

// Config is sources.csv.
type Config struct {
	generic.Auth `yaml:",inline"`

	TimeLayout string        `yaml:"time_layout" json:"time_layout,omitempty" jsonschema:"description=How times are written beside RFC 3339 and 2026-01-31 such as DD.MM.YYYY HH:mm"`
	TimeZone   string        `yaml:"time_zone" json:"time_zone,omitempty" jsonschema:"description=IANA zone of times without one,default=UTC"`
	Files      []File        `yaml:"files" json:"files,omitempty" jsonschema:"description=Files to read whenever they change"`
	Interval   time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two looks at the files,default=1m"`
}

// File is a file that is watched.
type File struct {
	Path string `yaml:"path" json:"path" jsonschema:"description=Where the file is,required"`
	Kind string `yaml:"kind" json:"kind" jsonschema:"description=What its rows are,required,enum=teams,enum=people,enum=memberships,enum=identities,enum=services,enum=owners,enum=workloads,enum=incidents,enum=tickets"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "CSV import", Group: collectors.GroupAnything, AlwaysOn: true,
		Facts: []string{
			"identities", "incident_updates", "memberships", "ownerships", "people", "services", "teams", "tickets", "workloads",
		},
		Signature: generic.SignatureInWords,
		Polls:     "the configured files, whenever they change",
		Config:    func() any { return &Config{Interval: defaultInterval} },
		New:       collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	if err := c.Times().Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.Interval < time.Second {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 1s, such as 1m", c.Interval))
	}
	seen := map[string]bool{}
	for i, f := range c.Files {
		if !slices.Contains(Kinds(), f.Kind) {
			errs = append(errs, fmt.Errorf("files[%d].kind is %q: use one of %s", i, f.Kind, strings.Join(Kinds(), ", ")))
		}
		switch path := filepath.Clean(f.Path); {
		case f.Path == "":
			errs = append(errs, fmt.Errorf("files[%d].path is missing: say where the file is", i))
		case seen[path]:
			errs = append(errs, fmt.Errorf("files[%d].path %s stands there twice: keep one", i, f.Path))
		default:
			seen[path] = true
		}
	}
	return errors.Join(errs...)
}

// Times is how times without a zone, or in a layout of their own, are written.
func (c Config) Times() Times { return Times{Layout: c.TimeLayout, Zone: c.TimeZone} }

// Source takes files.
type Source struct {
	cfg      Config
	verifier generic.Verifier
	stateDir string
	now      func() time.Time
	zones    zones
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	v, err := cfg.Verifier(Name, deps.APIToken)
	if err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, verifier: v, stateDir: deps.StateDir, now: time.Now}, nil
}

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// zones are the time zones that were used: reading one costs a file.
type zones struct{ known sync.Map }

func (z *zones) get(name string) (*time.Location, error) {
	if known, ok := z.known.Load(name); ok {
		return known.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", name, err)
	}
	z.known.Store(name, loc)
	return loc, nil
}
