// Package grafanaapi publishes dashboards to a Grafana by its HTTP API.
//
// It sends JSON models as they are and knows nothing of their content.
package grafanaapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// maxAnswer of Grafana that is read.
const maxAnswer = 16 << 20

// Client talks to one Grafana.
type Client struct {
	base  *url.URL
	token secret.String
	http  *http.Client
}

// NewClient checks the address. token is that of a service account that may
// write dashboards and folders.
func NewClient(address string, token secret.String) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("grafana address %q is no http or https URL", redactUser(u, address))
	}
	if u.User != nil {
		return nil, errors.New("grafana address holds a user or password; give a service account token instead")
	}
	if token == "" {
		return nil, errors.New("publishing needs the token of a Grafana service account")
	}
	return &Client{base: u, token: token, http: &http.Client{
		Timeout: 30 * time.Second,
		// A redirect would turn a POST into a GET, or carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func redactUser(u *url.URL, address string) string {
	if u == nil || u.User != nil {
		return "[redacted]"
	}
	return address
}

// StatusError is an answer of Grafana that is not a success.
type StatusError struct {
	Status  int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("grafana answered %d %s: %s", e.Status, http.StatusText(e.Status), e.Message)
}

// statusOf is the status of a StatusError, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.Status
	}
	return 0
}

// call sends in as JSON, if not nil, and reads the answer into out.
func (c *Client) call(ctx context.Context, method, path string, in, out any) (err error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding request to %s: %w", path, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), body)
	if err != nil {
		return fmt.Errorf("making request to %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking Grafana: %w", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading Grafana's answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return &StatusError{Status: res.StatusCode, Message: message(raw)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("understanding Grafana's answer to %s: %w", path, err)
	}
	return nil
}

// message is what Grafana says in words, at most a line.
func message(raw []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(raw, &m); err == nil && m.Message != "" {
		return m.Message
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	return line[:min(len(line), 200)]
}
