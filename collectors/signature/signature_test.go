package signature_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func secrets(s ...secret.String) []secret.String { return s }

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// TestPublishedVectors checks what the vendors print in their own documents and
// libraries, so that a wrong understanding on our side cannot agree with itself.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	circle := func(key secret.String) signature.Scheme {
		return signature.Hex{Header: "circleci-signature", Prefix: "v1=", Secrets: secrets(key)}
	}
	tests := []struct {
		name   string
		scheme signature.Scheme
		header http.Header
		body   string
		at     time.Time
	}{
		{
			name:   "GitHub docs, Validating webhook deliveries",
			scheme: signature.Hex{Header: "X-Hub-Signature-256", Prefix: "sha256=", Secrets: secrets("It's a Secret to Everybody")},
			header: headers("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
			body:   "Hello, World!",
		},
		{
			name:   "CircleCI docs, Webhooks, 1",
			scheme: circle("secret"),
			header: headers("circleci-signature", "v1=734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
			body:   "hello world",
		},
		{
			name:   "CircleCI docs, Webhooks, 2",
			scheme: circle("another-secret"),
			header: headers("circleci-signature", "v1=daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
			body:   "lalala",
		},
		{
			name:   "CircleCI docs, Webhooks, 3",
			scheme: circle("hunter123"),
			header: headers("circleci-signature", "v1=9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa"),
			body:   "an-important-request-payload",
		},
		{
			name:   "CircleCI docs, Webhooks, 4",
			scheme: circle("secret"),
			header: headers("circleci-signature", "v1=773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"),
			body:   "foo",
		},
		{
			name:   "Standard Webhooks reference libraries",
			scheme: signature.StandardWebhooks{Secrets: secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
			header: headers("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330",
				"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
			body: `{"test": 2432232314}`,
			at:   time.Unix(1614265330, 0),
		},
		{
			name:   "PagerDuty, its Go module",
			scheme: signature.Hex{Header: "X-PagerDuty-Signature", Prefix: "v1=", Secrets: secrets(secret.String(pagerDuty(t)["secret"]))},
			header: headers("X-PagerDuty-Signature", "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"),
			body:   pagerDuty(t)["defaultBody"],
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.scheme.Verify(tt.header, []byte(tt.body), tt.at); err != nil {
				t.Fatal(err)
			}
			if err := tt.scheme.Verify(tt.header, []byte(tt.body+" "), tt.at); !errors.Is(err, collectors.ErrSignature) {
				t.Fatalf("changed body: %v, want ErrSignature", err)
			}
		})
	}
}

// pagerDuty reads the secret and the body that go-pagerduty tests itself with.
func pagerDuty(t *testing.T) map[string]string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/PagerDuty/go-pagerduty").Output()
	if err != nil {
		t.Fatalf("locating go-pagerduty: %v", err)
	}
	file := filepath.Join(strings.TrimSpace(string(dir)), "webhookv3", "webhookv3_test.go")
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatalf("reading go-pagerduty's test: %v", err)
	}
	out := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Names) != 1 || len(v.Values) != 1 {
			return true
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				out[v.Names[0].Name] = s
			}
		}
		return true
	})
	return out
}

// schemes are all of them, made with the given secrets.
func schemes(s []secret.String) map[string]signature.Scheme {
	return map[string]signature.Scheme{
		"hex sha256":         signature.Hex{Header: "X-Sig", Prefix: "sha256=", Secrets: s},
		"hex sha512":         signature.Hex{Header: "X-Sig", SHA512: true, Secrets: s},
		"hex timestamped":    signature.Hex{Header: "X-Sig", TimestampHeader: "X-Ts", Separator: ":", Secrets: s},
		"standard webhooks":  signature.StandardWebhooks{Secrets: s},
		"base64 timestamped": signature.Timestamped{Header: "X-Sig", Prefix: "v1,", TimestampHeader: "X-Ts", Separator: ".", Secrets: s},
		"plain":              signature.Plain{Header: "Authorization", Prefix: "Bearer ", Secrets: s},
		"basic":              signature.Basic{Secrets: s},
		"shared":             signature.Shared{Secrets: s},
	}
}

