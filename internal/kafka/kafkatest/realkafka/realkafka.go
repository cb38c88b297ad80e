// Package realkafka runs Apache Kafka in KRaft mode on loopback for tests: the
// jars come through Maven, the data lives in a temporary directory. It is not
// part of Headway's binary.
package realkafka

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

//go:embed pom.xml
var pom []byte

const (
	kafkaVersion = "4.4.0"
	copyPlugin   = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	startTimeout = 3 * time.Minute
	stopTimeout  = 30 * time.Second
)

// Options of a cluster.
type Options struct {
	// Brokers of the cluster, each also a controller: 1 or 3.
	Brokers int
	// Output gets what Maven and Kafka print.
	Output io.Writer
}

// Cluster is a running Apache Kafka.
type Cluster struct {
	dir   string
	nodes []*node
}

type node struct {
	port, controllerPort int
	config               string
	cmd                  *exec.Cmd
	exited               chan struct{}
	err                  error // Valid once exited is closed.
}

// Start fetches Kafka once, formats a new cluster, starts it and returns when
// all brokers answer.
func Start(ctx context.Context, opts Options) (c *Cluster, err error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, errors.New("java was not found on PATH: install a JRE of version 17 or newer (Debian: apt-get install openjdk-17-jre-headless)")
	}
	jars, err := fetch(ctx, opts.Output)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "realkafka-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	c = &Cluster{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	for range opts.Brokers {
		n := &node{exited: make(chan struct{})}
		if n.port, err = freePort(ctx); err != nil {
			return nil, err
		}
		if n.controllerPort, err = freePort(ctx); err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // Never fails.
	clusterID := base64.RawURLEncoding.EncodeToString(id)
	classpath := filepath.Join(jars, "*")
	for i, n := range c.nodes {
		if err := c.configure(i); err != nil {
			return nil, err
		}
		format := exec.CommandContext(ctx, java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.config) //nolint:gosec // Java of the user's PATH.
		format.Stdout, format.Stderr = opts.Output, opts.Output
		if err := format.Run(); err != nil {
			return nil, fmt.Errorf("formatting the storage of broker %d: %w", i+1, err)
		}
	}
	for i, n := range c.nodes {
		// Not CommandContext: Stop ends it in order.
		n.cmd = exec.Command(java, "-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-cp", classpath, "kafka.Kafka", n.config) //nolint:gosec,noctx // As above.
		n.cmd.Stdout, n.cmd.Stderr = opts.Output, opts.Output
		n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := n.cmd.Start(); err != nil {
			return nil, fmt.Errorf("starting broker %d: %w", i+1, err)
		}
		go func() {
			defer close(n.exited)
			n.err = n.cmd.Wait()
		}()
	}
	return c, c.await(ctx)
}

// Addrs are the brokers' host:port.
func (c *Cluster) Addrs() []string {
	out := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
	}
	return out
}

// Stop ends all brokers and removes their data.
func (c *Cluster) Stop() error {
	for _, n := range c.nodes {
		if n.cmd != nil && n.cmd.Process != nil {
			_ = n.cmd.Process.Signal(syscall.SIGTERM) // It may have ended already.
		}
	}
	deadline := time.After(stopTimeout)
	for _, n := range c.nodes {
		if n.cmd == nil || n.cmd.Process == nil {
			continue
		}
		select {
		case <-n.exited:
		case <-deadline:
			_ = n.cmd.Process.Kill()
			<-n.exited
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("removing the brokers' data: %w", err)
	}
	return nil
}

// fetch copies Kafka's jars into the user's cache once.
func fetch(ctx context.Context, output io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache directory: %w", err)
	}
	base := filepath.Join(cache, "headway", "kafka")
	final := filepath.Join(base, kafkaVersion)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("mvn was not found on PATH, and Kafka's jars come through Maven: install it (Debian: apt-get install maven)")
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("making %s: %w", base, err)
	}
	tmp, err := os.MkdirTemp(base, "fetch-")
	if err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.WriteFile(filepath.Join(tmp, "pom.xml"), pom, 0o600); err != nil {
		return "", fmt.Errorf("writing pom.xml: %w", err)
	}
	jars := filepath.Join(tmp, "jars")
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "-ntp", copyPlugin, "-DincludeScope=runtime", "-DoutputDirectory="+jars) //nolint:gosec // Maven of the user's PATH.
	cmd.Dir, cmd.Stdout, cmd.Stderr = tmp, output, output
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetching Kafka %s with Maven: %w", kafkaVersion, err)
	}
	if err := os.Rename(jars, final); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("moving Kafka's jars into place: %w", err)
	}
	return final, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("freeing a port: %w", err)
	}
	return port, nil
}

func (c *Cluster) configure(i int) error {
	n := c.nodes[i]
	voters := make([]string, len(c.nodes))
	for j, v := range c.nodes {
		voters[j] = fmt.Sprintf("%d@127.0.0.1:%d", j+1, v.controllerPort)
	}
	copies := min(len(c.nodes), 3)
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", i+1),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", n.port, n.controllerPort),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d", n.port),
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT",
		"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"log.dirs=" + filepath.Join(c.dir, fmt.Sprintf("data-%d", i+1)),
		fmt.Sprintf("offsets.topic.replication.factor=%d", copies),
		fmt.Sprintf("default.replication.factor=%d", copies),
		fmt.Sprintf("min.insync.replicas=%d", (copies+1)/2),
		"offsets.topic.num.partitions=4",
		"group.initial.rebalance.delay.ms=0",
		"auto.create.topics.enable=false",
		"num.partitions=3",
	}
	n.config = filepath.Join(c.dir, fmt.Sprintf("server-%d.properties", i+1))
	if err := os.WriteFile(n.config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of broker %d: %w", i+1, err)
	}
	return nil
}

// await returns when the cluster knows all its brokers.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.answers(ctx)
		if err == nil {
			return nil
		}
		for i, n := range c.nodes {
			select {
			case <-n.exited:
				return fmt.Errorf("broker %d ended while it started: %w", i+1, n.err)
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kafka did not start within %s: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

func (c *Cluster) answers(ctx context.Context) error {
	for _, addr := range c.Addrs() {
		conn, err := (&kafkago.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("reaching the broker at %s: %w", addr, err)
		}
		brokers, err := conn.Brokers()
		if err = errors.Join(err, conn.Close()); err != nil {
			return fmt.Errorf("asking the broker at %s: %w", addr, err)
		}
		if len(brokers) != len(c.nodes) {
			return fmt.Errorf("the broker at %s knows %d brokers, want %d", addr, len(brokers), len(c.nodes))
		}
	}
	return nil
}
