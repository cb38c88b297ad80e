package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/headway-metrics/headway/internal/embedded"
)

// progress tells about long steps on standard error: bars on a terminal, a line
// now and then elsewhere.
type progress struct {
	terminal bool
	mu       sync.Mutex
	bar      *progressbar.ProgressBar
	said     time.Time
}

func newProgress() *progress {
	return &progress{terminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// sayEvery is how often a plain line is printed about one step.
const sayEvery = 5 * time.Second

func (p *progress) step(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	fmt.Fprintln(os.Stderr, name+" …")
	p.said = time.Now()
}

func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

// finish ends the bar; the caller holds the lock.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish() // Only the terminal can fail, and then nobody sees it.
		fmt.Fprintln(os.Stderr)
		p.bar = nil
	}
}

func (p *progress) download(d embedded.Progress) {
	p.count(d.Bytes, d.Expected, "unpacked", true)
}

// count shows that n of total are done.
func (p *progress) count(n, total int64, unit string, bytes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		if time.Since(p.said) >= sayEvery {
			p.said = time.Now()
			fmt.Fprintf(os.Stderr, "  %d %% (%d of %d %s)\n", 100*min(n, total)/max(total, 1), n, total, unit)
		}
		return
	}
	if p.bar == nil {
		opts := []progressbar.Option{
			progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100 * time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount(),
		}
		if bytes {
			opts = append(opts, progressbar.OptionShowBytes(true))
		}
		p.bar = progressbar.NewOptions64(total, opts...)
	}
	_ = p.bar.Set64(min(n, total)) // As above.
}
