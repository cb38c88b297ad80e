// Package schema holds the words every other package shares: the event that
// travels through Kafka, the facts a source turns it into, the rows the
// pipeline derives, and the names of topics and tables.
//
// It may import nothing of Headway and no client of a server: it is plain data.
package schema
