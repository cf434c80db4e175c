//! Joins the sequences of many requests into batches, so that a vector depends on its sequence only, whoever asks at the same
//! time. A batch holds sequences of one length alone, its bucket: nothing is padded. And each is of one sequence or all are of
//! more: the runtime rounds one sequence otherwise than two, and two as it does eight (a test in tests/encode.rs holds it to that).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use plmhead::encode::EncodeError;
use tokio::sync::oneshot;

/// The most tokens of a batch. Attention takes memory as the square of the length.
const MOST_TOKENS: usize = 4096;

pub type Vector = Result<Vec<f32>, EncodeError>;

/// A sequence that waits, and where its vector goes.
struct Waiting {
    sequence: String,
    answer: oneshot::Sender<Vector>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    residues: usize,
    closed: bool,
}

impl Queue {
    /// Drops what nobody waits for any more.
    fn forget(&mut self) {
        self.waiting.retain(|item| !item.answer.is_closed());
        self.count();
    }

    fn count(&mut self) {
        self.residues = self.waiting.iter().map(|item| item.sequence.len()).sum();
    }
}

/// The queue between requests and the threads that run the encoder.
pub struct Batcher {
    queue: Mutex<Queue>,
    changed: Condvar,
    most_residues: usize,
    rows: usize,
}

impl Batcher {
    /// `most_residues` may wait; `rows` is the most of a batch.
    pub fn new(most_residues: usize, rows: usize) -> Batcher {
        Batcher { queue: Mutex::default(), changed: Condvar::new(), most_residues, rows: rows.max(1) }
    }

    /// A panic elsewhere leaves no half-done queue: each change is one step.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of these sequences wait from now on, or None where the queue has no room for them.
    pub fn submit(&self, sequences: impl Iterator<Item = String>) -> Option<Vec<oneshot::Receiver<Vector>>> {
        let (waiting, receivers): (Vec<Waiting>, Vec<_>) = sequences
            .map(|sequence| {
                let (answer, receiver) = oneshot::channel();
                (Waiting { sequence, answer }, receiver)
            })
            .unzip();
        let residues: usize = waiting.iter().map(|item| item.sequence.len()).sum();
        let mut queue = self.queue();
        // An empty queue takes any request: its own limit has been checked.
        let full = |queue: &Queue| !queue.waiting.is_empty() && queue.residues + residues > self.most_residues;
        if full(&queue) {
            queue.forget();
        }
        if queue.closed || full(&queue) {
            return None;
        }
        queue.residues += residues;
        queue.waiting.extend(waiting);
        drop(queue);
        self.changed.notify_one();
        Some(receivers)
    }

    /// Ends `work` when nothing waits any more.
    pub fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    /// Embeds what waits, batch after batch, until the queue is closed and empty. `embed` gives `width` values a row.
    pub fn work(&self, width: usize, embed: impl Fn(&[&str]) -> Vector) {
        while let Some(batch) = self.next() {
            let texts: Vec<&str> = batch.iter().map(|item| &*item.sequence).collect();
            match self.embed(&texts, &embed) {
                Ok(values) => {
                    for (item, vector) in batch.into_iter().zip(values.chunks_exact(width)) {
                        // Who asked may have gone.
                        let _ = item.answer.send(Ok(vector.to_vec()));
                    }
                }
                // A neighbour's fault is not handed on.
                Err(_) if batch.len() > 1 => {
                    for item in batch {
                        let _ = item.answer.send(self.embed(&[&item.sequence], &embed));
                    }
                }
                Err(error) => batch.into_iter().for_each(|item| {
                    let _ = item.answer.send(Err(error.clone()));
                }),
            }
        }
    }

