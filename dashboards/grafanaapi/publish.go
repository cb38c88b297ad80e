package grafanaapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
)

// Folder that the dashboards are put into; it is made when it is missing.
type Folder struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

// Dashboard to publish.
type Dashboard struct {
	UID  string
	JSON []byte
}

// Actions of a publication.
const (
	ActionCreated   = "created"
	ActionUpdated   = "updated"
	ActionUnchanged = "unchanged"
)

// Published says what became of a dashboard.
type Published struct {
	UID    string `json:"uid"`
	Action string `json:"action"`
	URL    string `json:"url"`
}

// Report of a publication.
type Report struct {
	// Datasource is the name of a datasource of the wanted type. It is "" when
	// there is none or when the token may not look; Warning then says which.
	Datasource string      `json:"datasource"`
	Warning    string      `json:"warning,omitempty"`
	Dashboards []Published `json:"dashboards"`
}

// Publish puts the dashboards into the folder, overwriting those with the same
// uid. What is there already is not written again, so that publishing twice
// leaves one version. datasourceType is the type that the dashboards need.
func (c *Client) Publish(ctx context.Context, folder Folder, datasourceType string, dashboards []Dashboard) (Report, error) {
	var report Report
	var err error
	if report.Datasource, report.Warning, err = c.findDatasource(ctx, datasourceType); err != nil {
		return report, err
	}
	if err := c.ensureFolder(ctx, folder); err != nil {
		return report, err
	}
	for _, d := range dashboards {
		p, err := c.publishOne(ctx, folder, d)
		if err != nil {
			return report, fmt.Errorf("publishing dashboard %s: %w", d.UID, err)
		}
		report.Dashboards = append(report.Dashboards, p)
	}
	return report, nil
}

func (c *Client) findDatasource(ctx context.Context, kind string) (name, warning string, err error) {
	var all []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/datasources", nil, &all); err != nil {
		if statusOf(err) == http.StatusForbidden {
			return "", "the token may not list datasources, so it is not known whether there is one of type " + kind, nil
		}
		return "", "", fmt.Errorf("listing datasources: %w", err)
	}
	for _, d := range all {
		if d.Type == kind {
			return d.Name, "", nil
		}
	}
	return "", "there is no datasource of type " + kind + ": install the plugin and add one, or the panels stay empty", nil
}

func (c *Client) ensureFolder(ctx context.Context, f Folder) error {
	err := c.call(ctx, http.MethodGet, "/api/folders/"+url.PathEscape(f.UID), nil, nil)
	if statusOf(err) == http.StatusNotFound {
		err = c.call(ctx, http.MethodPost, "/api/folders", f, nil)
		// Somebody else may have made it in between; 409 and 412 say so.
		if s := statusOf(err); s == http.StatusConflict || s == http.StatusPreconditionFailed {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("making folder %s: %w", f.UID, err)
	}
	return nil
}

func (c *Client) publishOne(ctx context.Context, f Folder, d Dashboard) (Published, error) {
	var wanted map[string]any
	if err := json.Unmarshal(d.JSON, &wanted); err != nil {
		return Published{}, fmt.Errorf("reading the model: %w", err)
	}
	var kept struct {
		Dashboard map[string]any `json:"dashboard"`
		Meta      struct {
			FolderUID string `json:"folderUid"`
			URL       string `json:"url"`
		} `json:"meta"`
	}
	action := ActionUpdated
	err := c.call(ctx, http.MethodGet, "/api/dashboards/uid/"+url.PathEscape(d.UID), nil, &kept)
	switch {
	case statusOf(err) == http.StatusNotFound:
		action = ActionCreated
	case err != nil:
		return Published{}, fmt.Errorf("looking for it: %w", err)
	case kept.Meta.FolderUID == f.UID && same(wanted, kept.Dashboard):
		return Published{d.UID, ActionUnchanged, c.base.JoinPath(kept.Meta.URL).String()}, nil
	}
	var saved struct {
		URL string `json:"url"`
	}
	err = c.call(ctx, http.MethodPost, "/api/dashboards/db", map[string]any{
		"dashboard": wanted, "folderUid": f.UID, "overwrite": true, "message": "headway dashboards publish",
	}, &saved)
	if err != nil {
		return Published{}, err
	}
	return Published{d.UID, action, c.base.JoinPath(saved.URL).String()}, nil
}

// same compares models without what Grafana adds on its own.
func same(a, b map[string]any) bool {
	strip := func(m map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range m {
			if k != "id" && k != "version" {
				out[k] = v
			}
		}
		return out
	}
	return reflect.DeepEqual(strip(a), strip(b))
}
