//! Proleptic Gregorian days and the ticks of a clock.
