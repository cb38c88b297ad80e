package kubeapi_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/kubeapi/kubeapitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var deployments = kubeapi.Resource{Group: "apps", Version: "v1", Plural: "deployments"}

func server(t *testing.T, n int) *kubeapitest.Server {
	t.Helper()
	s := kubeapitest.New(t)
	for i := range n {
		s.Put(t, deployments, fmt.Sprintf(`{"kind":"Deployment","metadata":{"namespace":"shop","name":"web-%d","labels":{"a":"b"}},"spec":{"env":"secret"}}`, i))
	}
	return s
}

func open(t *testing.T, c kubeapi.Cluster) *kubeapi.Session {
	t.Helper()
	session, err := kubeapi.Open(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}

func TestAListHasPages(t *testing.T) {
	t.Parallel()
	s := server(t, 5)
	session := open(t, kubeapi.Cluster{URL: s.URL, Token: kubeapitest.Token})
	metas, err := session.Metadata(t.Context(), deployments)
	if err != nil || len(metas) != 5 || metas[0].Key() != "shop/web-0" || metas[0].Labels["a"] != "b" || metas[0].ResourceVersion == "" {
		t.Errorf("%d objects, %+v, %v", len(metas), metas, err)
	}
	if asked := s.Requests(); len(asked) != 3 || !strings.Contains(asked[2], "continue=4") {
		t.Errorf("asked %q", asked)
	}
	objects, err := session.Objects(t.Context(), deployments)
	if err != nil || len(objects) != 5 || !strings.Contains(string(objects[4]), "secret") {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	one, err := session.Object(t.Context(), deployments, "shop", "web-3")
	if err != nil || !strings.Contains(string(one), `"web-3"`) {
		t.Errorf("%s %v", one, err)
	}
}

func TestAnExpiredListIsListedAgainAndNotForEver(t *testing.T) {
	t.Parallel()
	s := server(t, 5)
	session := open(t, kubeapi.Cluster{URL: s.URL, Token: kubeapitest.Token})
	s.Change(func() { s.Expire = 2 })
	if metas, err := session.Metadata(t.Context(), deployments); err != nil || len(metas) != 5 {
		t.Errorf("%d objects after two expirations (%v)", len(metas), err)
	}
	s.Change(func() { s.Expire = 100 })
	if metas, err := session.Metadata(t.Context(), deployments); !kubeapi.IsStatus(err, http.StatusGone) || len(metas) > 0 {
		t.Errorf("%d objects, %v", len(metas), err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{401: "the token is wrong", 403: "may not read this", 429: "429", 500: "500"} {
		answer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(code)
		}))
		_, err := open(t, kubeapi.Cluster{URL: answer.URL, Token: kubeapitest.Token}).Metadata(t.Context(), deployments)
		answer.Close()
		if !kubeapi.IsStatus(err, code) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), kubeapitest.Token) {
			t.Errorf("%d: %v", code, err)
		}
		if later, ok := errors.AsType[*collectors.RetryAfterError](err); code == 429 && (!ok || later.After != 17*time.Second) {
			t.Errorf("429 is %v", err)
		}
	}
	other := httptest.NewServer(collectortest.Answers(map[string]string{"/apis/apps/v1/deployments": `{"hello":"world"}`}))
	defer other.Close()
	if _, err := open(t, kubeapi.Cluster{URL: other.URL, Token: "x"}).Metadata(t.Context(), deployments); err == nil || !strings.Contains(err.Error(), "check that the url") {
		t.Errorf("something else: %v", err)
	}
}

// TestTheTokenIsReadBeforeEachReading and the certificate of the cluster's own
// authority is trusted, as a pod has them.
func TestTheTokenIsReadBeforeEachReading(t *testing.T) {
	t.Parallel()
	var got []string
	tls := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"kind":"DeploymentList","items":[]}`))
	}))
	// It would log that a stranger hangs up.
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})))
	for _, token := range []string{"first", "second\n"} {
		write("token", token)
		session, err := kubeapi.Open(kubeapi.Cluster{URL: tls.URL, ServiceAccount: dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Metadata(t.Context(), deployments); err != nil {
			t.Error(err)
		}
		session.Close()
	}
	if strings.Join(got, ",") != "Bearer first,Bearer second" {
		t.Errorf("sent %q", got)
	}
	// Without the authority the server is a stranger, and no token is sent to it.
	if _, err := open(t, kubeapi.Cluster{URL: tls.URL, Token: "third"}).Metadata(t.Context(), deployments); err == nil || len(got) != 2 {
		t.Errorf("%v, sent %q", err, got)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "ca.crt"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]kubeapi.Cluster{
		"set url and token_file":         {},
		"automountServiceAccountToken":   {URL: "https://k", ServiceAccount: empty},
		"holds no certificate":           {URL: "https://k", Token: "t", CAFile: filepath.Join(empty, "ca.crt")},
		"certificate of the authority: ": {URL: "https://k", Token: "t", CAFile: filepath.Join(empty, "none")},
	} {
		if _, err := kubeapi.Open(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if _, err := kubeapi.Open(kubeapi.Cluster{}, nil); err == nil || !strings.Contains(err.Error(), kubeapi.ServiceAccount) {
		t.Errorf("in a pod without a token: %v", err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	valid := func() []kubeapi.Cluster {
		return []kubeapi.Cluster{{Name: "eu"}, {Name: "us", URL: "https://us.example.com", Token: "t"}, {Name: "ap", URL: "https://ap.example.com", ServiceAccount: "/run/ap"}}
	}
	collectortest.CheckConfig(t, valid, kubeapi.Check, map[string]struct {
		Change func(*[]kubeapi.Cluster)
		Want   string
	}{
		"nothing":         {func(c *[]kubeapi.Cluster) { *c = nil }, "clusters is missing"},
		"name":            {func(c *[]kubeapi.Cluster) { (*c)[0].Name = "a/b" }, `clusters[0].name is "a/b"`},
		"twice":           {func(c *[]kubeapi.Cluster) { (*c)[1].Name = "eu" }, `clusters[1].name "eu" is there twice`},
		"url":             {func(c *[]kubeapi.Cluster) { (*c)[1].URL = "us" }, "clusters[1].url is no address"},
		"no token":        {func(c *[]kubeapi.Cluster) { (*c)[1].Token = "" }, "clusters[1].token is missing"},
		"no url":          {func(c *[]kubeapi.Cluster) { (*c)[0].Token = "t" }, "clusters[0].token stands without url"},
		"two credentials": {func(c *[]kubeapi.Cluster) { (*c)[2].Token = "t" }, "clusters[2].token stands beside service_account"},
	})
}
