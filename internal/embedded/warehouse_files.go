package embedded

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/headway-metrics/headway/internal/secret"
)

// Database is the prefix of every database that the warehouse's users may
// touch, and the name of Headway's own.
const Database = "headway"

// Names of the warehouse's users.
const (
	writeUser = "headway_write"
	readUser  = "headway_read"
)

// Credentials of one user of a warehouse.
type Credentials struct {
	Username string
	Password secret.String
}

// Limits of the read-only user: what one dashboard panel may cost.
const (
	readMaxSeconds     = 30
	readMaxSecondsCap  = 120
	readMaxResultRows  = 1_000_000
	readMaxMemoryShare = 2 // A query may use 1/2 of the engine's memory.
)

type passwords struct {
	Write string `json:"write"`
	Read  string `json:"read"`
}

// loadPasswords reads the data directory's passwords, or makes them once.
func loadPasswords(dir string) (passwords, error) {
	path := filepath.Join(dir, "credentials.json")
	b, err := os.ReadFile(path) //nolint:gosec // The operator's own directory.
	if err == nil {
		var p passwords
		if err := json.Unmarshal(b, &p); err != nil || p.Write == "" || p.Read == "" {
			return passwords{}, fmt.Errorf("the warehouse's passwords in %s are damaged: delete the file, new ones are made on the next start", path)
		}
		return p, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return passwords{}, fmt.Errorf("reading the warehouse's passwords: %w", err)
	}
	p := passwords{Write: rand.Text(), Read: rand.Text()}
	b, err = json.Marshal(p)
	if err != nil {
		return passwords{}, fmt.Errorf("encoding the warehouse's passwords: %w", err)
	}
	if err := writeFile(path, b); err != nil {
		return passwords{}, err
	}
	return p, nil
}

// writeFile replaces a file as a whole, readable by its owner only.
func writeFile(path string, b []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeConfig writes the engine's configuration and users files and returns
// the configuration's path. Both are written again on every start.
func writeConfig(dir string, maxMemory int64, p passwords) (string, error) {
	users := filepath.Join(dir, "users.xml")
	config := filepath.Join(dir, "config.xml")
	values := map[string]any{
		"Users": users, "MaxMemory": maxMemory, "CacheBytes": maxMemory / 16,
		"ReadMemory": maxMemory / readMaxMemoryShare,
		"ReadMax":    readMaxSeconds, "ReadMaxCap": readMaxSecondsCap, "ReadRows": readMaxResultRows,
		"WriteUser": writeUser, "WriteHash": hash(p.Write),
		"ReadUser": readUser, "ReadHash": hash(p.Read),
		"Database": Database, "Engines": tableEngines(),
	}
	for path, text := range map[string]string{users: usersXML, config: configXML} {
		t, err := template.New(filepath.Base(path)).Parse(text)
		if err != nil {
			return "", fmt.Errorf("parsing the template of %s: %w", path, err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, values); err != nil {
			return "", fmt.Errorf("rendering %s: %w", path, err)
		}
		if err := writeFile(path, b.Bytes()); err != nil {
			return "", err
		}
	}
	return config, nil
}

// tableEngines are those that keep their data in the engine's own directory.
func tableEngines() []string {
	return []string{
		"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree",
		"Memory", "Null", "Set", "Join", "Dictionary", "View", "MaterializedView", "Merge", "Buffer",
	}
}

func hash(password string) string {
	h := sha256.Sum256([]byte(password))
	return hex.EncodeToString(h[:])
}

// configXML: parts are synced to disk when an insert is acknowledged, because
// Kafka's offset is committed on that acknowledgement (invariant 2). Merged
// parts need no sync: their sources are kept for minutes.
const configXML = `<clickhouse>
  <log-level>warning</log-level>
  <logger><console>1</console></logger>
  <timezone>UTC</timezone>
  <user_directories><users_xml><path>{{html .Users}}</path></users_xml></user_directories>
  <max_server_memory_usage>{{.MaxMemory}}</max_server_memory_usage>
  <mark_cache_size>{{.CacheBytes}}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_concurrent_queries>100</max_concurrent_queries>
  <max_connections>256</max_connections>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_common_pool_size>4</background_common_pool_size>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
`

// usersXML: the engine's own session is the user default, which can have no
// password. It takes the one session that user may have before the ports are
// open, so nobody else can log in as it, and it may do nothing but what
// listenQuery does. The read-only user may change settings (drivers send a time
// limit), but neither write nor pass the caps.
const usersXML = `<clickhouse>
  <profiles>
    <default/>
    <engine>
      <max_sessions_for_user>1</max_sessions_for_user>
    </engine>
    <headway_write>
      <async_insert>0</async_insert>
    </headway_write>
    <headway_read>
      <readonly>2</readonly>
      <max_execution_time>{{.ReadMax}}</max_execution_time>
      <max_memory_usage>{{.ReadMemory}}</max_memory_usage>
      <max_result_rows>{{.ReadRows}}</max_result_rows>
      <constraints>
        <max_execution_time><min>1</min><max>{{.ReadMaxCap}}</max></max_execution_time>
        <max_memory_usage><min>1</min><max>{{.ReadMemory}}</max></max_memory_usage>
        <max_result_rows><min>1</min><max>{{.ReadRows}}</max></max_result_rows>
      </constraints>
    </headway_read>
  </profiles>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>engine</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT READ ON FILE</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
    <{{.WriteUser}}>
      <password_sha256_hex>{{.WriteHash}}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>headway_write</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT ALL ON {{.Database}}*.*</query>
        <query>GRANT SELECT ON system.*</query>
        {{- range .Engines}}
        <query>GRANT TABLE ENGINE ON {{.}}</query>
        {{- end}}
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </{{.WriteUser}}>
    <{{.ReadUser}}>
      <password_sha256_hex>{{.ReadHash}}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>headway_read</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SELECT, dictGet ON {{.Database}}*.*</query>
      </grants>
    </{{.ReadUser}}>
  </users>
  <quotas><default/></quotas>
</clickhouse>
`
