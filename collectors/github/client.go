package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/internal/secret"
)

// defaultTimeout of a request, when the HTTP client has none.
const defaultTimeout = 30 * time.Second

var repositoryName = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// errRefused says that GitHub does not accept the credential at all.
var errRefused = errors.New("GitHub refuses the credential (401); renew sources.github.token_file or the App's key")

// errUnasked: a request that names no ETag cannot be answered so, and what it asked for is
// not known.
var errUnasked = errors.New("it answers 304 (not modified), although it was not asked whether it is: look at the proxies before it")

// client asks the REST API through go-github, whose types drop fields: objects
// are kept as they come.
type client struct {
	api *gh.Client
	// app asks as the App itself, not as its installation; nil without an App.
	app *gh.Client
	// graph asks GraphQL, which has a rate limit of its own.
	graph    *gh.Client
	token    secret.String
	timeout  time.Duration
	requests int
	// known are lists that GraphQL told, by the path by which REST would be asked for
	// them; withoutGraph says that it does not answer.
	known        map[string][]json.RawMessage
	withoutGraph bool
}

func newClient(cfg Config, deps collectors.Deps, now func() time.Time) (*client, error) {
	root, err := url.Parse(strings.TrimSuffix(cfg.APIURL, "/") + "/")
	if err != nil || root.Host == "" || (root.Scheme != "https" && root.Scheme != "http") {
		return nil, fmt.Errorf("sources.github.api_url: %q is no URL; write https://api.github.com/ or https://HOST/api/v3/", cfg.APIURL)
	}
	base := deps.HTTP.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// go-github does not close the body of an answer that is no success, so a
	// Timeout here would keep a goroutine for each until it runs out; ask has one.
	dial := func(base http.RoundTripper) *gh.Client {
		api := gh.NewClient(&http.Client{Transport: &budget.Transport{Base: base, Budget: &budget.Budget{}, Now: now}})
		api.BaseURL = root
		return api
	}
	var asApp *gh.Client
	app := cfg.App != (App{})
	switch {
	case app && cfg.Token != "":
		return nil, errors.New("sources.github.token stands beside the app; remove one of them")
	case !app && cfg.Token == "":
		return nil, errors.New("sources.github.token: is needed to read repositories; set token_file, or app, or remove organisations and repositories")
	case app && (cfg.App.ID == 0 || cfg.App.InstallationID == 0 || cfg.App.PrivateKey == ""):
		return nil, errors.New("sources.github.app: needs id, installation_id and private_key_file")
	case app:
		installation, err := ghinstallation.New(base, cfg.App.ID, cfg.App.InstallationID, []byte(cfg.App.PrivateKey.Reveal()))
		if err != nil {
			// The error of the library could quote the key.
			return nil, errors.New("sources.github.app.private_key: is no RSA key in PEM; download it again from the App's settings")
		}
		installation.BaseURL = strings.TrimSuffix(root.String(), "/")
		itself, err := ghinstallation.NewAppsTransport(base, cfg.App.ID, []byte(cfg.App.PrivateKey.Reveal()))
		if err != nil {
			return nil, errors.New("sources.github.app.private_key: is no RSA key in PEM; download it again from the App's settings")
		}
		asApp, base = dial(itself), installation
	}
	timeout := deps.HTTP.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return &client{api: dial(base), graph: dial(base), app: asApp, token: cfg.Token, timeout: timeout}, nil
}

// answer is what a request gave beside its body.
type answer struct {
	next        int
	cursor      string
	etag        string
	notModified bool
}

// get asks for path, below the API's root, into v. With an etag that still holds
// the answer is notModified, which costs nothing of the budget.
func (c *client) get(ctx context.Context, path, etag string, v any) (answer, error) {
	return c.ask(ctx, http.MethodGet, path, etag, v)
}

// post asks GitHub to do something that needs no words and is answered with none.
func (c *client) post(ctx context.Context, path string) error {
	_, err := c.ask(ctx, http.MethodPost, path, "", nil)
	if _, accepted := errors.AsType[*gh.AcceptedError](err); accepted {
		return nil
	}
	return err
}

func (c *client) ask(ctx context.Context, method, path, etag string, v any) (answer, error) {
	c.requests++
	api := c.api
	if c.app != nil && strings.HasPrefix(path, "app/") {
		api = c.app
	}
	req, err := api.NewRequest(method, path, nil)
	if err != nil {
		return answer{}, fmt.Errorf("asking GitHub for %s: %w", path, err)
	}
	if c.token != "" {
		// On the request, not the transport: a redirect to another host drops it.
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	asking, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := api.Do(asking, req, v)
	if res != nil && res.StatusCode == http.StatusNotModified {
		if etag == "" {
			return answer{}, fmt.Errorf("asking GitHub for %s: %w", path, errUnasked)
		}
		return answer{etag: etag, notModified: true}, nil
	}
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		// Not the context's own error: that would look as if we were stopping.
		return answer{}, fmt.Errorf("asking GitHub for %s: no answer within %s", path, c.timeout)
	}
	if err != nil {
		return answer{}, c.explain(path, err)
	}
	return answer{next: res.NextPage, cursor: res.Cursor, etag: res.Header.Get("ETag")}, nil
}

// explain turns go-github's errors into those of the collectors.
func (c *client) explain(path string, err error) error {
	if limit, ok := errors.AsType[*gh.RateLimitError](err); ok {
		return &collectors.RetryAfterError{After: time.Until(limit.Rate.Reset.Time), Err: budget.ErrSpent}
	}
	if res, ok := errors.AsType[*gh.ErrorResponse](err); ok && res.Response != nil && res.Response.StatusCode == http.StatusUnauthorized {
		return errRefused
	}
	return fmt.Errorf("asking GitHub for %s: %w", path, err)
}

// unavailable says that a repository has no such thing (issues or Actions turned
// off, an empty repository) or that the credential may not read it.
func unavailable(err error) bool {
	res, ok := errors.AsType[*gh.ErrorResponse](err)
	if !ok || res.Response == nil {
		return false
	}
	switch res.Response.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return true
	}
	return false
}

// all reads every page of a list that is known to be short.
func (c *client) all(ctx context.Context, path string) ([]json.RawMessage, error) {
	var out []json.RawMessage
	for page := 1; page != 0; {
		var raws []json.RawMessage
		a, err := c.get(ctx, withPage(path, page), "", &raws)
		if err != nil {
			return nil, err
		}
		out = append(out, raws...)
		page = a.next
	}
	return out, nil
}

// allOrNone is all for what belongs to an object that itself could be read: when
// it is gone, the object stands alone.
func (c *client) allOrNone(ctx context.Context, path string) ([]json.RawMessage, error) {
	if raws, ok := c.known[path]; ok {
		return raws, nil
	}
	raws, err := c.all(ctx, path)
	if unavailable(err) {
		return nil, nil
	}
	return raws, err
}

const perPage = 100

func withPage(path string, page int) string {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return fmt.Sprintf("%s%sper_page=%d&page=%d", path, sep, perPage, page)
}
