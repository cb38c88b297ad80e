package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/forge"
)

const (
	// redeliverable is for how long GitHub can send a delivery again.
	redeliverable = 3 * 24 * time.Hour
	// sweepEvery is the time between two looks at the deliveries of a hook.
	sweepEvery = 10 * time.Minute
	// pagesPerSweep bounds how much of a poll a hook with many deliveries takes.
	pagesPerSweep = 20
	// firstRetry is the wait before a delivery is asked for a second time; each
	// further one is four times as long, so that what fails for good is asked for
	// a few times only.
	firstRetry = 10 * time.Minute
	hookPath   = "/hooks/github"
	// appHook is the webhook of the App itself; its owner alone may ask for it.
	appHook = "app/hook"
)

// sweep is how far the deliveries of one hook have been looked at. The list has
// the newest first, so that a pass that was interrupted goes on at its page.
type sweep struct {
	// Until: deliveries before have been looked at.
	Until time.Time `json:"until"`
	// The running pass: its next page, the newest delivery that it saw, and what
	// was sent again with success, whose older failures count no more.
	Page   string          `json:"page,omitempty"`
	Newest time.Time       `json:"newest,omitzero"`
	Mended map[string]bool `json:"mended,omitempty"`
	// Failed are the deliveries that nobody has received yet, by GUID: GitHub
	// keeps it when it sends again.
	Failed map[string]*failure `json:"failed,omitempty"`
}

// failure is a delivery that GitHub could not hand over.
type failure struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next,omitzero"`
}

// delivery is one line of
// https://docs.github.com/rest/webhooks/repo-deliveries#list-deliveries-for-a-repository-webhook.
type delivery struct {
	ID          int64     `json:"id"`
	GUID        string    `json:"guid"`
	DeliveredAt time.Time `json:"delivered_at"`
	Redelivery  bool      `json:"redelivery"`
	StatusCode  int       `json:"status_code"`
}

// sweepAll looks for failed deliveries of every hook that leads here and asks GitHub
// for them again: it never does so by itself. ctx leaves what is happening now its share. A hook that the credential may not see is left out.
func (p *poller) sweepAll(ctx context.Context, cur *cursor) error {
	if !p.redeliver || p.now().Sub(p.swept) < sweepEvery {
		return nil
	}
	hooks, err := p.findHooks(ctx)
	if err != nil {
		return err
	}
	if cur.Hooks == nil {
		cur.Hooks = map[string]*sweep{}
	}
	whole := true
	for _, hook := range hooks {
		s := cur.Hooks[hook]
		if s == nil {
			s = &sweep{}
			cur.Hooks[hook] = s
		}
		if oldest := p.now().Add(-redeliverable).UTC().Truncate(time.Second); s.Until.Before(oldest) {
			s.Until = oldest
		}
		done, err := p.look(ctx, hook, s)
		if err == nil {
			err = p.askAgain(ctx, hook, s)
		}
		if err != nil && !unavailable(err) {
			return fmt.Errorf("sweeping the deliveries of %s: %w", hook, err)
		}
		whole = whole && (done || err != nil)
	}
	maps.DeleteFunc(cur.Hooks, func(hook string, _ *sweep) bool { return !slices.Contains(hooks, hook) })
	if whole {
		p.swept = p.now()
	}
	return nil
}

// findHooks lists the hooks that lead to a Headway, hourly.
func (p *poller) findHooks(ctx context.Context) ([]string, error) {
	if p.now().Sub(p.hooksFound) < forge.DiscoverEvery {
		return p.hooks, nil
	}
	var out []string
	lists := make([]string, 0, len(p.organisations)+len(p.names))
	for _, org := range p.organisations {
		lists = append(lists, "orgs/"+org+"/hooks")
	}
	for _, name := range p.names {
		lists = append(lists, "repos/"+name+"/hooks")
	}
	for _, list := range lists {
		raws, err := p.client.all(ctx, list)
		if unavailable(err) {
			p.logger.InfoContext(ctx, "failed deliveries are not asked for: the credential may not see the webhooks", "list", list)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, raw := range raws {
			var h struct {
				ID     int64 `json:"id"`
				Active bool  `json:"active"`
				Config struct {
					URL string `json:"url"`
				} `json:"config"`
			}
			if err := json.Unmarshal(raw, &h); err != nil {
				return nil, fmt.Errorf("reading %s: %w", list, err)
			}
			if h.Active && leadsHere(h.Config.URL) {
				out = append(out, fmt.Sprintf("%s/%d", list, h.ID))
			}
		}
	}
	if p.client.app != nil {
		var config struct {
			URL string `json:"url"`
		}
		if _, err := p.client.get(ctx, appHook+"/config", "", &config); err != nil && !unavailable(err) {
			return nil, err
		}
		if leadsHere(config.URL) {
			out = append(out, appHook)
		}
	}
	p.hooks, p.hooksFound = out, p.now()
	return out, nil
}

// leadsHere knows a Headway by its path; what another one is sent twice does it no
// harm.
func leadsHere(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), hookPath)
}

