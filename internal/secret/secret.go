// Package secret holds the one type for passwords, tokens and signing keys, so
// that none of them is ever printed (invariant 10).
package secret

import "log/slog"

// String is a secret. Configuration fills it from ${env:NAME} or from a key
// ending in _file, never from a literal. It prints, logs and encodes as
// "[redacted]"; Reveal gives its value.
type String string

const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s String) Reveal() string { return string(s) }

func (s String) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s String) GoString() string { return s.String() }

// LogValue keeps slog from printing the value.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from writing the value.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
