package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/rest"
)

// scope of the token; what it may do is decided by the account's roles.
const scope = "https://www.googleapis.com/auth/cloud-platform"

const (
	pageSize = 100
	// maxPages bounds a list that never ends.
	maxPages = 1000
)

// client has a token that is good for one reading.
func (s *Source) client(ctx context.Context) (rest.Client, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.http)
	c, err := s.credentials(ctx)
	if err != nil {
		return rest.Client{}, fmt.Errorf("finding the credentials of Google: %w", err)
	}
	token, err := c.TokenSource.Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil {
		return rest.Client{}, fmt.Errorf("asking Google for a token: %w", rest.Status(refused.Response, "/token", refused.Body))
	}
	if err != nil {
		return rest.Client{}, fmt.Errorf("asking Google for a token: %w", withoutURL(err))
	}
	return rest.Client{HTTP: s.http, Base: s.cfg.URL, Authorize: token.SetAuthHeader}, nil
}

// withoutURL leaves out the address, which may hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func (s *Source) credentials(ctx context.Context) (*google.Credentials, error) {
	if s.cfg.CredentialsFile == "" {
		return google.FindDefaultCredentials(ctx, scope)
	}
	b, err := os.ReadFile(s.cfg.CredentialsFile)
	if err != nil {
		return nil, err
	}
	var which struct {
		Type google.CredentialsType `json:"type"`
	}
	if json.Unmarshal(b, &which) != nil || which.Type != google.ServiceAccount && which.Type != google.ExternalAccount {
		return nil, fmt.Errorf("%s is neither the key of a service account nor a configuration of workload identity federation", s.cfg.CredentialsFile)
	}
	c, err := google.CredentialsFromJSONWithType(ctx, b, which.Type, scope)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", s.cfg.CredentialsFile, err)
	}
	return c, nil
}

// resource of a list; who made it and what it is made of are left where they are.
type resource struct {
	// Name is projects/PROJECT/locations/REGION/services/NAME.
	Name        string            `json:"name"`
	LocationID  string            `json:"locationId"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	DeleteTime  *time.Time        `json:"deleteTime"`
}

// all reads a list to its end; key is the member that holds it.
func all(ctx context.Context, c rest.Client, path, key string) ([]resource, error) {
	var out []resource
	next := ""
	for range maxPages {
		query := url.Values{"pageSize": {strconv.Itoa(pageSize)}}
		if next != "" {
			query.Set("pageToken", next)
		}
		raw, err := c.Get(ctx, path, query)
		if err != nil {
			return nil, err
		}
		var page map[string]json.RawMessage
		var items []resource
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		next = ""
		for member, to := range map[string]any{key: &items, "nextPageToken": &next} {
			if len(page[member]) == 0 {
				continue // An empty list is left out.
			}
			if err := json.Unmarshal(page[member], to); err != nil {
				return nil, fmt.Errorf("reading %s of %s: %w", member, path, err)
			}
		}
		out = append(out, items...)
		if next == "" {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%s has more than %d pages", path, maxPages)
}

// regions of a project: those of the configuration, or all.
func regions(ctx context.Context, c rest.Client, p Project) ([]string, error) {
	if len(p.Regions) > 0 {
		return p.Regions, nil
	}
	list, err := all(ctx, c, "/v1/projects/"+p.ID+"/locations", "locations")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range list {
		out = append(out, l.LocationID)
	}
	if len(out) == 0 {
		return nil, errors.New("the project has no region: name some under regions")
	}
	return out, nil
}

// kinds of resource, by the member and path of their list.
func kinds() []struct{ plural, kind, console string } {
	return []struct{ plural, kind, console string }{{"services", "Service", "detail"}, {"jobs", "Job", "jobs/details"}}
}

// project lists what there is in a project, all of it or nothing.
func project(ctx context.Context, c rest.Client, p Project) ([]inventory.Item, error) {
	in, err := regions(ctx, c, p)
	if err != nil {
		return nil, err
	}
	var out []inventory.Item
	for _, region := range in {
		for _, k := range kinds() {
			list, err := all(ctx, c, "/v2/projects/"+p.ID+"/locations/"+region+"/"+k.plural, k.plural)
			if err != nil {
				return nil, err
			}
			for _, r := range list {
				if r.DeleteTime != nil {
					continue
				}
				name := r.Name[strings.LastIndexByte(r.Name, '/')+1:]
				out = append(out, inventory.Item{
					Kind: k.kind, Namespace: region, Name: name, Labels: r.Labels, Annotations: r.Annotations,
					URL: "https://console.cloud.google.com/run/" + k.console + "/" + region + "/" + name + "?project=" + p.ID,
				})
			}
		}
	}
	return out, nil
}

// forbidden reports whether an answer was that the account may not.
func forbidden(err error) bool {
	e, ok := errors.AsType[*rest.StatusError](err)
	return ok && e.Code == http.StatusForbidden
}
