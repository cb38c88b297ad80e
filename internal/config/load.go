package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Load reads and validates a file. Every problem of the file is in the error,
// one a line, as "file:line:column: key: what is wrong; the fix".
func Load(path string) (Config, error) {
	b, err := os.ReadFile(path) //nolint:gosec // The user names the file.
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(path, b)
}

// Parse is Load for a file already read. Relative secret files are found beside
// path.
func Parse(path string, b []byte) (Config, error) {
	cfg := Default()
	cfg.path = path
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return Config{}, located(path, err)
	}
	if len(file.Docs) > 1 {
		return Config{}, fmt.Errorf("%s: more than one YAML document; keep one", path)
	}
	cfg.file = file
	if len(file.Docs) == 1 && file.Docs[0].Body != nil && file.Docs[0].Body.Type() != ast.NullType {
		body := file.Docs[0].Body
		x := expander{path: path, dir: filepath.Dir(path)}
		ast.Walk(&x, body)
		if err := errors.Join(x.problems...); err != nil {
			return Config{}, err
		}
		if err := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(body, &cfg); err != nil && !errors.Is(err, io.EOF) {
			return Config{}, located(path, err)
		}
	}
	cfg.Sources.path, cfg.Sources.file = path, file
	if err := cfg.Validate(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// located turns a YAML error into one line that starts with its place.
func located(path string, err error) error {
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		p := ye.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, p.Line, p.Column, ye.GetMessage())
	}
	return fmt.Errorf("%s: %w", path, err)
}

func at(path string, tk *token.Token, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if tk == nil || tk.Position == nil {
		return fmt.Errorf("%s: %s", path, msg)
	}
	return fmt.Errorf("%s:%d:%d: %s", path, tk.Position.Line, tk.Position.Column, msg)
}

var (
	reference  = regexp.MustCompile(`\$\{(env|file):([^}]+)\}`)
	secretFile = regexp.MustCompile(`^(.*(?:secret|token|password|key)s?)_file$`)
	secretKey  = regexp.MustCompile(`(?:^|_)(?:secret|token|password|api_key|private_key|signing_key|routing_key)s?$`)
)

// expander replaces ${env:NAME} and ${file:PATH} in every value, turns
// "token_file: PATH" into "token: <content>", and refuses a secret written into the
// file itself. Paths are relative to the configuration file.
type expander struct {
	path, dir string
	problems  []error
}

func (x *expander) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.MappingValueNode); ok {
		x.pair(m)
	}
	if s, ok := n.(*ast.StringNode); ok {
		x.expand(s)
	}
	return x
}

func (x *expander) pair(m *ast.MappingValueNode) {
	key, ok := m.Key.(*ast.StringNode)
	if !ok {
		return
	}
	if secretKey.MatchString(key.Value) {
		x.refuseLiteral(key.Value, m.Value)
	}
	match := secretFile.FindStringSubmatch(key.Value)
	val, isString := m.Value.(*ast.StringNode)
	if match == nil || !isString {
		return
	}
	x.expand(val)
	content, ok := x.secretFile(val, key.Value, val.Value)
	if !ok {
		return
	}
	key.Value = match[1]
	val.Value = content
}

// maxSecret bounds what is read as a secret, in bytes; a private key fits.
const maxSecret = 64 << 10

func readSecret(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSecret {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", name, maxSecret)
	}
	return os.ReadFile(name) //nolint:gosec // The configuration names the file.
}

func (x *expander) refuseLiteral(key string, v ast.Node) {
	switch n := v.(type) {
	case *ast.StringNode:
		if n.Value != "" && !reference.MatchString(n.Value) {
			x.problems = append(x.problems, at(x.path, n.Token,
				"%s: a secret must not be written into the file; use ${env:NAME} or %s_file: PATH", key, key))
		}
	case *ast.IntegerNode:
		x.problems = append(x.problems, at(x.path, n.Token,
			"%s: a secret must not be written into the file; use ${env:NAME} or %s_file: PATH", key, key))
	case *ast.SequenceNode:
		for _, e := range n.Values {
			x.refuseLiteral(key, e)
		}
	}
}

func (x *expander) expand(s *ast.StringNode) {
	s.Value = reference.ReplaceAllStringFunc(s.Value, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		kind, name := m[1], m[2]
		if kind == "file" {
			content, _ := x.secretFile(s, ref, name)
			return content
		}
		v, ok := os.LookupEnv(name)
		if !ok {
			x.problems = append(x.problems, at(x.path, s.Token, "environment variable %s is not set; set it or remove %s", name, ref))
		}
		return v
	})
}

// secretFile reads what key refers to; false, with a problem noted, when it cannot.
func (x *expander) secretFile(n *ast.StringNode, key, name string) (string, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(x.dir, name)
	}
	b, err := readSecret(name)
	if err != nil {
		x.problems = append(x.problems, at(x.path, n.Token, "%s: cannot read the secret file: %v; create it or correct the path", key, err))
		return "", false
	}
	return strings.TrimSpace(string(b)), true
}
