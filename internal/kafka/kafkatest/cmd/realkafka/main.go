// Command realkafka runs a command with a real Apache Kafka beside it:
//
//	realkafka [-brokers 3] -- go test ./internal/kafka/...
//
// The command finds the brokers in HEADWAY_TEST_KAFKA; its exit code is that of
// realkafka.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest/realkafka"
)

func main() { os.Exit(run()) }

func run() (code int) {
	brokers := flag.Int("brokers", 1, "brokers of the cluster, 1 or 3")
	flag.Parse()
	if flag.NArg() == 0 || *brokers != 1 && *brokers != 3 {
		fmt.Fprintln(os.Stderr, "usage: realkafka [-brokers 1|3] -- COMMAND [ARGUMENT…]")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	cluster, err := realkafka.Start(ctx, realkafka.Options{Brokers: *brokers, Output: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting Apache Kafka:", err)
		return 1
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping Apache Kafka:", err)
			code = max(code, 1)
		}
	}()
	addrs := strings.Join(cluster.Addrs(), ",")
	fmt.Fprintf(os.Stderr, "Apache Kafka: %s (started in %s)\n", addrs, time.Since(began).Round(100*time.Millisecond))

	cmd := exec.CommandContext(ctx, flag.Arg(0), flag.Args()[1:]...) //nolint:gosec // The user's own command.
	cmd.Env = append(os.Environ(), kafkatest.EnvBrokers+"="+addrs)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "running the command:", err)
	return 1
}
