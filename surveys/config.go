package surveys

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// MinThreshold is the fewest answers that may stand under one team.
const MinThreshold = 5

const minSecret = 32

// Config is the "surveys" part of the configuration.
type Config struct {
	// Secret signs links. Empty means one that is made once and kept in the state
	// directory, which only serves processes that share that directory.
	Secret secret.String `yaml:"secret" json:"secret,omitempty" jsonschema:"description=Signs invitation links; use secret_file or ${env:NAME}; empty keeps a made-up one in the data directory"`
	// Threshold is the fewest answers that are stored or shown under one team.
	Threshold int `yaml:"threshold" json:"threshold,omitempty" jsonschema:"description=Fewest answers stored or shown under one team,minimum=5,default=5"`
	// Files are survey definitions; empty means the built-in platform survey.
	Files []string `yaml:"files" json:"files,omitempty" jsonschema:"description=Survey definitions; empty asks the built-in platform survey"`
	// FlushEvery is about how often held answers are looked through for pools
	// that are large enough to publish.
	FlushEvery string `yaml:"flush_every" json:"flush_every,omitempty" jsonschema:"description=About how often held answers are published when there are enough,default=15m"`
	// Proxy lets people in whom a proxy in front has signed in.
	Proxy ProxyConfig `yaml:"proxy" json:"proxy"`
}

// ProxyConfig says which proxies may vouch for people, and how.
type ProxyConfig struct {
	// Header carries the signed-in person: "X-Forwarded-Email". Empty: no proxy.
	Header string `yaml:"header" json:"header,omitempty" jsonschema:"description=Request header with the signed-in person"`
	// TrustedCIDRs are the addresses from which the header is believed.
	TrustedCIDRs []string `yaml:"trusted_cidrs" json:"trusted_cidrs,omitempty" jsonschema:"description=Addresses from which the header is believed"`
}

// DefaultConfig serves the platform survey on one machine.
func DefaultConfig() Config {
	return Config{
		Threshold:  MinThreshold,
		FlushEvery: "15m",
	}
}

// Validate returns an error for each key that is wrong, with the fix.
func (c Config) Validate() error {
	var errs []error
	need := func(ok bool, key, fix string) {
		if !ok {
			errs = append(errs, fmt.Errorf("surveys.%s: %s", key, fix))
		}
	}
	need(c.Secret == "" || len(c.Secret.Reveal()) >= minSecret, "secret",
		"use at least 32 random characters, such as the output of: openssl rand -hex 32")
	need(c.Threshold >= MinThreshold, "threshold", "use 5 or more; fewer answers tell who gave them")
	every, err := time.ParseDuration(c.FlushEvery)
	need(err == nil && every >= time.Second, "flush_every", `use at least "1s"; "15m" is a good value`)
	if c.Proxy.Header == "" {
		need(len(c.Proxy.TrustedCIDRs) == 0, "proxy.header", "name the header that carries the signed-in person, or remove trusted_cidrs")
		return errors.Join(errs...)
	}
	need(validHeader(c.Proxy.Header), "proxy.header", `give a header name such as "X-Forwarded-Email"`)
	need(len(c.Proxy.TrustedCIDRs) > 0, "proxy.trusted_cidrs",
		`list the addresses of the proxy, such as ["127.0.0.1/32"]; from elsewhere the header is not believed`)
	for i, s := range c.Proxy.TrustedCIDRs {
		p, err := netip.ParsePrefix(s)
		key := fmt.Sprintf("proxy.trusted_cidrs[%d]", i)
		need(err == nil, key, `give an address range such as "10.0.0.0/24"`)
		need(err != nil || p.Bits() > 0, key, "a range of all addresses lets anybody claim to be anybody; narrow it")
	}
	return errors.Join(errs...)
}

func validHeader(name string) bool {
	for _, r := range name {
		if r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return textproto.CanonicalMIMEHeaderKey(name) != "Cookie"
}
