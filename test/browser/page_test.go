package browser

import (
	"context"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const escapeKey = kb.Escape

// page is one tab of a browser of its own.
type page struct {
	ctx    context.Context
	mu     sync.Mutex
	errors []string
}

// open starts a browser that prefers the theme. A missing Chromium fails.
func open(t *testing.T, theme string) *page {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("this test needs Chromium (Debian's package chromium): %v", err)
	}
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("user-data-dir", t.TempDir()), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	})
	p := &page{}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithListener(p.listen))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("closing the browser: %v", err)
		}
	})
	p.ctx = ctx
	// The first run starts the browser and must not have a deadline.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	p.prefer(t, theme)
	return p
}

// prefer sets the theme that the system prefers; the page follows it.
func (p *page) prefer(t *testing.T, theme string) {
	t.Helper()
	p.do(t, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		return err
	}))
}

// listen keeps what the page complains about.
func (p *page) listen(ev any) {
	var complaint string
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			complaint += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		complaint = string(e.Entry.Level) + ": " + e.Entry.Text
	case *runtime.EventConsoleAPICalled:
		complaint = "console." + string(e.Type)
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, complaint)
}

// quiet fails when the page has complained.
func (p *page) quiet(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.errors {
		t.Errorf("the console says: %s", e)
	}
}

func (p *page) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := step(p.ctx)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

const ready = `document.body.dataset.ready === "true"`

// visit opens an address and waits until every panel has its answer.
func (p *page) visit(t *testing.T, address string) {
	t.Helper()
	p.do(t, chromedp.Navigate(address))
	p.wait(t)
}

func (p *page) wait(t *testing.T) {
	t.Helper()
	ctx, cancel := step(p.ctx)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](ready, chromedp.WithPollingTimeout(0))); err != nil {
		t.Fatalf("waiting for the panels: %v", err)
	}
}

// act runs a script that does something.
func (p *page) act(t *testing.T, script string) {
	t.Helper()
	p.do(t, chromedp.Evaluate[chromedp.Void](script))
}

// follow runs a script that opens another dashboard, and waits for it.
func (p *page) follow(t *testing.T, script string) {
	t.Helper()
	p.act(t, `document.body.dataset.ready = "false"; `+script)
	p.wait(t)
}

func (p *page) key(t *testing.T, key string) {
	t.Helper()
	p.do(t, chromedp.KeyEvent(key))
}

func (p *page) narrow(t *testing.T) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(390, 844))
}

// evaluate reads a script's value.
func evaluate[T any](t *testing.T, p *page, script string, out *T) {
	t.Helper()
	ctx, cancel := step(p.ctx)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("evaluating %s: %v", script, err)
	}
	*out = value
}

func (p *page) screenshot(t *testing.T) []byte {
	t.Helper()
	ctx, cancel := step(p.ctx)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	return png
}
