package csv

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/headway-metrics/headway/collectors/generic/api"
	"github.com/headway-metrics/headway/schema"
)

// typePrefix and the kind are the type of an event.
const typePrefix = Name + "."

// payload is the data of an event: one row as it stands in the file.
type payload struct {
	Row map[string]string `json:"row"`
	// TimeLayout and TimeZone say how its times are to be read.
	TimeLayout string `json:"time_layout,omitempty"`
	TimeZone   string `json:"time_zone,omitempty"`
}

// Normalize implements collectors.Source.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	kind, ok := strings.CutPrefix(ev.Type, typePrefix)
	r, known := api.NewRow(kind)
	if !ok || !known {
		return nil, fmt.Errorf("unknown event type %s", ev.Type)
	}
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading a row: %w", err)
	}
	zone, err := s.zones.get(p.TimeZone)
	if err != nil {
		return nil, err
	}
	if err := (Times{p.TimeLayout, p.TimeZone}).fill(r, p.Row, zone); err != nil {
		return nil, err
	}
	return r.Facts(origin(ev.Time)), nil
}

func origin(at time.Time) api.Origin { return api.Origin{Source: Name, At: at, LastWins: true} }

// Table is a file of rows of one kind, and how its times are written.
type Table struct {
	Kind  string
	Times Times
}

// Line is one row of a file that nothing is wrong with.
type Line struct {
	// Number of the line in the file on which the row begins.
	Number int
	Event  schema.Event
	Facts  []schema.Fact
}

// maxProblems is how many wrong lines are named; a file of another kind has as many
// as it has lines.
const maxProblems = 20

// ErrNoRows says that a file names columns and nothing else. Taken for the truth it
// would withdraw everything.
var ErrNoRows = errors.New("the file holds no rows below its header")

// Read calls each for every row, in memory of one row and eight bytes for each fact.
// at is when the file was received. Rows with mistakes are left out, and the error
// names up to twenty of them.
func (t Table) Read(from io.Reader, at time.Time, each func(Line) error) error {
	blank, ok := api.NewRow(t.Kind)
	if !ok {
		return fmt.Errorf("there is no kind %q; the kinds are %s", t.Kind, strings.Join(Kinds(), ", "))
	}
	if err := t.Times.Validate(); err != nil {
		return err
	}
	zone, err := time.LoadLocation(t.Times.Zone)
	if err != nil {
		return fmt.Errorf("time zone %q: %w", t.Times.Zone, err)
	}
	in, err := open(from, columnsOf(blank))
	if err != nil {
		return err
	}
	var problems []error
	seen := map[uint64]int{}
	rows := 0
	for ; len(problems) < maxProblems; rows++ {
		one, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			problems = append(problems, err)
			break // Quotes that do not match make nonsense of the rest.
		}
		line, err := t.line(one, at, zone, seen)
		if err != nil {
			problems = append(problems, &rowError{one.line, oneLine(err)})
			continue
		}
		if err := each(line); err != nil {
			return err
		}
	}
	switch {
	case len(problems) == maxProblems:
		problems = append(problems, errors.New("there may be more; mend these first"))
	case rows == 0 && len(problems) == 0:
		return ErrNoRows
	}
	return errors.Join(problems...)
}

// line makes the event and the facts of a row; seen are the facts of those before it.
func (t Table) line(one row, at time.Time, zone *time.Location, seen map[uint64]int) (Line, error) {
	r, _ := api.NewRow(t.Kind)
	if err := t.Times.fill(r, one.cells, zone); err != nil {
		return Line{}, err
	}
	out := Line{Number: one.line, Facts: r.Facts(origin(at))}
	for _, f := range out.Facts {
		key := FactKey(f)
		if first, twice := seen[key]; twice {
			return Line{}, fmt.Errorf("%s %s is on line %d already; keep one of them", f.Table(), f.FactID(), first)
		}
		seen[key] = one.line
	}
	var err error
	out.Event, err = event(t.Kind, r.Key(), payload{one.cells, t.Times.Layout, t.Times.Zone}, at)
	return out, err
}

// FactKey tells facts apart in eight bytes.
func FactKey(f schema.Fact) uint64 { return xxhash.Sum64String(f.Table() + "\x00" + f.FactID()) }

// event of a row. The same row, received again, is the same event.
func event(kind, key string, p payload, at time.Time) (schema.Event, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding a row: %w", err)
	}
	return schema.Event{
		ID: schema.EventID(Name, kind, string(data)), Source: Name, Type: typePrefix + kind,
		Subject: kind + "/" + key, Key: kind + "/" + key, Time: at.UTC(), Data: data,
	}, nil
}

// oneLine puts what is wrong with one row onto one line.
func oneLine(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// Withdrawal is the event that takes back what an earlier row said; ok is false for
// facts that only their own column "deleted" takes back.
func Withdrawal(f schema.Fact, at time.Time) (ev schema.Event, ok bool, err error) {
	cells := map[string]string{"deleted": "true"}
	from := func(t time.Time) {
		if t.After(schema.MinTime) {
			cells["from"] = t.UTC().Format(time.RFC3339Nano)
		}
	}
	var kind, key string
	switch f := f.(type) {
	case *schema.Team:
		kind, key, cells["id"] = "teams", f.TeamID, f.TeamID
	case *schema.Person:
		kind, key, cells["id"] = "people", f.PersonID, f.PersonID
	case *schema.Service:
		kind, key, cells["id"] = "services", f.ServiceID, f.ServiceID
	case *schema.Membership:
		kind, key, cells["person"], cells["team"] = "memberships", f.PersonID, f.PersonID, f.TeamID
		from(f.ValidFrom)
	case *schema.Identity:
		kind, key, cells["identity"], cells["person"], cells["how"] = "identities", f.Ref, f.Ref, f.PersonID, f.How
	case *schema.Ownership:
		kind, key, cells["service"], cells["team"] = "owners", f.ServiceID, f.ServiceID, f.TeamID
		from(f.ValidFrom)
	default:
		return schema.Event{}, false, nil
	}
	ev, err = event(kind, key, payload{Row: cells}, at)
	return ev, true, err
}
