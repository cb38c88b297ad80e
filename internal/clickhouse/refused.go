package clickhouse

import "slices"

// RefusedError says that the server has understood an insert and refuses the
// content of a row: trying again cannot help.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Permanent tells those who decide what to try again and know no ClickHouse.
func (*RefusedError) Permanent() bool { return true }

// refusal marks an error that lies in the data. Everything else counts as an
// outage, a missing table, column or right too: somebody will mend it, and until
// then no row may be dropped.
func refusal(err error) error {
	const (
		incorrectData     = 117
		tooLargeArray     = 128
		tooLargeString    = 131
		nullInOrdinary    = 349
		brokenConstraint  = 469
		valueOutsideRange = 321
	)
	if slices.Contains([]int32{incorrectData, tooLargeArray, tooLargeString, nullInOrdinary, brokenConstraint, valueOutsideRange}, ErrorCode(err)) {
		return &RefusedError{Err: err}
	}
	return err
}
