package csv

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Times says how times are written that are not RFC 3339.
type Times struct {
	// Layout in the words of spreadsheets ("DD.MM.YYYY HH:mm") or of Go; "" is none.
	Layout string
	// Zone is the IANA zone of times without one; "" is UTC.
	Zone string
}

// Validate names what is wrong.
func (t Times) Validate() error {
	var errs []error
	if _, err := time.LoadLocation(t.Zone); err != nil || t.Zone == "Local" {
		errs = append(errs, fmt.Errorf("time_zone is %q: write an IANA name such as Europe/Berlin", t.Zone))
	}
	// A day that no other part of the layout could be taken for.
	day := time.Date(2003, 11, 24, 0, 0, 0, 0, time.UTC)
	if t.Layout != "" {
		layout := goLayout(t.Layout)
		if read, err := time.Parse(layout, day.Format(layout)); err != nil || read.Year() != 2003 || read.YearDay() != day.YearDay() {
			errs = append(errs, fmt.Errorf("time_layout is %q: write it with YYYY, MM and DD, such as DD.MM.YYYY HH:mm", t.Layout))
		}
	}
	return errors.Join(errs...)
}

// goLayout writes a layout as package time wants it; one of Go stays as it is.
func goLayout(s string) string {
	return strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "HH", "15", "mm", "04", "ss", "05").Replace(s)
}

// parse reads a time: in the layout that was given, RFC 3339, or a day with or
// without the time of the day, which is in the zone.
func (t Times) parse(s string, zone *time.Location) (time.Time, error) {
	layouts := []string{time.RFC3339, time.DateOnly, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"}
	wanted := "2026-01-31, 2026-01-31 14:30 or RFC 3339; another layout has to be named (time_layout)"
	if t.Layout != "" {
		layouts = append([]string{goLayout(t.Layout)}, layouts...)
		wanted = t.Layout + ", 2026-01-31 or RFC 3339"
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("is %q; write %s", s, wanted)
}
