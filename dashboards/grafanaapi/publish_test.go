package grafanaapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/headway-metrics/headway/dashboards/grafanaapi"
	"github.com/headway-metrics/headway/internal/secret"
)

const token = "glsa_test"

// grafana behaves as the documented API: folders and dashboards by uid, a new
// version with each save, 412 when a save would overwrite without leave.
type grafana struct {
	mu          sync.Mutex
	folders     map[string]string
	dashboards  map[string]map[string]any
	folderOf    map[string]string
	versions    map[string]int
	datasources string
	forbidden   bool
}

func newGrafana(t *testing.T) (*grafana, *grafanaapi.Client) {
	t.Helper()
	g := &grafana{folders: map[string]string{}, dashboards: map[string]map[string]any{}, folderOf: map[string]string{}, versions: map[string]int{}, datasources: `[{"name":"CH","type":"clickhouse"}]`}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /grafana/api/datasources", g.listDatasources)
	mux.HandleFunc("GET /grafana/api/folders/{uid}", g.folder)
	mux.HandleFunc("POST /grafana/api/folders", g.createFolder)
	mux.HandleFunc("GET /grafana/api/dashboards/uid/{uid}", g.dashboard)
	mux.HandleFunc("POST /grafana/api/dashboards/db", g.save)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Invalid API key"})
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c, err := grafanaapi.NewClient(s.URL+"/grafana/", token)
	if err != nil {
		t.Fatal(err)
	}
	return g, c
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func (g *grafana) listDatasources(w http.ResponseWriter, _ *http.Request) {
	if g.forbidden {
		answer(w, http.StatusForbidden, map[string]any{"message": "You'll need additional permissions"})
		return
	}
	answer(w, http.StatusOK, json.RawMessage(g.datasources))
}

func (g *grafana) folder(w http.ResponseWriter, r *http.Request) {
	title, ok := g.folders[r.PathValue("uid")]
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "folder not found"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"uid": r.PathValue("uid"), "title": title})
}

func (g *grafana) createFolder(w http.ResponseWriter, r *http.Request) {
	var f struct{ UID, Title string }
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil || f.Title == "" {
		answer(w, http.StatusBadRequest, map[string]any{"message": "folder title cannot be empty"})
		return
	}
	if _, taken := g.folders[f.UID]; taken {
		answer(w, http.StatusPreconditionFailed, map[string]any{"message": "a folder with the same uid already exists"})
		return
	}
	g.folders[f.UID] = f.Title
	answer(w, http.StatusOK, map[string]any{"uid": f.UID})
}

func (g *grafana) dashboard(w http.ResponseWriter, r *http.Request) {
	uid := r.PathValue("uid")
	d, ok := g.dashboards[uid]
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "Dashboard not found"})
		return
	}
	d = maps.Clone(d)
	d["id"], d["version"] = 17, g.versions[uid]
	answer(w, http.StatusOK, map[string]any{"dashboard": d, "meta": map[string]any{"folderUid": g.folderOf[uid], "url": "/d/" + uid + "/slug"}})
}

