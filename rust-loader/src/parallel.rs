//! The parts of a batch on several threads of the standard library: who is done takes the next part.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Values of the input in a part: some microseconds of work, so that taking a part costs nothing beside it.
const VALUES: usize = 1 << 17;

/// How many rows of so many features make a part: a multiple of `at_once`, where it is as many.
pub(crate) fn rows_a_part(features: usize, at_once: usize) -> usize {
    let rows = VALUES.div_ceil(features);
    if rows < at_once { rows } else { rows.next_multiple_of(at_once) }
}

/// Does `work` on every part, on `threads` threads at most, this one included. Where the system gives no thread, the others
/// do its work.
pub(crate) fn each<P: Send>(parts: impl ExactSizeIterator<Item = P> + Send, threads: usize, work: impl Fn(P) + Sync) {
    let threads = threads.min(parts.len());
    if threads <= 1 {
        return parts.for_each(work);
    }
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || std::iter::from_fn(next).for_each(&work);
    thread::scope(|scope| {
        for _ in 1..threads {
            let _ = thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
}
