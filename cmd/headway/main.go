// Command headway measures software delivery and the platform beneath it. This
// package parses the command line and calls internal/app; no logic may enter.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/memory"
)

// version is set when building a release.
var version = "dev"

func main() {
	// The embedded ClickHouse is a child process of the same binary.
	embedded.RunChildIfAsked()
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer memory.Govern()()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "headway:", err)
		}
		return 1
	}
	return 0
}