// look reads on in the list of deliveries and says whether the pass is done.
func (p *poller) look(ctx context.Context, hook string, s *sweep) (done bool, err error) {
	for range pagesPerSweep {
		path := fmt.Sprintf("%s/deliveries?per_page=%d", hook, perPage)
		if s.Page != "" {
			path += "&cursor=" + url.QueryEscape(s.Page)
		}
		var page []delivery
		a, err := p.client.get(ctx, path, "", &page)
		if err != nil {
			return false, err
		}
		for _, d := range page {
			if d.DeliveredAt.Before(s.Until) {
				a.cursor = ""
				break
			}
			s.note(d)
		}
		s.Page = a.cursor
		if s.Page == "" {
			if s.Newest.After(s.Until) {
				s.Until = s.Newest.UTC()
			}
			s.Newest, s.Mended = time.Time{}, nil
			return true, nil
		}
	}
	return false, nil
}

// note remembers a failure, and forgets one that was mended.
func (s *sweep) note(d delivery) {
	if d.DeliveredAt.After(s.Newest) {
		s.Newest = d.DeliveredAt
	}
	if d.GUID == "" {
		return
	}
	if d.StatusCode/100 == 2 {
		delete(s.Failed, d.GUID)
		if d.Redelivery {
			if s.Mended == nil {
				s.Mended = map[string]bool{}
			}
			s.Mended[d.GUID] = true
		}
		return
	}
	// A failed repetition is no failure of its own: its three days would begin anew.
	if s.Mended[d.GUID] || d.Redelivery || s.Failed[d.GUID] != nil {
		return
	}
	if s.Failed == nil {
		s.Failed = map[string]*failure{}
	}
	s.Failed[d.GUID] = &failure{ID: d.ID, At: d.DeliveredAt.UTC()}
}

// askAgain asks for every failure whose time has come, the oldest first.
func (p *poller) askAgain(ctx context.Context, hook string, s *sweep) error {
	asked := 0
	for _, guid := range slices.SortedFunc(maps.Keys(s.Failed), func(a, b string) int {
		if c := s.Failed[a].At.Compare(s.Failed[b].At); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	}) {
		f := s.Failed[guid]
		if p.now().Sub(f.At) >= redeliverable {
			p.logger.WarnContext(ctx, "a delivery is lost: nobody could receive it for three days", "hook", hook, "delivery", guid)
			delete(s.Failed, guid)
			continue
		}
		if p.now().Before(f.Next) {
			continue
		}
		err := p.client.post(ctx, fmt.Sprintf("%s/deliveries/%d/attempts", hook, f.ID))
		if gone(err) {
			p.logger.WarnContext(ctx, "a delivery is lost: GitHub does not have it any more", "hook", hook, "delivery", guid)
			delete(s.Failed, guid)
			continue
		}
		if err != nil {
			return err
		}
		f.Next = p.now().Add(firstRetry << (2 * min(f.Attempts, 8))).UTC()
		f.Attempts++
		if asked++; p.client.requests >= forge.RequestsPerPoll {
			return collectors.ErrMore
		}
	}
	if asked > 0 {
		p.logger.InfoContext(ctx, "failed deliveries asked for again", "hook", hook, "deliveries", asked)
	}
	return nil
}

// gone says that GitHub cannot send a delivery again.
func gone(err error) bool {
	res, ok := errors.AsType[*gh.ErrorResponse](err)
	return ok && res.Response != nil &&
		(res.Response.StatusCode == http.StatusNotFound || res.Response.StatusCode == http.StatusUnprocessableEntity)
}