func TestEverySchemeSignsRotatesAndRefuses(t *testing.T) {
	t.Parallel()
	const first, second, foreign = "Zmlyc3Qgc2VjcmV0", "c2Vjb25kIHNlY3JldA==", "Zm9yZWlnbiBzZWNyZXQ="
	body := []byte(`{"n":1}`)
	for name, rotating := range schemes(secrets(first, "", second)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, key := range []secret.String{first, second} {
				h := headers("webhook-id", "msg_1")
				schemes(secrets(key))[name].Sign(h, body, now)
				if err := rotating.Verify(h, body, now); err != nil {
					t.Errorf("a secret of the rotation: %v", err)
				}
			}
			h := headers("webhook-id", "msg_1")
			schemes(secrets(foreign))[name].Sign(h, body, now)
			for what, err := range map[string]error{
				"foreign secret":  rotating.Verify(h, body, now),
				"no headers":      rotating.Verify(http.Header{}, body, now),
				"no secret":       schemes(nil)[name].Verify(h, body, now),
				"an empty secret": schemes(secrets(""))[name].Verify(h, body, now),
			} {
				if !errors.Is(err, collectors.ErrSignature) {
					t.Errorf("%s: %v, want ErrSignature", what, err)
				}
				if err != nil && (strings.Contains(err.Error(), first) || strings.Contains(err.Error(), foreign)) {
					t.Errorf("%s: the error shows a secret: %v", what, err)
				}
			}
			unsigned := http.Header{}
			schemes(nil)[name].Sign(unsigned, body, now)
			if len(unsigned) != 0 {
				t.Errorf("signed without a secret: %v", unsigned)
			}
		})
	}
}

func TestReplayWindow(t *testing.T) {
	t.Parallel()
	all := schemes(secrets("c2VjcmV0"))
	for _, name := range []string{"hex timestamped", "standard webhooks", "base64 timestamped"} {
		h := headers("webhook-id", "msg_1")
		all[name].Sign(h, nil, now)
		for _, d := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
			if err := all[name].Verify(h, nil, now.Add(d)); err != nil {
				t.Errorf("%s %s later: %v", name, d, err)
			}
		}
		for _, d := range []time.Duration{-5*time.Minute - time.Second, 5*time.Minute + time.Second} {
			if err := all[name].Verify(h, nil, now.Add(d)); !errors.Is(err, collectors.ErrSignature) {
				t.Errorf("%s %s later: %v, want ErrSignature", name, d, err)
			}
		}
	}
}

func TestTimestampForms(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		strconv.FormatInt(now.Unix(), 10):            true,
		strconv.FormatInt(now.UnixMilli(), 10):       true,
		now.Format(time.RFC3339):                     true,
		"yesterday":                                  false,
		"":                                           false,
		strconv.FormatInt(now.Unix()-3600, 10):       false,
		now.Add(-time.Hour).Format(time.RFC3339):     false,
		strconv.FormatInt(now.UnixMilli()-3.6e6, 10): false,
	}
	for value, want := range tests {
		// Signing by hand, since Sign always writes seconds.
		h := headers()
		signature.Hex{Header: "X-Sig", Secrets: secrets("k")}.Sign(h, []byte(value+"b"), now)
		h.Set("X-Ts", value)
		err := signature.Hex{Header: "X-Sig", TimestampHeader: "X-Ts", Secrets: secrets("k")}.Verify(h, []byte("b"), now)
		if (err == nil) != want {
			t.Errorf("timestamp %q: %v, want accepted %v", value, err, want)
		}
	}
}

func TestListOfSignatures(t *testing.T) {
	t.Parallel()
	s := signature.Hex{Header: "X-Sig", Prefix: "v1=", Secrets: secrets("new")}
	h := headers()
	s.Sign(h, []byte("b"), now)
	h.Set("X-Sig", "v1=00ff, v0=aa,"+h.Get("X-Sig")+",v1=zz")
	if err := s.Verify(h, []byte("b"), now); err != nil {
		t.Fatal(err)
	}
}

// TestSharedTakesTheSecretEitherWay: whoever cannot set a header can write it into
// the URL, as the password.
func TestSharedTakesTheSecretEitherWay(t *testing.T) {
	t.Parallel()
	s := signature.Shared{Secrets: secrets("right")}
	for _, by := range []signature.Scheme{signature.Basic(s), signature.Plain{Header: "Authorization", Prefix: "bearer ", Secrets: s.Secrets}} {
		h := http.Header{}
		by.Sign(h, nil, time.Time{})
		if err := s.Verify(h, nil, time.Time{}); err != nil {
			t.Error(err)
		}
		if err := (signature.Shared{Secrets: secrets("wrong")}).Verify(h, nil, time.Time{}); !errors.Is(err, collectors.ErrSignature) {
			t.Errorf("a wrong secret: %v", err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("sha256=00", "1614265330", []byte("{}"))
	f.Add("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "1614265330", []byte(`{"test": 2432232314}`))
	f.Add("Basic aDp4", "", []byte{})
	all := schemes(secrets("c2VjcmV0"))
	f.Fuzz(func(t *testing.T, sig, ts string, body []byte) {
		h := headers("X-Sig", sig, "Authorization", sig, "webhook-signature", sig, "webhook-id", ts, "X-Ts", ts, "webhook-timestamp", ts)
		for name, s := range all {
			if err := s.Verify(h, body, now); err != nil && !errors.Is(err, collectors.ErrSignature) {
				t.Errorf("%s: %v does not wrap ErrSignature", name, err)
			}
		}
	})
}
