package jenkins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

const (
	// depth of folders that are listed: organisation, repository and branch are three.
	depth = 8
	// page is how many builds one request asks for, and jobsPerPoll how many jobs are
	// read before the cursor is saved.
	page        = 100
	jobsPerPoll = 50
	// maxFailing jobs end a poll: then it is Jenkins that fails.
	maxFailing = 3
	buildTree  = "number,url,result,building,timestamp,duration,actions[parameters[name,value],lastBuiltRevision[SHA1,branch[name]],remoteUrls]"
)

// cursor says of each job up to which build everything was read and had ended.
type cursor struct {
	// Since is the time before which builds are not read.
	Since time.Time `json:"since"`
	Jobs  seen.Map  `json:"jobs"`
}

// listed is a job or a folder of them.
type listed struct {
	FullName  string `json:"fullName"`
	LastBuild *struct {
		Number int64 `json:"number"`
	} `json:"lastBuild"`
	Jobs []listed `json:"jobs"`
}

// Interval between two polls; 0 without a URL.
func (s *Source) Interval() time.Duration {
	if s.cfg.URL == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists the jobs and reads the new builds of each.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{Since: s.now().UTC().Add(-s.cfg.History), Jobs: seen.Map{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of jenkins: %w", err)
		}
	}
	jobs, err := s.list(ctx)
	if err != nil {
		return from, fmt.Errorf("asking Jenkins for its jobs: %w", err)
	}
	there := map[string]bool{}
	for _, j := range jobs {
		there[j.FullName] = true
	}
	for name := range c.Jobs {
		if !there[name] {
			delete(c.Jobs, name)
		}
	}
	read, failing, more := 0, 0, false
	for _, j := range jobs {
		done, _ := strconv.ParseInt(c.Jobs[j.FullName], 10, 64)
		if j.LastBuild.Number < done {
			// Deleted and made again: it counts from 1.
			done = 0
		}
		if j.LastBuild.Number == done {
			continue
		}
		if read == jobsPerPoll {
			more = true
			break
		}
		upTo, readErr := s.builds(ctx, j.FullName, done, c.Since, emit)
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("reading job %s: %w", j.FullName, readErr))
			if failing++; failing == maxFailing || !passing(readErr) {
				break
			}
			continue
		}
		if upTo > done {
			read++
		}
		c.Jobs.Set(j.FullName, strconv.FormatInt(upTo, 10))
	}
	if err == nil && more {
		err = collectors.ErrMore
	}
	to, encodeErr := json.Marshal(c)
	if encodeErr != nil {
		return from, errors.Join(err, fmt.Errorf("writing the cursor of jenkins: %w", encodeErr))
	}
	return to, err
}

// passing reports whether an error may be of one job only.
func passing(err error) bool {
	if status, ok := errors.AsType[*rest.StatusError](err); ok {
		return status.Code != http.StatusUnauthorized && status.Code != http.StatusTooManyRequests && status.Code != http.StatusServiceUnavailable
	}
	return !errors.Is(err, context.Canceled)
}

// list returns the jobs that have builds and are to be read, by name.
func (s *Source) list(ctx context.Context) ([]listed, error) {
	tree := "jobs[fullName,lastBuild[number]]"
	for range depth - 1 {
		tree = "jobs[fullName,lastBuild[number]," + tree + "]"
	}
	raw, err := s.client.Get(ctx, "/api/json", url.Values{"tree": {tree}})
	if err != nil {
		return nil, err
	}
	var root listed
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("reading the list of jobs: %w", err)
	}
	var out []listed
	var walk func([]listed)
	walk = func(jobs []listed) {
		for _, j := range jobs {
			if j.LastBuild != nil && j.FullName != "" && s.reads(j.FullName) {
				out = append(out, j)
			}
			walk(j.Jobs)
		}
	}
	walk(root.Jobs)
	slices.SortFunc(out, func(a, b listed) int { return strings.Compare(a.FullName, b.FullName) })
	return out, nil
}

// builds emits the builds after the one numbered done, newest first as Jenkins
// lists them, and returns up to which all of them had ended.
func (s *Source) builds(ctx context.Context, job string, done int64, since time.Time, emit collectors.Emit) (int64, error) {
	upTo, lowestOpen := done, int64(0)
	for first := 0; ; first += page {
		raw, err := s.client.Get(ctx, jobPath(job)+"/api/json", url.Values{"tree": {fmt.Sprintf("allBuilds[%s]{%d,%d}", buildTree, first, first+page)}})
		if status, ok := errors.AsType[*rest.StatusError](err); ok && status.Code == http.StatusNotFound {
			return done, nil // Deleted since it was listed.
		}
		if err != nil {
			return done, err
		}
		var answer struct {
			Builds []json.RawMessage `json:"allBuilds"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return done, fmt.Errorf("reading builds: %w", err)
		}
		var events []schema.Event
		end := len(answer.Builds) < page
		for _, one := range answer.Builds {
			var b build
			// What cannot be read is published all the same, for the dead letters.
			if json.Unmarshal(one, &b) == nil {
				if b.Number <= done {
					end = true
					break
				}
				upTo = max(upTo, b.Number)
				if at := millis(b.Timestamp); !at.IsZero() && at.Before(since) {
					end = true
					break
				}
				if b.Building {
					lowestOpen = b.Number
				}
			}
			events = append(events, schema.Event{
				ID: schema.EventID("build", job, string(one)), Source: Name, Type: typeBuild,
				Subject: job, Time: s.now().UTC(), Key: job, Data: one,
			})
		}
		if len(events) > 0 {
			if err := emit(ctx, events...); err != nil {
				return done, err
			}
		}
		if end {
			break
		}
	}
	if lowestOpen > 0 {
		upTo = lowestOpen - 1
	}
	return upTo, nil
}

func jobPath(job string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(job, "/") {
		b.WriteString("/job/" + url.PathEscape(part))
	}
	return b.String()
}
