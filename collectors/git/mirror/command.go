package mirror

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// waitDelay is how long a killed git may keep its pipes open.
const waitDelay = 5 * time.Second

// maxStderr bounds what an error quotes of git's own words, in bytes.
const maxStderr = 2048

// settings override whatever the user's own configuration says about things
// that would run programs, ask questions or change the output.
var settings = []string{
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
	"core.quotePath=false",
	"credential.interactive=never",
	"diff.external=",
	"fetch.recurseSubmodules=false",
	"gc.autoDetach=false",
	"i18n.logOutputEncoding=UTF-8",
	"log.mailmap=false",
	"log.showRoot=true",
	"log.showSignature=false",
	"http.lowSpeedLimit=1000",
	"http.lowSpeedTime=60",
}

// passed are the GIT_ variables that an operator sets for the machine, not for
// one repository.
var passed = []string{
	"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM",
	"GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
}

// CommandError is a git command that failed. Its text holds no token and no
// user information of an address.
type CommandError struct {
	Verb   string
	Stderr string
	Err    error
}

func (e *CommandError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("git %s: %v", e.Verb, e.Err)
	}
	return fmt.Sprintf("git %s: %v: %s", e.Verb, e.Err, e.Stderr)
}

func (e *CommandError) Unwrap() error { return e.Err }

// missingObject recognises a copy that lacks objects: the repository it borrows
// from has thrown them away, or a disk lost them.
func missingObject(err error) bool {
	var c *CommandError
	if !errors.As(err, &c) {
		return false
	}
	for _, s := range []string{"bad object", "missing object", "missing blob", "missing commit", "unable to read", "Could not read", "corrupt", "revision walk setup failed"} {
		if strings.Contains(c.Stderr, s) {
			return true
		}
	}
	return false
}

// run executes git in the copy and gives its output to read; read's error
// stops the command and is returned as it is.
func (r *Repo) run(ctx context.Context, stdin []byte, read func(io.Reader) error, verb string, args ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.timeout())
	defer cancel()
	all := make([]string, 0, 2*len(settings)+len(args)+2)
	all = append(all, "--git-dir="+r.opts.Dir)
	for _, s := range settings {
		all = append(all, "-c", s)
	}
	all = append(append(all, verb), args...)
	cmd := exec.CommandContext(ctx, "git", all...) //nolint:gosec // The arguments are built here; names from outside follow "--" or come on standard input.
	cmd.Env = r.environment()
	// A session of its own has no terminal that ssh could ask on, and is one
	// process group, so that a cancelled fetch takes its helpers with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitDelay
	cmd.Stdin = bytes.NewReader(stdin)
	stderr := &tail{}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("git %s: %w", verb, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting git %s (is git installed?): %w", verb, err)
	}
	readErr := read(out)
	if readErr != nil {
		cancel()
	}
	waitErr := cmd.Wait()
	switch {
	case readErr != nil:
		return readErr
	case waitErr != nil && ctx.Err() != nil:
		return &CommandError{Verb: verb, Err: ctx.Err()}
	case waitErr != nil:
		return &CommandError{Verb: verb, Stderr: r.redact(stderr.String()), Err: waitErr}
	}
	return nil
}

// output is run for commands whose whole output is small.
func (r *Repo) output(ctx context.Context, stdin []byte, verb string, args ...string) ([]byte, error) {
	var out []byte
	err := r.run(ctx, stdin, func(rd io.Reader) (err error) {
		out, err = io.ReadAll(rd)
		return err
	}, verb, args...)
	return out, err
}

func (r *Repo) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if (!strings.HasPrefix(name, "GIT_") && name != "SSH_ASKPASS" && name != "LC_ALL") || slices.Contains(passed, name) {
			env = append(env, v)
		}
	}
	protocols := "https:http:ssh:git"
	if r.remote.local || strings.HasPrefix(r.remote.url, "file://") {
		protocols = "file"
	}
	env = append(env,
		"LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=true", // Answers every question with nothing.
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_ALLOW_PROTOCOL="+protocols,
	)
	return append(env, r.authorization()...)
}

// authorization hands the token to git's own process only, and only for the
// repository's own address.
func (r *Repo) authorization() []string {
	if r.opts.Token == "" {
		return nil
	}
	user := r.opts.User
	if user == "" {
		// Every host that takes a token as a password takes any user name with it.
		user = "headway"
	}
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + r.opts.Token.Reveal()))
	return []string{
		"GIT_CONFIG_COUNT=" + strconv.Itoa(1),
		"GIT_CONFIG_KEY_0=http." + r.remote.url + ".extraHeader",
		"GIT_CONFIG_VALUE_0=Authorization: Basic " + basic,
	}
}

var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

func (r *Repo) redact(s string) string {
	s = userInfo.ReplaceAllString(strings.TrimSpace(s), "://")
	if t := r.opts.Token.Reveal(); t != "" {
		s = strings.ReplaceAll(s, t, "[redacted]")
	}
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
}

// tail keeps the last maxStderr bytes written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - maxStderr; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.b), "?") }
