package copilot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/headway-metrics/headway/collectors/rest"
)

// activity is all that is read of a line about a person; a line in the report of users
// says that the person was active, one in that of teams who is a member. It lives
// until the day is counted.
type activity struct {
	UserID int64  `json:"user_id"`
	Slug   string `json:"slug"`
}

// teams counts the active people of each team of five or more of them; ok is false
// while GitHub has not made both reports.
func (s *Source) teams(ctx context.Context, org string, at time.Time) (counts map[string]int, ok bool, err error) {
	users, ok, err := s.report(ctx, org, "users-1-day", at)
	if err != nil || !ok {
		return nil, false, err
	}
	members, ok, err := s.report(ctx, org, "user-teams-1-day", at)
	if err != nil || !ok {
		return nil, false, err
	}
	active := map[int64]bool{}
	for _, u := range users {
		active[u.UserID] = true
	}
	of := map[string]map[int64]bool{}
	for _, m := range members {
		if m.Slug == "" || !active[m.UserID] {
			continue
		}
		if of[m.Slug] == nil {
			of[m.Slug] = map[int64]bool{}
		}
		of[m.Slug][m.UserID] = true
	}
	counts = map[string]int{}
	for slug, people := range of {
		if len(people) >= smallestGroup {
			counts[slug] = len(people)
		}
	}
	return counts, true, nil
}

// report reads all files of a report; ok is false when there is none yet.
func (s *Source) report(ctx context.Context, org, kind string, at time.Time) (lines []activity, ok bool, err error) {
	raw, err := s.client.Get(ctx, "/orgs/"+org+"/copilot/metrics/reports/"+kind, url.Values{"day": {at.Format(time.DateOnly)}})
	if err != nil {
		if status, is := errors.AsType[*rest.StatusError](err); is && status.Code == http.StatusNotFound {
			return nil, false, fmt.Errorf("%w: is the policy \"Copilot usage metrics\" enabled, and the organization's name right?", err)
		}
		return nil, false, err
	}
	if raw == nil {
		return nil, false, nil
	}
	var answer struct {
		Links []string `json:"download_links"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, false, fmt.Errorf("reading the report %s: %w", kind, err)
	}
	for i, link := range answer.Links {
		file, err := s.download(ctx, link)
		if err == nil {
			var more []activity
			more, err = read(file)
			lines = append(lines, more...)
		}
		if err != nil {
			return nil, false, fmt.Errorf("file %d of the report %s: %w", i+1, kind, err)
		}
	}
	return lines, true, nil
}

// download gets a file. Its address is a secret of its own: it goes into no error,
// and the token is not sent there.
func (s *Source) download(ctx context.Context, link string) ([]byte, error) {
	const path = "the download link"
	base, err := url.Parse(s.cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("reading url: %w", err)
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && (u.Scheme != base.Scheme || u.Host != base.Host) {
		return nil, errors.New("its address is not one of https")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return nil, errors.New("its address cannot be asked for")
	}
	resp, err := s.client.HTTP.Do(req) //nolint:bodyclose // Read closes the body.
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("asking for it: %w", err)
	}
	body, err := rest.Read(resp)
	if err != nil {
		return nil, fmt.Errorf("asking for it: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		// What a store of files says of an error may quote the address.
		return nil, rest.Status(resp, path, nil)
	}
	return body, nil
}

// read reads JSON values one after the other: a line each. Errors quote nothing.
func read(file []byte) ([]activity, error) {
	var out []activity
	for dec := json.NewDecoder(bytes.NewReader(file)); ; {
		var a activity
		err := dec.Decode(&a)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("line %d is cut off or no JSON of the documented form", len(out)+1)
		case a.UserID == 0:
			return nil, fmt.Errorf("line %d is about nobody", len(out)+1)
		}
		out = append(out, a)
	}
}
