package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/internal/secret"
)

func TestASecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	s := secret.String(value)
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("as a value", "password", s, "in_a_struct", struct{ Token secret.String }{s})
	encoded, err := json.Marshal(map[string]any{"a": s, "b": []secret.String{s}, "c": struct{ T secret.String }{s}})
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"%s": fmt.Sprintf("password %s", s), "%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", struct{ S secret.String }{s}),
		"%#v": fmt.Sprintf("%#v", s), "%q": fmt.Sprintf("%q", s), "json": string(encoded), "slog": log.String(),
	} {
		if strings.Contains(text, value) {
			t.Errorf("%s prints the secret: %s", what, text)
		}
	}
	if s.Reveal() != value {
		t.Errorf("Reveal gives %q", s.Reveal())
	}
	if secret.String("").String() != "" {
		t.Error("an empty secret should print as empty, so that a missing one is seen")
	}
}
