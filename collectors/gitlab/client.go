package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/rest"
)

// defaultTimeout of a request, when the HTTP client has none.
const defaultTimeout = 30 * time.Second

// perPage is the most that GitLab lists at once.
const perPage = 100

var (
	// errRefused says that GitLab does not accept the token at all.
	errRefused = errors.New("GitLab refuses the token (401); renew sources.gitlab.token_file")
	// errScope says that it may not read what is needed.
	errScope = errors.New("the token of sources.gitlab may not read the API; make one with the scope read_api")
)

// statusError is an answer other than 2xx that is left to the caller.
type statusError struct {
	code          int
	path, message string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("GitLab answers %d to %s %.200s", e.code, e.path, e.message))
}

// client asks the REST API through go-gitlab, whose types drop fields: objects
// are kept as they come.
type client struct {
	api      *gl.Client
	timeout  time.Duration
	requests int
}

// unlimited lets every request pass: the budget's transport holds them back.
type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

func newClient(cfg Config, deps collectors.Deps, now func() time.Time) (*client, error) {
	if err := rest.CheckBase(cfg.URL); err != nil {
		return nil, fmt.Errorf("sources.gitlab.url %w", err)
	}
	if cfg.Token == "" {
		return nil, errors.New("sources.gitlab.token: is needed to read projects; set token_file, or remove groups and projects")
	}
	base := deps.HTTP.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// As a bearer token, which a redirect to another host drops; PRIVATE-TOKEN would
	// go along. GitLab takes every kind of access token so.
	api, err := gl.NewOAuthClient(cfg.Token.Reveal(), gl.WithBaseURL(cfg.URL), gl.WithoutRetries(), gl.WithCustomLimiter(unlimited{}),
		gl.WithHTTPClient(&http.Client{Transport: &budget.Transport{Base: base, Budget: &budget.Budget{}, Now: now}}))
	if err != nil {
		return nil, fmt.Errorf("sources.gitlab.url: %w", err)
	}
	c := &client{api: api, timeout: deps.HTTP.Timeout}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	return c, nil
}

// query is the parameters of a list.
type query struct {
	PerPage          int    `url:"per_page,omitempty"`
	Pagination       string `url:"pagination,omitempty"`
	Scope            string `url:"scope,omitempty"`
	State            string `url:"state,omitempty"`
	OrderBy          string `url:"order_by,omitempty"`
	Sort             string `url:"sort,omitempty"`
	UpdatedAfter     string `url:"updated_after,omitempty"`
	Since            string `url:"since,omitempty"`
	All              bool   `url:"all,omitempty"`
	IncludeSubgroups bool   `url:"include_subgroups,omitempty"`
	WithShared       *bool  `url:"with_shared,omitempty"`
	ActivityFilter   string `url:"activity_filter,omitempty"`
	Ref              string `url:"ref,omitempty"`
}

// answer is what a request gave beside its body.
type answer struct {
	// next is the address of the next page, by number or by key as GitLab likes.
	next        string
	etag        string
	notModified bool
}

// get asks for path, below the API's root, into v: at the page that next names,
// when it is set. With an etag that still holds, the answer is notModified.
func (c *client) get(ctx context.Context, path string, q query, next, etag string, v any) (answer, error) {
	c.requests++
	asking, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	options := []gl.RequestOptionFunc{gl.WithContext(asking)}
	if etag != "" {
		options = append(options, gl.WithHeader("If-None-Match", etag))
	}
	if next != "" {
		options = append(options, gl.WithKeysetPaginationParameters(next))
	}
	req, err := c.api.NewRequest(http.MethodGet, path, q, options)
	if err != nil {
		return answer{}, fmt.Errorf("asking GitLab for %s: %w", path, err)
	}
	res, err := c.api.Do(req, v)
	if res != nil && res.StatusCode == http.StatusNotModified {
		if etag == "" {
			return answer{}, &statusError{res.StatusCode, path, "(not modified, although it was not asked whether it is: look at the proxies before it)"}
		}
		return answer{etag: etag, notModified: true}, nil
	}
	if err != nil {
		if ctx.Err() == nil && asking.Err() != nil {
			// Not the context's own error: that would look as if we were stopping.
			return answer{}, fmt.Errorf("asking GitLab for %s: no answer within %s", path, c.timeout)
		}
		return answer{}, explain(path, res, err)
	}
	return answer{next: res.NextLink, etag: res.Header.Get("ETag")}, nil
}

// explain turns go-gitlab's errors into those of the collectors.
func explain(path string, res *gl.Response, err error) error {
	if res == nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return fmt.Errorf("asking GitLab for %s: %w", path, err)
	}
	var message string
	if e, ok := errors.AsType[*gl.ErrorResponse](err); ok {
		message = e.Message
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		return errRefused
	case res.StatusCode == http.StatusForbidden && strings.Contains(message, "insufficient_scope"):
		return errScope
	case res.StatusCode/100 != 2:
		return &statusError{res.StatusCode, path, strings.Join(strings.Fields(message), " ")}
	}
	return fmt.Errorf("reading GitLab's answer to %s: %w", path, err)
}

// unavailable says that a project has no such thing (issues or CI turned off, an
// empty repository) or that the token may not read it.
func unavailable(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	if !ok {
		return false
	}
	switch e.code {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return true
	}
	return false
}

// all reads every page of a list that is known to be short.
func (c *client) all(ctx context.Context, path string, q query) ([]json.RawMessage, error) {
	var out []json.RawMessage
	q.PerPage = perPage
	for next := ""; ; {
		var raws []json.RawMessage
		a, err := c.get(ctx, path, q, next, "", &raws)
		if err != nil {
			return nil, err
		}
		out = append(out, raws...)
		if next = a.next; next == "" {
			return out, nil
		}
	}
}

// allOrNone is all for what belongs to an object that itself could be read: when
// it is gone, the object stands alone.
func (c *client) allOrNone(ctx context.Context, path string, q query) ([]json.RawMessage, error) {
	raws, err := c.all(ctx, path, q)
	if unavailable(err) {
		return nil, nil
	}
	return raws, err
}

// checkScope refuses a token that cannot read the API, before it fails somewhere
// in the middle. Tokens that GitLab tells nothing of (OAuth, before 15.5) pass.
func (c *client) checkScope(ctx context.Context) error {
	var token gl.PersonalAccessToken
	_, err := c.get(ctx, "personal_access_tokens/self", query{}, "", "", &token)
	if unavailable(err) {
		return nil
	}
	if e, ok := errors.AsType[*statusError](err); ok && e.code == http.StatusBadRequest {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range token.Scopes {
		if s == "read_api" || s == "api" {
			return nil
		}
	}
	return fmt.Errorf("%w; it has %s", errScope, strings.Join(token.Scopes, ", "))
}
