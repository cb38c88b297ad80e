package pipeline_test

import (
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/migrations"
)

// Of one FactID a flush stores only the newest fact. Were the table's sorting key
// finer than the id, rows that the table keeps apart would be lost in one
// grouping of events and kept in another.
func TestFactIDsAreAsFineAsSortingKeys(t *testing.T) {
	t.Parallel()
	// The ids beside these columns are unique by themselves; the columns are in
	// the key to keep rows that are read together together.
	locality := map[string]bool{
		"builds.repo": true, "reviews.repo": true, "reviews.change_id": true, "changes.repo": true,
		"survey_answers.survey_id": true, "survey_answers.wave": true, "survey_answers.question_id": true,
		"survey_participation.survey_id": true, "survey_participation.wave": true,
	}
	keys := sortingKeys(t)
	facts := []schema.Fact{
		&schema.RepoName{}, &schema.Commit{}, &schema.Tag{}, &schema.Change{}, &schema.Review{}, &schema.Build{}, &schema.Deployment{},
		&schema.IncidentUpdate{}, &schema.Ticket{}, &schema.Request{}, &schema.Service{}, &schema.Ownership{}, &schema.Team{},
		&schema.Person{}, &schema.Membership{}, &schema.Identity{}, &schema.Capability{}, &schema.CapabilityUse{},
		&schema.Workload{}, &schema.Finding{}, &schema.FindingStart{}, &schema.Scan{}, &schema.PolicyResult{}, &schema.Cost{}, &schema.SurveyAnswer{}, &schema.SurveyParticipation{}, &schema.Receipt{}, &schema.DeadLetter{},
		&pipeline.ReplayRecord{},
	}
	for _, f := range facts {
		columns := keys[f.Table()]
		if len(columns) == 0 {
			t.Errorf("no migration makes the table %s", f.Table())
		}
		for _, column := range columns {
			field := fieldOf(reflect.ValueOf(f).Elem(), column)
			if !field.IsValid() {
				t.Errorf("%T has no field for the sorting key's column %s", f, column)
				continue
			}
			before := f.FactID()
			switch p := field.Addr().Interface().(type) {
			case *string:
				*p = "another"
			case *uint16:
				*p = 7
			case *time.Time:
				// Midnight, for a day is as fine as a Workload gets.
				*p = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
			default:
				t.Errorf("the column %s of %T is a %s", column, f, field.Type())
			}
			if f.FactID() == before && !locality[f.Table()+"."+column] {
				t.Errorf("two rows of %s that differ in %s have one id %q", f.Table(), column, before)
			}
		}
	}
	for _, ms := range []func(time.Time) schema.Fact{
		func(at time.Time) schema.Fact { return &schema.Ownership{ValidFrom: at} },
		func(at time.Time) schema.Fact { return &schema.Membership{ValidFrom: at} },
	} {
		if f := ms(epoch); f.FactID() == ms(epoch.Add(time.Millisecond)).FactID() {
			t.Errorf("two rows of %s a millisecond apart have one id", f.Table())
		}
	}
}

func sortingKeys(t *testing.T) map[string][]string {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	create := regexp.MustCompile(`(?s)(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) \{\{table "(\w+)"\}\}[^;]*?ORDER BY \(([^)]*)\)`)
	out := map[string][]string{}
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range create.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = nil
			for column := range strings.SplitSeq(m[2], ",") {
				out[m[1]] = append(out[m[1]], strings.TrimSpace(column))
			}
		}
	}
	return out
}

func fieldOf(v reflect.Value, column string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("ch") == column {
			return v.Field(i)
		}
		if f.Anonymous {
			if inner := fieldOf(v.Field(i), column); inner.IsValid() {
				return inner
			}
		}
	}
	return reflect.Value{}
}
