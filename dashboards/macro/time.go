package macro

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var relative = regexp.MustCompile(`^now(?:-(\d{1,5})([mhdwMy]))?$`)

// ParseTime reads an end of a time range as Grafana's URLs write it: "now",
// "now-90d", or milliseconds since 1970.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if m := relative.FindStringSubmatch(text); m != nil {
		if m[1] == "" {
			return now, nil
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return time.Time{}, fmt.Errorf("reading time %q: %w", text, err)
		}
		switch m[2] {
		case "m":
			return now.Add(-time.Duration(n) * time.Minute), nil
		case "h":
			return now.Add(-time.Duration(n) * time.Hour), nil
		case "d":
			return now.AddDate(0, 0, -n), nil
		case "w":
			return now.AddDate(0, 0, -7*n), nil
		case "M":
			return now.AddDate(0, -n, 0), nil
		}
		return now.AddDate(-n, 0, 0), nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > maxMillis {
		return time.Time{}, fmt.Errorf("time %q is neither now-<n><unit> nor milliseconds since 1970", text)
	}
	return time.UnixMilli(ms).UTC(), nil
}

// maxMillis is 2106-02-07, the last second that a DateTime holds.
const maxMillis = (1<<32 - 1) * 1000
