// Package pipeline loads: it turns raw events into facts by the parsers of
// their sources and stores them so that the same events in any order, number
// and grouping end in the same tables (invariant 3). What no parser can read is
// kept beside, with its reason (invariant 5), and can be listed and tried again;
// history can be read again with a corrected parser.
//
// No client of Kafka or ClickHouse and no source may be imported: the package
// declares the small interfaces it needs and internal/app passes the adapters.
// Nothing here concludes anything from facts; that is package derive.
package pipeline
