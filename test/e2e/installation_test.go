package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/sample"
	"github.com/headway-metrics/headway/schema"
)

// startTimeout is how long a process may take until it is ready, and settleTimeout
// how long the pipeline may take to have nothing left to do.
const (
	startTimeout  = 90 * time.Second
	settleTimeout = 3 * time.Minute
)

// installation is one Headway with a directory, a configuration and ports of its own.
type installation struct {
	t       *testing.T
	dir     string
	config  string
	kafka   string
	secrets sample.Secrets
	procs   map[string]*process
}

// process is a running command of Headway.
type process struct {
	name   string
	args   []string
	listen string
	cmd    *exec.Cmd
	ended  chan struct{}
	output output
}

// output is what a process has printed so far; it may be read while the process
// prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newInstallation writes a configuration with the given sources.
func newInstallation(t *testing.T, sources string) *installation {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 3)
	in := &installation{
		t: t, dir: dir, config: filepath.Join(dir, "headway.yaml"), kafka: fmt.Sprintf("127.0.0.1:%d", ports[0]),
		secrets: sample.Secrets{GitHub: "github-secret", PagerDuty: "pagerduty-secret", Jira: "jira-secret", Backstage: "backstage-secret", API: "api-secret"},
		procs:   map[string]*process{},
	}
	for name, s := range map[string]string{
		"github": in.secrets.GitHub.Reveal(), "pagerduty": in.secrets.PagerDuty.Reveal(), "jira": in.secrets.Jira.Reveal(),
		"backstage": in.secrets.Backstage.Reveal(), "api": in.secrets.API.Reveal(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".secret"), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`
data_dir: %s
embedded:
  kafka_port: %d
  clickhouse_port: %d
  clickhouse_http_port: %d
  clickhouse_max_memory: 2GiB
http:
  api_token_file: api.secret
%s`, filepath.Join(dir, "data"), ports[0], ports[1], ports[2], sources)
	if err := os.WriteFile(in.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.stopAll)
	return in
}

// Ports below those that the system gives to outgoing connections, so that none of
// these takes one while the process that owns it is being started again.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var out []int
	for len(out) < n {
		port := firstPort + rand.IntN(lastPort-firstPort)
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // Taken; there are others.
		}
		defer func() { _ = ln.Close() }()
		out = append(out, port)
	}
	return out
}

// start runs a command of Headway as a process and waits until it is ready.
func (in *installation) start(name string, args ...string) *process {
	in.t.Helper()
	p := &process{name: name, args: args, listen: fmt.Sprintf("127.0.0.1:%d", freePorts(in.t, 1)[0])}
	in.procs[name] = p
	in.launch(p)
	return p
}

func (in *installation) launch(p *process) {
	in.t.Helper()
	args := append([]string{p.name, "-c", in.config, "--listen", p.listen, "--log-level", "info"}, p.args...)
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.ended = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) { _ = cmd.Wait(); close(ended) }(p.cmd, p.ended)
	in.eventually("waiting until "+p.name+" is ready", startTimeout, func(ctx context.Context) error {
		select {
		case <-p.ended:
			in.t.Fatalf("%s ended:\n%s", p.name, p.output.String())
		default:
		}
		return get(ctx, "http://"+p.listen+"/readyz", nil)
	})
}

// kill ends a process as a power cut would.
func (in *installation) kill(p *process) {
	in.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		in.t.Fatal(err)
	}
	<-p.ended
}

// stopAll ends what still runs, in the order in which that is clean.
func (in *installation) stopAll() {
	for _, name := range []string{"demo", "up", "collect", "portal", "pipeline", "servers"} {
		p := in.procs[name]
		if p == nil {
			continue
		}
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended by itself.
		select {
		case <-p.ended:
		case <-time.After(startTimeout):
			in.t.Errorf("%s does not stop:\n%s", name, p.output.String())
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		if in.t.Failed() {
			in.t.Logf("output of %s:\n%s", name, p.output.String())
		}
	}
	in.procs = map[string]*process{}
}

// warehousePID is the ClickHouse child of a process.
func (in *installation) warehousePID(p *process) int {
	in.t.Helper()
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, f := range children {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // A thread that has ended.
		}
		var pid int
		if _, err := fmt.Sscan(string(b), &pid); err == nil {
			return pid
		}
	}
	return 0
}

// headway runs a command of Headway to its end and returns what it printed.
func (in *installation) headway(args ...string) string {
	in.t.Helper()
	out, err := in.tryHeadway(args...)
	if err != nil {
		in.t.Fatalf("headway %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (in *installation) tryHeadway(args ...string) (string, error) {
	cmd := exec.CommandContext(in.t.Context(), binary, append([]string{"-c", in.config}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, stderr.String())
	}
	return stdout.String(), nil
}

// settle waits until the pipeline has handled everything that is in Kafka.
func (in *installation) settle(sources ...string) {
	in.t.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{in.kafka}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		in.t.Fatal(err)
	}
	defer client.Close()
	var raw []string
	for _, s := range sources {
		raw = append(raw, schema.RawTopic(s))
	}
	calm := 0
	in.eventually("waiting for the pipeline", settleTimeout, func(ctx context.Context) error {
		for group, topics := range map[string][]string{"headway.load": raw, "headway.derive": {schema.TopicDirty}} {
			lags, err := client.Lag(ctx, group, topics...)
			if err != nil {
				return err
			}
			for _, l := range lags {
				if l.Messages > 0 {
					calm = 0
					return fmt.Errorf("%d messages of %s left", l.Messages, l.Topic)
				}
			}
		}
		if calm++; calm < 5 {
			return errors.New("nothing left; looking again")
		}
		return nil
	})
}

// polled waits until a source has been asked once, successfully.
func (in *installation) polled(p *process, source string) {
	in.t.Helper()
	in.eventually("waiting until "+source+" has been read", settleTimeout, func(ctx context.Context) error {
		var list []app.SourceStatus
		if err := get(ctx, "http://"+p.listen+"/v1/sources", &list); err != nil {
			return err
		}
		for _, s := range list {
			if s.Source == source && s.Poll != nil && !s.Poll.LastSuccess.IsZero() {
				return nil
			}
		}
		return errors.New("not read yet")
	})
}

// eventually tries until it works or time is up.
func (in *installation) eventually(what string, within time.Duration, try func(ctx context.Context) error) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), within)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			in.t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// get asks for a URL and decodes the JSON of the answer into v, when v is not nil.
func get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(v)
}
