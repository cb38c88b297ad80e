package surveys

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser starts Debian's Chromium with scripts turned off, as the page must
// work without them.
func browser(t *testing.T, width, height int64) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// TestKeyboardOnlyWithoutScripts answers the survey in a real browser with the
// keyboard alone: first with a mistake, then mended by way of the summary's link.
func TestKeyboardOnlyWithoutScripts(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	ctx := browser(t, 900, 1400)
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			if err := chromedp.Do(ctx, chromedp.KeyEvent(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	send := func(want string) {
		t.Helper()
		loaded := chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.KeyEvent(kb.Enter))
		if _, err := chromedp.Run(ctx, loaded); err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		title, err := chromedp.Run(ctx, chromedp.Title())
		if err != nil || !strings.Contains(title, want) {
			t.Fatalf("title %q, want %q: %v", title, want, err)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+o.link(t, "ada@example.com", "payments"))); err != nil {
		t.Fatal(err)
	}
	// Skip link, recommend (space, then twice right: 2), satisfaction left out, ease,
	// the portal left out, share, work left out, comment, button.
	press(kb.Tab, kb.Tab, " ", kb.ArrowRight, kb.ArrowRight, kb.Tab, kb.Tab, " ", kb.ArrowRight, kb.Tab, kb.Tab, "2", "0", kb.Tab, kb.Tab, "O", "K", kb.Tab)
	send("1 answer to mend")
	// The summary gets the focus, and its link leads to the first radio button.
	focused := func(id string) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.id`))
			if err == nil && got == id {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%q has the focus, want %q: %v", got, id, err)
			case <-tick.C:
			}
		}
	}
	focused("summary")
	press(kb.Tab)
	// The driver's Enter sends a character of its own after the key; it would
	// reach the field to which the link has led, and send the form.
	for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		enter := input.DispatchKeyEventParams{Type: typ, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13}
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, enter); err != nil {
			t.Fatal(err)
		}
	}
	focused("q-satisfaction-1")
	press(" ", kb.ArrowDown, kb.ArrowDown, kb.ArrowDown)
	focused("q-satisfaction-4")
	press(kb.Tab, kb.Tab, kb.Tab, kb.Tab, kb.Tab, kb.Tab)
	send("Thank you")
	st, err := o.store.read()
	if err != nil {
		t.Fatal(err)
	}
	got, text := map[string]float64{}, ""
	for _, h := range st.Held {
		if a := h.Answer; a != nil && a.Score != nil {
			got[a.Question] = *a.Score
		} else if a != nil {
			text = a.Text
		}
	}
	if got["recommend"] != 2 || got["satisfaction"] != 4 || got["ease"] != 2 || got["infrastructure"] != .2 || text != "OK" {
		t.Errorf("answers %v and comment %q", got, text)
	}
}

// TestReflow wants no sideways scrolling at 320 CSS pixels (WCAG 1.4.10), nor
// targets that are too small there (2.5.8).
func TestReflow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(o *Options) { o.Sample = true })
	o.sizes[strings.Repeat("long-team-name", 5)] = 9
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	ctx := browser(t, 320, 800)
	err := chromedp.Do(ctx, chromedp.Navigate(server.URL+o.link(t, "ada@example.com", strings.Repeat("long-team-name", 5))))
	if err != nil {
		t.Fatal(err)
	}
	width, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
	if err != nil {
		t.Fatal(err)
	}
	small, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('label:has(input), button, textarea, input[type=text]')]
			.filter(e => { const b = e.getBoundingClientRect(); return b.width < 24 || b.height < 24 }).map(e => e.outerHTML)`))
	if err != nil {
		t.Fatal(err)
	}
	if width > 320 {
		t.Errorf("the page is %d pixels wide", width)
	}
	if len(small) != 0 {
		t.Errorf("targets below 24 pixels: %q", small)
	}
}
