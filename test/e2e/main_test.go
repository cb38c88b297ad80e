// Package e2e tests Headway as it is installed: the real binary in processes of
// its own, spoken to over HTTP, Kafka and the command line.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is Headway, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "headway-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "headway")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "../../cmd/headway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building headway: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
