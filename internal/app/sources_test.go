package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/internal/config"
)

func TestAnOpenDoorIsRefusedWhereStrangersReachIt(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true,
		"0.0.0.0:8080": false, ":8080": false, "[::]:8080": false, "192.0.2.1:8080": false, "headway.acme.example:8080": false,
	} {
		for _, source := range []string{"api", "events"} {
			cfg, err := config.Parse("headway.yaml", []byte("http: {listen: '"+listen+"'}\nsources:\n  "+source+": {without_token: true}\n"))
			if err != nil {
				t.Fatal(err)
			}
			err = CheckSources(Options{Config: cfg, Logger: slog.New(slog.DiscardHandler)})
			if (err == nil) != want {
				t.Errorf("%s on %s: %v, want accepted %t", source, listen, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), "headway.yaml:3:") {
				t.Errorf("the error does not name the place: %v", err)
			}
		}
	}
}

func TestALimitNamesASource(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"github": true, "gihtub": false} {
		cfg, err := config.Parse("headway.yaml", []byte("http: {limits: {"+name+": {per_second: 50}}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckSources(Options{Config: cfg, Logger: slog.New(slog.DiscardHandler)}); (err == nil) != want {
			t.Errorf("a limit for %s: %v", name, err)
		}
	}
}
