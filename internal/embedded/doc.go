// Package embedded holds the two servers of embedded mode: Broker, a
// Kafka-protocol broker inside this process, and Warehouse, a real ClickHouse
// engine in a child process. Both listen on loopback only and keep their data
// across restarts and kill -9.
//
// What leaves this package is addresses and credentials. Clients do not know
// that the servers are embedded (invariant 11), so no Kafka or ClickHouse
// client may be imported here, and nothing here may know a topic or a table.
package embedded
