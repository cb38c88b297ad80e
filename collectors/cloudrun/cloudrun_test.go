package cloudrun

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func valid() Config {
	c := *Entry().Config().(*Config)
	c.Projects = []Project{{ID: "acme-production", Environment: "production"}}
	c.OnPlatform = []string{"label:managed-by=platform"}
	return c
}

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := valid()
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestTestdata(t *testing.T) {
	t.Parallel()
	collectortest.CheckTestdata(t, newSource(t), nil, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

const token = "ya29.hunter2"

// server is Cloud Run and Google's token endpoint, written by hand after the REST
// reference of run.googleapis.com (v1 projects.locations.list, v2
// projects.locations.services.list and jobs.list) and RFC 7523 and 8693.
type server struct {
	*collectortest.API
	// resources by the path of their list, by name.
	resources map[string][]string
	// broken paths answer 500 from their second page on.
	broken string
	// forbidden is a project that the account may not read.
	forbidden string
	// refused makes the token endpoint refuse.
	refused bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{resources: map[string][]string{}}
	for _, p := range []string{"acme-production", "acme-tools"} {
		s.resources["/v1/projects/"+p+"/locations"] = []string{"europe-west1", "us-central1", "us-east4"}
		s.resources["/v2/projects/"+p+"/locations/europe-west1/services"] = []string{"cart", "checkout", "search", "deleted"}
		s.resources["/v2/projects/"+p+"/locations/us-central1/services"] = []string{"checkout"}
		s.resources["/v2/projects/"+p+"/locations/us-central1/jobs"] = []string{"nightly"}
	}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	refuse := func(code int, status string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "status": status}})
	}
	if r.URL.Path == "/token" {
		key := r.FormValue("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" && r.FormValue("assertion") != ""
		federated := r.FormValue("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange" && r.FormValue("subject_token") == "subject"
		if s.refused || !key && !federated {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`))
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"` + token + `","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3599}`))
		return
	}
	const page = 2
	from, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		refuse(http.StatusUnauthorized, "UNAUTHENTICATED")
		return
	case s.forbidden != "" && strings.Contains(r.URL.Path, s.forbidden):
		refuse(http.StatusForbidden, "PERMISSION_DENIED")
		return
	case strings.Contains(r.URL.Path, "/locations/-"):
		refuse(http.StatusBadRequest, "INVALID_ARGUMENT")
		return
	case s.broken != "" && from > 0 && strings.HasSuffix(r.URL.Path, s.broken):
		refuse(http.StatusInternalServerError, "INTERNAL")
		return
	case s.resources["/v1/projects/"+parts[2]+"/locations"] == nil:
		refuse(http.StatusNotFound, "NOT_FOUND")
		return
	}
	names := s.resources[r.URL.Path]
	to := min(from+page, len(names))
	var items []any
	for _, n := range names[min(from, to):to] {
		one := map[string]any{
			"name": strings.TrimPrefix(r.URL.Path, "/v2/") + "/" + n, "labels": map[string]string{"service": n, "managed-by": "platform"},
			"creator": "ada@example.com", "lastModifier": "ada@example.com", "template": map[string]any{"containers": []any{map[string]any{"image": "x"}}},
		}
		if n == "deleted" {
			one["deleteTime"] = "2026-06-01T08:00:00Z"
		}
		if parts[len(parts)-1] == "locations" {
			one = map[string]any{"name": strings.TrimPrefix(r.URL.Path, "/v1/") + "/" + n, "locationId": n}
		}
		items = append(items, one)
	}
	out := map[string]any{}
	if len(items) > 0 {
		out[parts[len(parts)-1]] = items
	}
	if to < len(names) {
		out["nextPageToken"] = strconv.Itoa(to)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// key is a private key of a service account.
var key = sync.OnceValues(func() ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
})

// credentials writes the key file of a service account.
func credentials(t *testing.T, tokenURL string) string {
	t.Helper()
	private, err := key()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "acme-tools", "private_key_id": "1", "private_key": string(private),
		"client_email": "headway@acme-tools.iam.gserviceaccount.com", "token_uri": tokenURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, b)
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var now = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

