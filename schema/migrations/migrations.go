// Package migrations holds the numbered ClickHouse DDL, one template for a
// single node and for a cluster. Applied files never change: a change is a new
// file.
package migrations

import "embed"

// FS holds the files NNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
