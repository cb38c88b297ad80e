package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// testChildArg starts a copy of the test binary as a process that runs a broker
// or a warehouse until it is killed.
const testChildArg = "__embedded_test"

// runTestChildIfAsked prints what the parent needs to know and waits for ever.
func runTestChildIfAsked() {
	if len(os.Args) < 4 || os.Args[1] != testChildArg {
		return
	}
	kind, dir := os.Args[2], os.Args[3]
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	switch kind {
	case "broker":
		b, err := StartBroker(context.Background(), BrokerOptions{Dir: dir, Logger: log})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("ready", b.Addr())
	case "warehouse":
		lib, err := InstallEngine(context.Background(), EngineOptions{})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		w, err := StartWarehouse(context.Background(), WarehouseOptions{Dir: dir, Library: lib, Logger: log})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("ready", w.PID(), w.HTTPAddr())
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // Until the test ends it, or ends.
	os.Exit(0)
}

// process is a running test child.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// spawn starts a test child and returns the words it printed behind "ready".
func spawn(t *testing.T, kind, dir string) (*process, []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, testChildArg, kind, dir)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: in}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || words[0] != "ready" {
		t.Fatalf("the %s child said %q (%v)", kind, line, err)
	}
	return p, words[1:]
}

// kill ends the child as kill -9 does; once is enough.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	_ = p.stdin.Close()
}
