//! One table read by several threads at once: its rows come in lanes, each of them a reader of its own, which together
//! give every row once.
//!
//! Owns who reads which lane and what happens where one fails. What the lanes leave behind adds up, because a table is a
//! multiset: see [`crate::digest::TablePart`], [`crate::second_pass::RowSpill`] and [`crate::carried::pass::CarriedPart`].

use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, ScopedJoinHandle};

use crate::error::{Error, Result};
use crate::rows::{RowReader, RowSink};

/// A lane's rows.
pub type Lane = Box<dyn RowReader>;

/// Lanes one after the other, for whoever reads with one thread.
pub struct InTurn {
    columns: usize,
    /// The first to be read stands last.
    waiting: Vec<Lane>,
}

impl InTurn {
    /// All lanes of a table of so many columns.
    pub fn new(columns: usize, mut lanes: Vec<Lane>) -> Self {
        lanes.reverse();
        Self {
            columns,
            waiting: lanes,
        }
    }
}

impl RowReader for InTurn {
    fn column_count(&self) -> usize {
        self.columns
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        while let Some(lane) = self.waiting.last_mut() {
            if lane.pump(sink)? {
                return Ok(true);
            }
            self.waiting.pop();
        }
        Ok(false)
    }
}

/// Does the same work on each lane, in a thread of its own where there are several; the results in the lanes' order.
///
/// `stop` is called where a lane fails and has to make the others end soon.
///
/// # Errors
/// The first lane's that failed by itself, not those of lanes that were stopped because of it.
pub fn at_once<T: Send>(
    mut lanes: Vec<Lane>,
    stop: impl Fn() + Sync,
    work: impl Fn(Lane) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let guarded = |lane| {
        let outcome = work(lane);
        if outcome.is_err() {
            stop();
        }
        outcome
    };
    let guarded = &guarded;
    let first = (!lanes.is_empty()).then(|| lanes.remove(0));
    std::thread::scope(|scope| {
        let mut others = Vec::new();
        for lane in lanes {
            let started = Builder::new()
                .name("kora-lane".into())
                .spawn_scoped(scope, move || guarded(lane));
            others.push(started.map_err(|problem| {
                stop();
                no_thread(&problem)
            }));
        }
        let mut outcomes: Vec<Result<T>> = first.map(guarded).into_iter().collect();
        outcomes.extend(others.into_iter().map(|thread| joined(thread?)));
        settled(outcomes)
    })
}

fn settled<T>(outcomes: Vec<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::with_capacity(outcomes.len());
    let mut failure = None;
    for outcome in outcomes {
        match (outcome, &failure) {
            (Ok(result), _) => results.push(result),
            (Err(error), None | Some(Error::Stopped)) => failure = Some(error),
            (Err(_), Some(_)) => {}
        }
    }
    failure.map_or(Ok(results), Err)
}

/// Does `work` on `0..spans`, by several threads, and hands the results over in their order. At most three results a
/// thread wait.
///
/// # Errors
/// The first of `work` or `take`; nothing more is handed over after it.
pub fn in_order<T: Send>(
    spans: Range<usize>,
    threads: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let threads = threads.min(spans.len());
    if threads < 2 {
        return spans.into_iter().try_for_each(|span| take(work(span)?));
    }
    let (work, all) = (&work, &spans);
    std::thread::scope(|scope| {
        let mut results = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(2);
            let run = move || {
                for span in all.clone().skip(thread).step_by(threads) {
                    // Nobody receives any more once an earlier result was an error.
                    if sender.send(work(span)).is_err() {
                        return;
                    }
                }
            };
            Builder::new()
                .name("kora-span".into())
                .spawn_scoped(scope, run)
                .map_err(|problem| no_thread(&problem))?;
            results.push(receiver);
        }
        for (place, _) in all.clone().enumerate() {
            // A thread ends early only by a panic, which the scope raises again.
            let result = results[place % threads].recv().map_err(|_| Error::Stopped)?;
            take(result?)?;
        }
        Ok(())
    })
}

fn no_thread(problem: &std::io::Error) -> Error {
    Error::Limit(format!("no thread could be started to read with: {problem}"))
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::readers::memory::{MemoryRows, Scalar};
    use crate::rows::Flow;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    fn lane(numbers: Range<i128>) -> Lane {
        let rows = numbers.map(|number| vec![Scalar::Int(number)]).collect();
        Box::new(MemoryRows::new(1, rows).expect("rows of one column"))
    }

    fn numbers(reader: &mut dyn RowReader, pause_after_each: bool) -> Vec<i128> {
        let mut found = Vec::new();
        let mut sink = |cells: &[Cell<'_>]| {
            if let Cell::Int(number) = cells[0] {
                found.push(number);
            }
            Ok(if pause_after_each { Flow::Pause } else { Flow::Continue })
        };
        while reader.pump(&mut sink).expect("rows in memory") {}
        found
    }

    #[test]
    fn lanes_in_turn_give_the_rows_of_all_also_across_pauses() {
        for pauses in [false, true] {
            let lanes = vec![lane(0..3), lane(3..3), lane(3..5), lane(5..5)];
            let mut all = InTurn::new(1, lanes);
            assert_eq!(numbers(&mut all, pauses), [0, 1, 2, 3, 4]);
            assert_eq!(numbers(&mut all, pauses), [] as [i128; 0]);
        }
    }

    #[test]
    fn results_stand_in_the_order_of_the_lanes() {
        let lanes = (0..9).map(|part| lane(part * 10..part * 10 + part)).collect();
        let counts = at_once(lanes, || (), |mut lane| Ok(numbers(&mut *lane, false).len()));
        assert_eq!(counts.expect("no lane fails"), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_lane_that_fails_stops_the_others_and_its_error_is_the_one_told() {
        let stopped = AtomicBool::new(false);
        let work = |mut lane: Lane| {
            let found = numbers(&mut *lane, false);
            if found == [2] {
                return Err(Error::Limit("the third lane".into()));
            }
            while !stopped.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err::<(), _>(Error::Stopped)
        };
        let lanes = (0..4).map(|number| lane(number..number + 1)).collect();
        let failure = at_once(lanes, || stopped.store(true, Ordering::Relaxed), work);
        assert!(matches!(failure, Err(Error::Limit(told)) if told == "the third lane"));
    }

    #[test]
    fn spans_are_handed_over_in_order_however_many_threads_work() {
        for threads in [0, 1, 2, 7, 100] {
            let mut found = Vec::new();
            let outcome = in_order(
                3..40,
                threads,
                |span| Ok(span * 2),
                |double| {
                    found.push(double);
                    Ok(())
                },
            );
            assert!(outcome.is_ok());
            assert_eq!(found, (3..40).map(|span| span * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn after_a_span_that_fails_nothing_more_is_handed_over_and_the_threads_end() {
        for threads in [1, 3] {
            let handed = AtomicUsize::new(0);
            let work = |span: usize| if span == 5 { Err(Error::Stopped) } else { Ok(span) };
            let outcome = in_order(0..1000, threads, work, |_| {
                handed.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
            assert!(matches!(outcome, Err(Error::Stopped)));
            assert_eq!(handed.load(Ordering::Relaxed), 5);
        }
    }
}