func (s *server) source(t *testing.T, change ...func(*Config)) *Source {
	t.Helper()
	file := credentials(t, s.URL+"/token")
	src := newSource(t, append([]func(*Config){func(c *Config) {
		c.URL, c.CredentialsFile = s.URL, file
		c.Projects = []Project{{ID: "acme-production", Environment: "production"}, {ID: "acme-tools", Environment: "staging", Regions: []string{"us-central1"}}}
	}}, change...)...)
	src.http = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func poll(t *testing.T, src *Source, at time.Time, cursor collectors.Cursor) (collectors.Cursor, []schema.Event, error) {
	t.Helper()
	src.now = func() time.Time { return at }
	var p collectortest.Publisher
	next, err := src.Poll(t.Context(), cursor, p.Publish)
	return next, p.Events(), err
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	var got []string
	for _, ev := range events {
		facts, err := s.source(t).Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			w := f.(*schema.Workload)
			got = append(got, strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name, w.ServiceRef, w.Tier, w.OnPlatform}, " "))
		}
	}
	want := []string{
		"acme-production europe-west1 Service cart cart production yes",
		"acme-production europe-west1 Service checkout checkout production yes",
		"acme-production europe-west1 Service search search production yes",
		"acme-production us-central1 Job nightly nightly production yes",
		"acme-production us-central1 Service checkout checkout production yes",
		"acme-tools us-central1 Job nightly nightly staging yes",
		"acme-tools us-central1 Service checkout checkout staging yes",
	}
	if !slices.Equal(got, want) {
		t.Errorf("workloads\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	src := s.source(t)
	collectortest.CheckFailures(t, s.API, token, func() collectors.Poller { return src })
	// The token, two pages of regions, seven of resources; then the other project.
	collectortest.CheckResumes(t, s.API, 11, func() collectors.Poller { return src })
}

func TestASnapshotIsWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.broken = "acme-production/locations/europe-west1/services"
	cursor, events, err := poll(t, s.source(t), now, nil)
	if err == nil || !strings.Contains(err.Error(), "inventory of acme-production") || len(events) != 1 || events[0].Subject != "acme-tools" {
		t.Fatalf("%d events of one whole listing (%v)", len(events), err)
	}
	s.Change(func() { s.broken = "" })
	cursor, events, err = poll(t, s.source(t), now, cursor)
	if err != nil || len(events) != 1 || events[0].Subject != "acme-production" {
		t.Fatalf("%d events once it answers (%v)", len(events), err)
	}
	if cursor, events, err = poll(t, s.source(t), now.Add(14*time.Hour), cursor); err != nil || len(events) != 0 {
		t.Errorf("%d events on the same day (%v)", len(events), err)
	}
	if _, events, err = poll(t, s.source(t), now.Add(15*time.Hour), cursor); err != nil || len(events) != 2 {
		t.Errorf("%d events on the next day (%v)", len(events), err)
	}
}

func TestEachRegionIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if _, _, err := poll(t, s.source(t), now, nil); err != nil {
		t.Fatal(err)
	}
	lists := map[string]bool{}
	for _, r := range s.Requests() {
		path, _, _ := strings.Cut(r, "?")
		lists[path] = true
	}
	// The token; the regions and three regions' two lists; one region's two lists.
	if len(lists) != 1+1+3*2+2 || lists["/v1/projects/acme-tools/locations"] {
		t.Errorf("asked for %v", lists)
	}
}

func TestNobodyIsKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, events, err := poll(t, s.source(t), now, nil)
	if err != nil || strings.Contains(string(events[0].Data), "ada@") || strings.Contains(string(events[0].Data), "containers") {
		t.Errorf("the event holds more than names and labels: %s (%v)", events[0].Data, err)
	}
}

func TestCredentialsAreReadBeforeEachReading(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	src := s.source(t)
	good, err := os.ReadFile(src.cfg.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, want string
		missing    bool
	}{
		{file: `{"type":"authorized_user"}`, want: "neither the key of a service account"},
		{file: `{"type":"external_account"}`, want: "cannot be used"},
		{file: "{", want: "neither the key of a service account"},
		{missing: true, want: "no such file"},
		{file: string(good)},
		// Written by hand after https://google.aip.dev/auth/4117.
		{file: `{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
			"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"` + s.URL + `/token","credential_source":{"file":"` + write(t, []byte("subject")) + `"}}`},
	} {
		src.cfg.CredentialsFile = write(t, []byte(c.file))
		if c.missing {
			src.cfg.CredentialsFile += ".gone"
		}
		_, events, err := poll(t, src, now, nil)
		if c.want == "" && (err != nil || len(events) != 2) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %d events, %v; want %q", c.file, len(events), err, c.want)
		}
	}
}

