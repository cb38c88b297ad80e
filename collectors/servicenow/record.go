package servicenow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// record is a row by its columns, as the Table API gives it with
// sysparm_display_value=all. See
// https://www.servicenow.com/docs/bundle/xanadu-api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html.
type record map[string]cell

// cell is a value and what ServiceNow shows for it.
type cell struct{ Value, Shown string }

// UnmarshalJSON reads both forms of the Table API: an object of the two, or the value
// alone.
func (c *cell) UnmarshalJSON(b []byte) error {
	var both struct {
		Value any `json:"value"`
		Shown any `json:"display_value"`
	}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &both); err != nil {
			return err
		}
	} else if err := json.Unmarshal(b, &both.Value); err != nil {
		return err
	}
	var err1, err2 error
	c.Value, err1 = text(both.Value)
	c.Shown, err2 = text(both.Shown)
	return cmp.Or(err1, err2)
}

func text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("a cell holds a %T", v)
}

// text is what a column shows, else its value.
func (r record) text(column string) string {
	if column == "" {
		return ""
	}
	return cmp.Or(r[column].Shown, r[column].Value)
}

// both are the forms of a column that a rule may name.
func (r record) both(column string) []string { return []string{r[column].Value, r[column].Shown} }

// layout of times: UTC, without saying so.
const layout = time.DateTime

// time reads a column; the zero time when it is empty.
func (r record) time(column string) (time.Time, error) {
	v := r[column].Value
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(layout, v)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is %.40q, no time of ServiceNow", column, v)
	}
	return t, nil
}

// times reads several columns; empty ones are nil.
func (r record) times(columns ...string) (map[string]*time.Time, error) {
	out := map[string]*time.Time{}
	for _, c := range columns {
		t, err := r.time(c)
		if err != nil {
			return nil, err
		}
		if !t.IsZero() {
			out[c] = &t
		}
	}
	return out, nil
}

// over reports whether nothing is left to do; a resolved incident waits, still
// active, for being closed.
func (r record) over(table string) bool {
	const resolved = "6"
	// A script says 0 where the API says false.
	return r["active"].Value == "false" || r["active"].Value == "0" || table == "incident" && r["state"].Value == resolved
}

// changes counts the changes, 0 when that is not told.
func (r record) changes() int {
	n, err := strconv.Atoi(r["sys_mod_count"].Value)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
