package pattern_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/pattern"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	type parts = map[string]string
	for _, c := range []struct {
		pattern, name string
		want          parts
	}{
		{"deploy/{service}/{environment}", "deploy/shop/prod", parts{"service": "shop", "environment": "prod"}},
		{"deploy/{service}/{environment}", "deploy/shop/eu/prod", nil},
		{"{service}-{environment}", "shop-api-prod", parts{"service": "shop-api", "environment": "prod"}},
		{"deploy-*", "deploy-a/b", nil},
		{"**/deploy-*", "a/b/deploy-x", parts{}},
		{"a.b", "axb", nil},
		{"**", "", parts{}},
		{"{service}", "", nil},
	} {
		p, err := pattern.Compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := p.Match(c.name)
		if ok != (c.want != nil) || ok && !maps.Equal(got, c.want) {
			t.Errorf("%s on %q: %v %v", c.pattern, c.name, got, ok)
		}
	}
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for bad, want := range map[string]string{"": "is empty", "{a b}": "no {name}", "{a}{a}": "twice", "}": "no {name}"} {
		if _, err := pattern.All([]string{"x", bad}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "[1]") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	vars := pattern.With(map[string]string{"service": "shop"}, map[string]string{"service": "other", "TAG": "v1", "environment": "prod"})
	got := pattern.Target{Repository: "github.com/acme/{service}", Version: "{TAG}"}.Fill(vars)
	if want := (pattern.Target{Environment: "prod", Service: "shop", Repository: "github.com/acme/shop", Version: "v1"}); got != want {
		t.Errorf("target is %+v", got)
	}
	for _, c := range []struct {
		target pattern.Target
		more   []string
		want   string
	}{
		{pattern.Target{}, []string{}, "environment is missing"},
		{pattern.Target{Environment: "{where}"}, []string{}, "uses {where}"},
		{pattern.Target{Environment: "{where}"}, []string{"where"}, ""},
		{pattern.Target{Environment: "{where}"}, nil, ""},
	} {
		if err := c.target.Check("deploy-{service}", c.more); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.target, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("deploy/{service}/{environment}", "deploy/shop/prod")
	f.Add("**/*", "a/b")
	f.Fuzz(func(t *testing.T, s, name string) {
		p, err := pattern.Compile(s)
		if err != nil {
			return
		}
		if _, ok := p.Match(name); ok != pattern.Any([]pattern.Pattern{p}, name) {
			t.Error("Match and Any differ")
		}
	})
}