func (g *grafana) save(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Dashboard map[string]any `json:"dashboard"`
		FolderUID string         `json:"folderUid"`
		Overwrite bool           `json:"overwrite"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "bad request data"})
		return
	}
	uid := fmt.Sprint(in.Dashboard["uid"])
	switch _, exists := g.dashboards[uid]; {
	case g.folders[in.FolderUID] == "":
		answer(w, http.StatusBadRequest, map[string]any{"message": "folder not found"})
		return
	case uid == "provisioned":
		answer(w, http.StatusBadRequest, map[string]any{"message": "Cannot save provisioned dashboard"})
		return
	case exists && !in.Overwrite:
		answer(w, http.StatusPreconditionFailed, map[string]any{"status": "version-mismatch"})
		return
	}
	g.versions[uid]++
	g.dashboards[uid], g.folderOf[uid] = in.Dashboard, in.FolderUID
	answer(w, http.StatusOK, map[string]any{"status": "success", "uid": uid, "url": "/d/" + uid + "/slug", "version": g.versions[uid]})
}

func dashboards(title string) []grafanaapi.Dashboard {
	return []grafanaapi.Dashboard{
		{UID: "a", JSON: fmt.Appendf(nil, `{"uid":"a","title":%q,"panels":[{"id":1}]}`, title)},
		{UID: "b", JSON: []byte(`{"uid":"b","title":"B"}`)},
	}
}

var folder = grafanaapi.Folder{UID: "headway", Title: "Headway"}

func TestPublishIsIdempotent(t *testing.T) {
	t.Parallel()
	g, c := newGrafana(t)
	actions := func(title string) string {
		t.Helper()
		r, err := c.Publish(t.Context(), folder, "clickhouse", dashboards(title))
		if err != nil {
			t.Fatal(err)
		}
		if r.Datasource != "CH" || r.Warning != "" {
			t.Errorf("datasource %q, warning %q", r.Datasource, r.Warning)
		}
		var out []string
		for _, d := range r.Dashboards {
			out = append(out, d.Action)
			if !strings.HasSuffix(d.URL, "/grafana/d/"+d.UID+"/slug") {
				t.Errorf("URL %s", d.URL)
			}
		}
		return strings.Join(out, " ")
	}
	for i, step := range []struct{ title, want string }{
		{"A", "created created"}, {"A", "unchanged unchanged"}, {"A2", "updated unchanged"}, {"A2", "unchanged unchanged"},
	} {
		if got := actions(step.title); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	if g.versions["a"] != 2 || g.versions["b"] != 1 || len(g.folders) != 1 {
		t.Errorf("versions %v, folders %v", g.versions, g.folders)
	}
	// A dashboard that somebody moved comes back.
	g.mu.Lock()
	g.folderOf["b"] = "elsewhere"
	g.mu.Unlock()
	if got := actions("A2"); got != "unchanged updated" {
		t.Errorf("after a move: %s", got)
	}
}

func TestPublishWarnsOfDatasource(t *testing.T) {
	t.Parallel()
	g, c := newGrafana(t)
	r, err := c.Publish(t.Context(), folder, "other", dashboards("A"))
	if err != nil || !strings.Contains(r.Warning, "no datasource of type other") {
		t.Errorf("warning %q, %v", r.Warning, err)
	}
	g.mu.Lock()
	g.forbidden = true
	g.mu.Unlock()
	r, err = c.Publish(t.Context(), folder, "clickhouse", dashboards("A"))
	if err != nil || !strings.Contains(r.Warning, "may not list") {
		t.Errorf("warning %q, %v", r.Warning, err)
	}
}

func TestPublishSaysWhatGrafanaSaid(t *testing.T) {
	t.Parallel()
	_, c := newGrafana(t)
	_, err := c.Publish(t.Context(), folder, "clickhouse", []grafanaapi.Dashboard{{UID: "provisioned", JSON: []byte(`{"uid":"provisioned"}`)}})
	if err == nil || !strings.Contains(err.Error(), "Cannot save provisioned dashboard") {
		t.Errorf("error %v", err)
	}
}

func TestClientRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, address string
		token         secret.String
		want          string
	}{
		{"no scheme", "grafana.example.org", token, "no http or https"},
		{"password in the address", "https://admin:hunter2@grafana.example.org", token, "service account"},
		{"no token", "https://grafana.example.org", "", "needs the token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := grafanaapi.NewClient(tt.address, tt.token)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWrongTokenAndRedirectsFail(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://login.example.org/", http.StatusFound)
	}))
	t.Cleanup(s.Close)
	c, err := grafanaapi.NewClient(s.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Publish(t.Context(), folder, "clickhouse", nil); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("redirect: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the error holds the token: %v", err)
	}
}
