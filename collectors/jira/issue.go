package jira

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// issue is Jira's issue as the search and the webhooks give it. See
// https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/.
type issue struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Fields    fields    `json:"fields"`
	Changelog changelog `json:"changelog"`
}

type fields struct {
	Summary   string  `json:"summary"`
	IssueType named   `json:"issuetype"`
	Project   project `json:"project"`
	Status    struct {
		named
		Category struct {
			Key string `json:"key"`
		} `json:"statusCategory"`
	} `json:"status"`
	Created    jiraTime `json:"created"`
	Updated    jiraTime `json:"updated"`
	ResolvedAt jiraTime `json:"resolutiondate"`
	Resolution *named   `json:"resolution"`
	Priority   *named   `json:"priority"`
	Labels     []string `json:"labels"`
	Components []named  `json:"components"`
	Reporter   person   `json:"reporter"`
	Comment    struct {
		Comments []struct {
			Created jiraTime `json:"created"`
			Author  person   `json:"author"`
		} `json:"comments"`
	} `json:"comment"`
	custom map[string]json.RawMessage
}

// UnmarshalJSON keeps the custom fields beside the known ones.
func (f *fields) UnmarshalJSON(b []byte) error {
	type plain fields
	if err := json.Unmarshal(b, (*plain)(f)); err != nil {
		return err
	}
	return json.Unmarshal(b, &f.custom)
}

type named struct {
	Name string `json:"name"`
}

type project struct {
	Key string `json:"key"`
}

// person is somebody, by whichever id this Jira has.
type person struct {
	AccountID string `json:"accountId"`
	Key       string `json:"key"`
	Name      string `json:"name"`
}

func (p person) is(other person) bool {
	switch {
	case p.AccountID != "":
		return p.AccountID == other.AccountID
	case p.Key != "":
		return p.Key == other.Key
	}
	return p.Name != "" && p.Name == other.Name
}

type changelog struct {
	Histories []history `json:"histories"`
}

type history struct {
	Created jiraTime `json:"created"`
	Items   []item   `json:"items"`
}

type item struct {
	Field   string `json:"field"`
	FieldID string `json:"fieldId"`
	From    string `json:"from"`
	To      string `json:"to"`
}

func (i item) is(field string) bool { return i.FieldID == field || i.FieldID == "" && i.Field == field }

// jiraTime reads Jira's two forms of time.
type jiraTime struct{ time.Time }

// UnmarshalJSON reads "2026-05-01T10:00:00.000+0200", RFC 3339, or null.
func (t *jiraTime) UnmarshalJSON(b []byte) error {
	var s string
	if string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("time %.40s is no string", b)
	}
	if s == "" {
		return nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999-0700", time.RFC3339Nano} {
		if got, err := time.Parse(layout, s); err == nil {
			t.Time = got.UTC()
			return nil
		}
	}
	return fmt.Errorf("%.40q is no time of Jira", s)
}

// text is what a custom field says: a string, a number, an option, or the first
// of several.
func (f fields) text(id string) string {
	if id == "" {
		return ""
	}
	return textOf(f.custom[id])
}

func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s)
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	var option struct {
		Value string `json:"value"`
		Name  string `json:"name"`
		Title string `json:"title"`
		Key   string `json:"key"`
		ID    any    `json:"id"`
	}
	if json.Unmarshal(raw, &option) == nil {
		for _, v := range []string{option.Value, option.Name, option.Title, option.Key} {
			if v != "" {
				return strings.TrimSpace(v)
			}
		}
		switch id := option.ID.(type) {
		case string:
			return id
		case float64:
			return strconv.FormatFloat(id, 'f', -1, 64)
		}
		return ""
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 && !strings.HasPrefix(strings.TrimSpace(string(list[0])), "[") {
		return textOf(list[0])
	}
	return ""
}
