//! Passes over rows that every long call shares: counted, stoppable, one lane of a stream or all of them at once.

use std::sync::Arc;

use kora_core::cell::Cell;
use kora_core::digest::TablePass;
use kora_core::error::{Error, Result};
use kora_core::lanes::{at_once, Lane};
use kora_core::large;
use kora_core::program::{ColumnTally, RowProgram};
use kora_core::row_tree::RowTreePass;
use kora_core::rows::{Flow, RowReader, RowSink};
use pyo3::prelude::*;

use crate::rows::{Progress, ProgressCounters, RowStream};

/// Rows between two updates of a scan's counters.
const PROGRESS_ROWS: u64 = 512;

/// Counts a scan's rows and bytes for whoever watches it.
pub struct Watch {
    counters: Option<Arc<ProgressCounters>>,
    rows: u64,
    bytes: u64,
}

impl Watch {
    /// Without a progress object this costs nothing.
    pub fn new(progress: Option<&Progress>) -> Self {
        Self::counting(progress.map(|progress| progress.shared.clone()))
    }

    fn counting(counters: Option<Arc<ProgressCounters>>) -> Self {
        Self {
            counters,
            rows: 0,
            bytes: 0,
        }
    }

    /// One more row; `Stopped` if someone asked for it.
    #[inline]
    pub fn row(&mut self, bytes: usize) -> Result<()> {
        self.rows += 1;
        self.bytes += bytes as u64;
        if self.rows == PROGRESS_ROWS {
            self.report()
        } else {
            Ok(())
        }
    }

    /// Hands the counts over.
    pub fn report(&mut self) -> Result<()> {
        let (rows, bytes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes));
        self.counters
            .as_ref()
            .map_or(Ok(()), |counters| counters.add(rows, bytes))
    }
}

/// The lanes of a stream that is to be read with a thread for each.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    counters: Arc<ProgressCounters>,
}

impl Lanes {
    /// Takes them out of the stream.
    pub(crate) fn of(stream: &RowStream, progress: Option<&Progress>) -> PyResult<Self> {
        Ok(Self {
            lanes: stream.take_lanes()?,
            counters: progress.map(|progress| progress.shared.clone()).unwrap_or_default(),
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Does `work` on each at once; one that fails stops the others.
    pub(crate) fn scan<T: Send>(self, work: impl Fn(Lane, &mut Watch) -> Result<T> + Sync) -> Result<Vec<T>> {
        let counters = self.counters;
        at_once(
            self.lanes,
            || counters.stop(),
            |lane| work(lane, &mut Watch::counting(Some(counters.clone()))),
        )
    }
}

/// Pushes all rows into `each`, which says how many bytes a row had and whether to go on.
pub(crate) fn scan(
    mut reader: Box<dyn RowReader>,
    watch: &mut Watch,
    mut each: impl FnMut(&[Cell<'_>]) -> Result<(usize, Flow)>,
) -> Result<()> {
    watch.report()?;
    let mut ended = false;
    while !ended {
        let mut paused = false;
        let more = reader.pump(&mut |cells: &[Cell<'_>]| {
            let (bytes, flow) = each(cells)?;
            watch.row(bytes)?;
            paused = flow == Flow::Pause;
            Ok(flow)
        })?;
        ended = paused || !more;
    }
    watch.report()
}

/// Like [`scan`], with each row's canonical bytes and its key's; gives the tallies.
pub(crate) fn scan_canonical(
    reader: Box<dyn RowReader>,
    mut program: RowProgram,
    watch: &mut Watch,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<Vec<ColumnTally>> {
    let (mut row, mut key) = (Vec::new(), Vec::new());
    scan(reader, watch, |cells| {
        row.clear();
        key.clear();
        let _alone = large::is_large(cells).then(large::alone);
        program.encode(cells, &mut row, &mut key)?;
        each(&row, &key)?;
        let bytes = row.len();
        large::release(&mut row);
        Ok((bytes, Flow::Continue))
    })?;
    Ok(program.tallies())
}

/// [`scan_canonical`] for a digest, which takes the long payloads of large rows where they lie; a row tree beside it
/// needs each row whole.
pub(crate) fn scan_digest(
    mut reader: Box<dyn RowReader>,
    program: RowProgram,
    watch: &mut Watch,
    pass: &mut TablePass,
    tree: &mut Option<RowTreePass>,
) -> Result<Vec<ColumnTally>> {
    if let Some(tree) = tree {
        return scan_canonical(reader, program, watch, |row, key| {
            tree.row(row, key)?;
            pass.row(row, key)
        });
    }
    watch.report()?;
    let mut sink = Digested {
        program,
        watch,
        pass,
        row: Vec::new(),
        key: Vec::new(),
    };
    while reader.pump(&mut sink)? {}
    sink.watch.report()?;
    Ok(sink.program.tallies())
}

/// Rows on their way into a digest.
struct Digested<'a> {
    program: RowProgram,
    watch: &'a mut Watch,
    pass: &'a mut TablePass,
    row: Vec<u8>,
    key: Vec<u8>,
}

impl RowSink for Digested<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow> {
        self.row.clear();
        self.key.clear();
        let bytes = if large::is_large(cells) {
            let _alone = large::alone();
            let gathered = self.program.gather(cells, &mut self.key)?;
            self.pass.gathered_row(&gathered, &self.key)?;
            gathered.byte_count()
        } else {
            self.program.encode(cells, &mut self.row, &mut self.key)?;
            self.pass.row(&self.row, &self.key)?;
            self.row.len()
        };
        self.watch.row(bytes).map(|()| Flow::Continue)
    }

    fn takes_canonical(&self) -> bool {
        self.program.is_plain()
    }

    fn canonical_row(&mut self, row: &[u8], bounds: &[usize]) -> Result<Flow> {
        self.key.clear();
        self.program.key_of(row, bounds, &mut self.key)?;
        self.pass.row(row, &self.key)?;
        self.watch.row(row.len()).map(|()| Flow::Continue)
    }
}

/// The tallies of all parts of a table, as JSON.
pub(crate) fn tallies_json(parts: Vec<Vec<ColumnTally>>) -> Result<String> {
    serde_json::to_string(&ColumnTally::sum(parts))
        .map_err(|problem| Error::Usage(format!("tallies that cannot be written as JSON: {problem}")))
}
