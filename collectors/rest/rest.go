// Package rest asks other systems' JSON APIs: one bounded request at a time,
// with errors that say what to do and hold no secret. Sources whose vendor has a
// good Go client use that instead. No vendor's knowledge may enter.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// MaxBody bounds an answer, in bytes; a larger one is an error.
const MaxBody = 64 << 20

// DefaultRetryAfter is how long a system is left alone that says "too many
// requests" without saying until when.
const DefaultRetryAfter = time.Minute

// maxRetryAfter bounds what a system can ask for.
const maxRetryAfter = time.Hour

// StatusError is an answer other than 2xx.
type StatusError struct {
	// Code is the HTTP status, Path the path asked for, without its query.
	Code int
	Path string
	// Message is the beginning of what the system says.
	Message string
}

func (e *StatusError) Error() string {
	hint := ""
	switch e.Code {
	case http.StatusNotModified:
		hint = " (not modified, although it was not asked whether it is: look at the proxies before it)"
	case http.StatusUnauthorized:
		hint = " (the token is wrong or has expired)"
	case http.StatusForbidden:
		hint = " (the token may not read this)"
	case http.StatusNotFound:
		hint = " (check the url)"
	}
	return strings.TrimSpace(fmt.Sprintf("%s answers %d%s %s", e.Path, e.Code, hint, e.Message))
}

// Client asks one system.
type Client struct {
	HTTP *http.Client
	// Base is the URL before every path, without a slash at its end.
	Base string
	// Authorize adds the credentials to a request.
	Authorize func(*http.Request)
}

// CheckBase refuses what is no base URL; the error says how to mend it.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is no address: write for example https://example.com")
	case u.User != nil:
		return errors.New("holds a user name or password: take it out and set token")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("holds a query: write the address only")
	}
	return nil
}

// Get asks for a path and returns the JSON that is the answer, nil for 204.
func (c Client) Get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	address := strings.TrimSuffix(c.Base, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	return c.do(req, path)
}

// Post sends a JSON body and returns the JSON that is the answer, nil for 204.
func (c Client) Post(ctx context.Context, path string, body any) (json.RawMessage, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Base, "/")+path, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	return c.do(req, path)
}

func (c Client) do(req *http.Request, path string) (json.RawMessage, error) {
	req.Header.Set("Accept", "application/json")
	if c.Authorize != nil {
		c.Authorize(req)
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
	}
	resp, err := client.Do(req) //nolint:gosec // The operator configures the address.
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			// The error's own words would quote the query.
			err = u.Err
		}
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	body, err := Read(resp)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, Status(resp, path, body)
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("asking for %s: the answer is cut off or no JSON (%d bytes)", path, len(body))
	}
	return body, nil
}

// Read reads and closes a body of at most MaxBody bytes.
func Read(resp *http.Response) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	err = errors.Join(err, resp.Body.Close())
	if err == nil && len(b) > MaxBody {
		err = fmt.Errorf("the answer is larger than %d bytes", MaxBody)
	}
	return b, err
}

// Status is the error of an answer other than 2xx: a RetryAfterError when the
// system asks for patience.
func Status(resp *http.Response, path string, body []byte) error {
	err := &StatusError{Code: resp.StatusCode, Path: path, Message: excerpt(body)}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		return &collectors.RetryAfterError{After: RetryAfter(resp.Header), Err: err}
	}
	return err
}

// RetryAfter is how long an answer's headers ask to wait: Retry-After in seconds
// or as a date counted from the answer's own, or a rate limit's reset in seconds.
func RetryAfter(h http.Header) time.Duration {
	wait := DefaultRetryAfter
	for _, name := range []string{"Retry-After", "Ratelimit-Reset"} {
		v := h.Get(name)
		if n, err := strconv.Atoi(v); err == nil && n >= 0 {
			wait = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
			break
		}
		until, err1 := http.ParseTime(v)
		now, err2 := http.ParseTime(h.Get("Date"))
		if err1 == nil && err2 == nil {
			wait = until.Sub(now)
			break
		}
	}
	return min(max(wait, time.Second), maxRetryAfter)
}

func excerpt(body []byte) string {
	const limit = 200
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), limit)]), "")), " ")
	return s
}