    /// The vectors of a batch, and of more where it would be the only one of a single sequence: that runs beside itself.
    fn embed(&self, texts: &[&str], embed: impl Fn(&[&str]) -> Vector) -> Vector {
        match texts {
            [text] if self.rows > 1 => embed(&[text, text]).map(|mut values| {
                values.truncate(values.len() / 2);
                values
            }),
            _ => embed(texts),
        }
    }

    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        loop {
            let batch = take(&mut queue, self.rows);
            match (batch.is_empty(), queue.closed) {
                (false, _) => {
                    if !queue.waiting.is_empty() {
                        self.changed.notify_one();
                    }
                    return Some(batch);
                }
                (true, true) => return None,
                (true, false) => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The oldest sequence, and those of the same length that wait longest.
fn take(queue: &mut Queue, rows: usize) -> Vec<Waiting> {
    queue.forget();
    let length = queue.waiting.front().map_or(0, |item| item.sequence.len());
    let rows = rows.min(MOST_TOKENS / (length + 2)).max(1);
    let (mut batch, mut rest) = (Vec::new(), VecDeque::with_capacity(queue.waiting.len()));
    for item in queue.waiting.drain(..) {
        match item.sequence.len() == length && batch.len() < rows {
            true => batch.push(item),
            false => rest.push_back(item),
        }
    }
    queue.waiting = rest;
    queue.count();
    batch
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    /// Two values of each text that no other text has, by its bytes.
    fn vectors(texts: &[&str]) -> Vector {
        Ok(texts.iter().flat_map(|text| [text.len() as f32, text.bytes().map(f32::from).sum()]).collect())
    }

    fn texts(length: usize, count: usize) -> impl Iterator<Item = String> {
        (0..count).map(move |_| "M".repeat(length))
    }

    #[test]
    fn a_batch_has_one_length_and_begins_with_the_oldest() {
        let batcher = Batcher::new(1000, 3);
        let _kept = batcher.submit(["MK", "M", "KK", "V", "KM", "MM"].map(str::to_string).into_iter());
        let next = || {
            batcher.close();
            let batch = batcher.next()?;
            Some(batch.into_iter().map(|item| item.sequence).collect::<Vec<_>>())
        };
        assert_eq!(next(), Some(vec!["MK".to_string(), "KK".to_string(), "KM".to_string()]));
        assert_eq!(next(), Some(vec!["M".to_string(), "V".to_string()]));
        assert_eq!(next(), Some(vec!["MM".to_string()]));
        assert_eq!(next(), None);
    }

    #[test]
    fn long_sequences_share_a_batch_with_fewer() {
        let batcher = Batcher::new(usize::MAX, 64);
        let _kept = batcher.submit(texts(1022, 9)).expect("room");
        assert_eq!(batcher.next().expect("a batch").len(), MOST_TOKENS / 1024);
    }

    #[test]
    fn a_full_queue_takes_no_more_and_an_empty_one_takes_any_request() {
        let batcher = Batcher::new(10, 8);
        let first = batcher.submit(texts(4, 5));
        assert!(first.is_some() && batcher.submit(texts(1, 1)).is_none());
        // Who has gone leaves room.
        drop(first);
        let _second = batcher.submit(texts(2, 1));
        assert_eq!(batcher.queue().residues, 2);
        batcher.close();
        assert_eq!(batcher.next().expect("a batch").len(), 1);
        assert!(batcher.submit(texts(1, 1)).is_none());
    }

    #[test]
    fn a_fault_is_not_handed_to_neighbours() {
        let batcher = Batcher::new(100, 8);
        let receivers = batcher.submit(["MK", "ZZ", "KM"].map(str::to_string).into_iter()).expect("room");
        batcher.close();
        let fault = || EncodeError::data("here", "found ZZ");
        batcher.work(2, |texts| if texts.contains(&"ZZ") { Err(fault()) } else { vectors(texts) });
        let found: Vec<bool> =
            receivers.into_iter().map(|one| one.blocking_recv().expect("an answer").is_ok()).collect();
        assert_eq!(found, [true, false, true]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_client_gets_its_own_vectors(
            requests in prop::collection::vec(prop::collection::vec("[ACDE]{1,4}", 0..6), 1..12),
            rows in 1..6usize,
        ) {
            let batcher = Arc::new(Batcher::new(1000, rows));
            let worker = { let batcher = batcher.clone(); thread::spawn(move || batcher.work(2, vectors)) };
            let clients: Vec<_> = requests.into_iter().map(|texts| {
                let batcher = batcher.clone();
                thread::spawn(move || {
                    let receivers = batcher.submit(texts.clone().into_iter()).expect("room");
                    let found: Vec<f32> = receivers.into_iter()
                        .flat_map(|one| one.blocking_recv().expect("an answer").expect("a vector")).collect();
                    let due: Vec<f32> = texts.iter().flat_map(|text| vectors(&[text]).expect("a vector")).collect();
                    found == due
                })
            }).collect();
            let all = clients.into_iter().all(|client| client.join().expect("a client"));
            batcher.close();
            worker.join().expect("the worker");
            prop_assert!(all);
        }

        #[test]
        fn all_batches_are_of_one_sequence_or_of_more(lengths in prop::collection::vec(1..4usize, 1..20), rows in 1..5usize) {
            let batcher = Batcher::new(1000, rows);
            let receivers = batcher.submit(lengths.iter().map(|length| "M".repeat(*length))).expect("room");
            batcher.close();
            batcher.work(2, |texts| {
                assert!(texts.iter().all(|text| text.len() == texts[0].len()));
                assert!(if rows == 1 { texts.len() == 1 } else { (2..=rows).contains(&texts.len()) });
                vectors(texts)
            });
            for (receiver, length) in receivers.into_iter().zip(lengths) {
                let due = vectors(&[&"M".repeat(length)]);
                prop_assert_eq!(receiver.blocking_recv().expect("an answer"), due);
            }
        }
    }
}
