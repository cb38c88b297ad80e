package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/schema"
)

// ImportRequest says what file to import. Empty times are those of the configuration.
type ImportRequest struct {
	Path  string
	Table csv.Table
	// Replace takes back what CSV said before of the things that the file is about
	// and does not name.
	Replace bool
	// OnProgress is told how many of the events are in Kafka.
	OnProgress func(done, total int64)
}

// ImportResult is what an import published, or would.
type ImportResult struct {
	Rows int64
	// Facts by their table.
	Facts map[string]int64
	// Withdrawn are facts of earlier imports that were taken back.
	Withdrawn int64
	// about are the tables of which the file is the truth, and keys its facts in them.
	about map[string]bool
	keys  map[uint64]bool
}

// CheckImport reads a whole file and publishes nothing. The error names the lines
// that are wrong.
func CheckImport(req ImportRequest) (ImportResult, error) {
	out := ImportResult{Facts: map[string]int64{}, about: map[string]bool{}, keys: map[uint64]bool{}}
	err := eachLine(req, time.Now(), func(l csv.Line) error {
		out.Rows++
		for _, f := range l.Facts {
			out.Facts[f.Table()]++
			out.about[f.Table()] = true
			out.keys[csv.FactKey(f)] = true
		}
		return nil
	})
	return out, err
}

// Import checks a whole file and then publishes it.
func (c *Client) Import(ctx context.Context, req ImportRequest) (res ImportResult, err error) {
	if res, err = CheckImport(req); err != nil {
		return res, err
	}
	at := time.Now()
	var gone []schema.Event
	if req.Replace {
		if gone, err = c.gone(ctx, req.Table.Kind, res, at); err != nil {
			return res, err
		}
	}
	client, err := c.Kafka()
	if err != nil {
		return res, err
	}
	publisher := client.NewPublisher()
	defer func() { err = errors.Join(err, publisher.Close()) }()
	done, total := int64(0), res.Rows+int64(len(gone))
	out := csv.Batcher{Emit: func(ctx context.Context, events ...schema.Event) error {
		if err := publisher.Publish(ctx, events...); err != nil {
			return fmt.Errorf("publishing rows (%d of %d are published; the same command again repeats them harmlessly): %w", done, total, err)
		}
		done += int64(len(events))
		req.OnProgress(done, total)
		return nil
	}}
	if err := eachLine(req, at, func(l csv.Line) error { return out.Add(ctx, l.Event) }); err != nil {
		return res, err
	}
	for _, ev := range gone {
		if err := out.Add(ctx, ev); err != nil {
			return res, err
		}
	}
	res.Withdrawn = int64(len(gone))
	return res, out.Flush(ctx)
}

func eachLine(req ImportRequest, at time.Time, each func(csv.Line) error) (err error) {
	f, err := os.Open(req.Path)
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return req.Table.Read(f, at, each)
}

// replaceable is what a whole file of a kind can be the truth about.
func replaceable() map[string][]schema.Fact {
	return map[string][]schema.Fact{
		"teams":       {&schema.Team{}},
		"people":      {&schema.Person{}, &schema.Membership{}, &schema.Identity{}},
		"memberships": {&schema.Membership{}},
		"identities":  {&schema.Identity{}},
		"services":    {&schema.Service{}, &schema.Ownership{}},
		"owners":      {&schema.Ownership{}},
	}
}

// errImportWaits says that it is not known yet what was imported before.
var errImportWaits = errors.New("rows of an earlier import wait to be loaded")

// CanReplace returns an error for a kind that no file holds all of.
func CanReplace(kind string) error {
	if _, ok := replaceable()[kind]; !ok {
		return fmt.Errorf("--replace is for what a file holds all of: teams, people, memberships, identities, services, owners; of %s use the column deleted, where there is one", kind)
	}
	return nil
}

// gone makes the events that take back what CSV said before and the file does not
// say. A table of which the file says nothing at all, for want of the column, is left
// alone.
func (c *Client) gone(ctx context.Context, kind string, res ImportResult, at time.Time) ([]schema.Event, error) {
	client, err := c.Kafka()
	if err != nil {
		return nil, err
	}
	lags, err := client.Lag(ctx, groupLoad, schema.RawTopic(csv.Name))
	if err != nil {
		return nil, fmt.Errorf("asking what waits to be loaded: %w", err)
	}
	for _, l := range lags {
		if l.Messages > 0 {
			return nil, fmt.Errorf("%w (%d); run this again in a moment", errImportWaits, l.Messages)
		}
	}
	conn, err := c.Reader(ctx)
	if err != nil {
		return nil, err
	}
	var out []schema.Event
	for _, sample := range replaceable()[kind] {
		if !res.about[sample.Table()] {
			continue
		}
		rows := reflect.New(reflect.SliceOf(reflect.TypeOf(sample).Elem()))
		query := "SELECT " + strings.Join(columnsOf(sample), ", ") + " FROM " + sample.Table() + " FINAL WHERE source = {source:String}"
		if err := conn.Select(ctx, rows.Interface(), query, map[string]any{"source": csv.Name}); err != nil {
			return nil, fmt.Errorf("reading what was imported before: %w", err)
		}
		for i := range rows.Elem().Len() {
			fact, ok := reflect.TypeAssert[schema.Fact](rows.Elem().Index(i).Addr())
			if !ok || res.keys[csv.FactKey(fact)] {
				continue
			}
			ev, ok, err := csv.Withdrawal(fact, at)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, ev)
			}
		}
	}
	return out, nil
}

// columnsOf names the columns of a fact beside those that every fact has.
func columnsOf(f schema.Fact) []string {
	var out []string
	for field := range reflect.TypeOf(f).Elem().Fields() {
		if name := field.Tag.Get("ch"); name != "" {
			out = append(out, name)
		}
	}
	return out
}
