package pipeline

// SetSizes makes a replay flush and save its position after few events.
func (r *Replayer) SetSizes(batch, checkpoint int) { r.batch, r.checkpoint = batch, checkpoint }
