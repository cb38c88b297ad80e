package embedded

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// childArg is the hidden first argument of the process that runs the engine.
const childArg = "__warehouse"

// Descriptors that the parent passes to the child beyond the standard three.
const lifelineFD = 3

// orphanGrace is how long the engine may take to flush and end after its
// parent is gone.
const orphanGrace = 15 * time.Second

// RunChildIfAsked turns this process into the warehouse's child when it was
// started as one, and then never returns. main and every TestMain whose tests
// start a Warehouse call it before anything else.
func RunChildIfAsked() {
	if len(os.Args) < 3 || os.Args[1] != childArg {
		return
	}
	os.Exit(runChild(os.Args[2], os.Args[3:]))
}

// runChild runs the engine until its standard input ends.
func runChild(library string, args []string) int {
	// The terminal's Ctrl-C and a service manager's TERM reach the parent,
	// which then closes our standard input: only then is everything flushed.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go outliveParentBriefly()
	if err := runEngine(library, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// outliveParentBriefly ends this process when the parent has ended, however it
// ended, and the engine did not follow by itself.
func outliveParentBriefly() {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	_, _ = io.Copy(io.Discard, lifeline)
	<-time.After(orphanGrace)
	os.Exit(3)
}

// runEngine calls the engine's command line in this process. The library is
// ClickHouse itself; a call without cgo keeps the binary one static file.
func runEngine(library string, args []string) error {
	h, err := purego.Dlopen(library, purego.RTLD_LAZY)
	if err != nil {
		return fmt.Errorf("loading the ClickHouse engine %s: %w", library, err)
	}
	var (
		query       func(argc int32, argv unsafe.Pointer) uintptr
		resultError func(result uintptr) string
	)
	for name, fn := range map[string]any{"chdb_query_cmdline": &query, "chdb_result_error": &resultError} {
		sym, err := purego.Dlsym(h, name)
		if err != nil {
			return fmt.Errorf("the library %s is not the expected ClickHouse engine: %w", library, err)
		}
		purego.RegisterFunc(fn, sym)
	}
	// argv of C: the program's name, the options, a null pointer.
	argv := append([]string{"clickhouse"}, args...)
	ptrs := make([]*byte, len(argv)+1)
	for i, a := range argv {
		ptrs[i] = &append([]byte(a), 0)[0]
	}
	result := query(int32(len(argv)), unsafe.Pointer(&ptrs[0])) //nolint:gosec // C needs the pointer; argc is small.
	runtime.KeepAlive(ptrs)
	if result != 0 {
		if msg := resultError(result); msg != "" {
			return fmt.Errorf("the ClickHouse engine ended: %s", strings.TrimSpace(msg))
		}
	}
	return nil
}
