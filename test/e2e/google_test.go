package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// googleCredentials writes a configuration of workload identity federation, with the
// service that gives a token for it, written by hand after
// https://google.aip.dev/auth/4117 and RFC 8693.
func googleCredentials(t *testing.T) string {
	t.Helper()
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"access_token": "t0k3n", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600}`))
	}))
	t.Cleanup(tokens.Close)
	dir := t.TempDir()
	subject, file := filepath.Join(dir, "subject"), filepath.Join(dir, "google.json")
	config, err := json.Marshal(map[string]any{
		"type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/headway/providers/kubernetes",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": tokens.URL, "credential_source": map[string]string{"file": subject},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{subject: []byte("subject"), file: config} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}