func TestARefusedTokenSaysSo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.refused = true
	_, _, err := poll(t, s.source(t), now, nil)
	if err == nil || !strings.Contains(err.Error(), "asking Google for a token: /token answers 400") || !strings.Contains(err.Error(), "Invalid JWT Signature") {
		t.Errorf("error is %v", err)
	}
}

// TestTheAccountOfTheMachineIsTaken: the metadata server, written by hand after
// https://cloud.google.com/compute/docs/metadata/overview, gives the token.
func TestTheAccountOfTheMachineIsTaken(t *testing.T) {
	s := newServer(t)
	metadata := collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = w.Write([]byte(`{"access_token":"` + token + `","token_type":"Bearer","expires_in":3599}`))
		}
	})
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(metadata.URL, "http://"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("CLOUDSDK_CONFIG", t.TempDir())
	_, events, err := poll(t, s.source(t, func(c *Config) { c.CredentialsFile = "" }), now, nil)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err != nil || len(events) != 2 {
		t.Errorf("%d events (%v)", len(events), err)
	}
}

func TestTrial(t *testing.T) {
	t.Parallel()
	const first, second = "project acme-production: permissions run.locations.list, run.services.list and run.jobs.list",
		"project acme-tools: permissions run.locations.list, run.services.list and run.jobs.list"
	for name, c := range map[string]struct {
		change func(*server)
		failed []string
		sample bool
	}{
		"good":         {func(*server) {}, nil, true},
		"no token":     {func(s *server) { s.refused = true }, []string{"credentials"}, false},
		"may not list": {func(s *server) { s.forbidden = "acme-production" }, []string{first}, true},
		"unknown":      {func(s *server) { delete(s.resources, "/v1/projects/acme-production/locations") }, []string{first}, true},
		"nothing there": {func(s *server) {
			clear(s.resources)
			for _, p := range []string{"acme-production", "acme-tools"} {
				s.resources["/v1/projects/"+p+"/locations"] = []string{"us-central1"}
			}
		}, []string{first, second}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			c.change(s)
			trial := collectortest.Try(t, s.ServeHTTP, func(string) collectors.Source { return s.source(t) }, c.failed...)
			if (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	api := collectortest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	src := newServer(t).source(t)
	src.cfg.CredentialsFile = credentials(t, api.URL+"/token")
	src.http = api.Client()
	_, _, err := poll(t, src, now, nil)
	if later, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || later.After != 17*time.Second {
		t.Errorf("a token endpoint that asks for patience: %v", err)
	}
	// Nor is the second project asked for when the first one may not be now.
	src.cfg.CredentialsFile = credentials(t, newServer(t).URL+"/token")
	src.cfg.URL = api.URL
	api.Requests()
	_, _, err = poll(t, src, now, nil)
	if later, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || later.After != 17*time.Second || len(api.Requests()) != 1 {
		t.Errorf("an API that asks for patience: %v", err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, valid, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"projects":    {func(c *Config) { c.Projects = nil }, "projects is missing"},
		"id":          {func(c *Config) { c.Projects[0].ID = "Acme" }, `projects[0].id is "Acme"`},
		"twice":       {func(c *Config) { c.Projects = append(c.Projects, c.Projects[0]) }, `projects[1].id "acme-production" is there twice`},
		"region":      {func(c *Config) { c.Projects[0].Regions = []string{"-"} }, `projects[0].regions has "-"`},
		"environment": {func(c *Config) { c.Projects[0].Environment = "" }, "projects[0].environment is missing"},
		"url":         {func(c *Config) { c.URL = "x" }, "url is no address"},
		"rules":       {func(c *Config) { c.OnPlatform = []string{"x"} }, `on_platform[0] is "x"`},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
	})
}
