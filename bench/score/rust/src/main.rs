//! Contestants in Rust: reads one request a line, answers with one JSON object a line. ../README.md says what requests mean.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use ndarray::{Array1, ArrayView1, ArrayView2};
use plmhead::Head;

const USAGE: &str = "usage: bench-score CONTESTANT ARTIFACT THREADS VALUES | first ARTIFACT | empty; CONTESTANT is plmhead, ndarray or floor";
const LANES: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["empty"] => {}
        ["first", artifact] => first(artifact),
        [contestant, artifact, threads, count] => {
            let (threads, count) = (threads.parse().expect(USAGE), count.parse().expect(USAGE));
            Contest::new(contestant, artifact, threads, count).serve();
        }
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

/// What a fresh process is started for.
fn first(artifact: &str) {
    let head = Head::load(artifact).expect("a pair");
    let p = head.predict_proba(&values(head.n_features_in())).expect("a finite row");
    println!("{}", object("probability", &p[p.len() - 1..]));
}

/// Values in [-1, 1) that any language makes the same: a counter of 32 bits, scrambled.
fn values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) as i32) as f32 / 2_147_483_648.0).collect()
}

/// `{"name": [items]}`; `{:?}` of a float is the shortest decimal that is read as the same float.
fn object<T: std::fmt::Debug>(name: &str, items: &[T]) -> String {
    format!("{{\"{name}\": {items:?}}}")
}

#[derive(Clone, Copy)]
enum Contestant {
    Plmhead,
    Ndarray,
    Floor,
}

struct Contest {
    contestant: Contestant,
    artifact: String,
    threads: usize,
    x: Vec<f32>,
    next: usize,
    coef: Array1<f32>,
    head: Head,
}

impl Contest {
    fn new(contestant: &str, artifact: &str, threads: usize, count: usize) -> Contest {
        let contestant = match contestant {
            "plmhead" => Contestant::Plmhead,
            "ndarray" => Contestant::Ndarray,
            "floor" => Contestant::Floor,
            _ => panic!("{USAGE}"),
        };
        let head = Head::load(artifact).expect("a pair");
        let coef = head.coef().map(|w| w as f32).collect();
        Contest { contestant, artifact: artifact.to_string(), threads, x: values(count), next: 0, coef, head }
    }

    fn serve(&mut self) {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("a line of text");
            let answer = self.answer(&line.split(' ').collect::<Vec<_>>());
            // Standard output of Rust hands on every line at once.
            println!("{}", answer.unwrap_or_else(|error| format!("{{\"error\": {error:?}}}")));
        }
    }

    fn answer(&mut self, words: &[&str]) -> Result<String, String> {
        let [what, rows, repeats] = words else { return Err("expected WHAT ROWS REPEATS".to_string()) };
        let number = |word: &str| word.parse::<usize>().map_err(|error| format!("{word}: {error}"));
        let (rows, repeats) = (number(rows)?, number(repeats)?);
        let values = rows.saturating_mul(self.head.n_features_in());
        if values > self.x.len() {
            return Err(format!("{rows} rows are more than there are values"));
        }
        match (*what, self.contestant) {
            (_, Contestant::Ndarray) if self.head.rows() > 1 => Err("only two classes".to_string()),
            ("score", Contestant::Plmhead) => Ok(self.timed(values, repeats, Self::score)),
            ("score", Contestant::Ndarray) => Ok(self.timed(values, repeats, Self::by_ndarray)),
            ("score", Contestant::Floor) => Ok(self.timed(values, repeats, |this, x| this.in_parts(x, sum))),
            ("load", Contestant::Plmhead) => {
                Ok(self.timed(0, repeats, |this, _| Head::load(&this.artifact).expect("as before")))
            }
            ("show", Contestant::Plmhead) => {
                let p = self.score(&self.x[..values]);
                let last: Vec<f64> = p.chunks_exact(self.head.classes().len()).map(|p| p[p.len() - 1]).collect();
                Ok(object("probability", &last))
            }
            ("show", Contestant::Ndarray) => Ok(object("probability", &self.by_ndarray(&self.x[..values]).concat())),
            _ => Err(format!("{what} is not for this contestant")),
        }
    }

    /// The times of calls of `work`, each on the values behind those of the call before, so that no cache holds them.
    fn timed<R>(&mut self, values: usize, repeats: usize, work: impl Fn(&Contest, &[f32]) -> R) -> String {
        let once = |_| {
            if self.next + values > self.x.len() {
                self.next = 0;
            }
            let x = &self.x[self.next..self.next + values];
            self.next += values;
            let start = Instant::now();
            drop(black_box(work(self, black_box(x))));
            start.elapsed().as_nanos() as u64
        };
        object("nanoseconds", &(0..repeats).map(once).collect::<Vec<_>>())
    }

    /// With buffers of its own in every call, as the others have.
    fn score(&self, x: &[f32]) -> Vec<f64> {
        let rows = x.len() / self.head.n_features_in();
        let mut decision = vec![0.0; rows * self.head.rows()];
        let mut probability = vec![0.0; rows * self.head.classes().len()];
        self.head.score_into_parallel(x, &mut decision, &mut probability, self.threads).expect("finite rows");
        probability
    }

    /// What one would write with ndarray: a matrix product and the logistic function, in binary32.
    fn by_ndarray(&self, x: &[f32]) -> Vec<Vec<f32>> {
        let intercept = self.head.intercept()[0] as f32;
        self.in_parts(x, |x| probabilities(x, self.coef.view(), intercept).into_raw_vec_and_offset().0)
    }

    /// `work` on one part of the rows a thread, this one included.
    fn in_parts<R: Send>(&self, x: &[f32], work: impl Fn(&[f32]) -> R + Sync) -> Vec<R> {
        let n = self.head.n_features_in();
        let mut parts = x.chunks((x.len() / n).div_ceil(self.threads).max(1) * n);
        let own = parts.next();
        std::thread::scope(|scope| {
            let work = &work;
            let others: Vec<_> = parts.map(|x| scope.spawn(move || work(x))).collect();
            let own = own.map(work);
            own.into_iter().chain(others.into_iter().map(|thread| thread.join().expect("no panic"))).collect()
        })
    }
}

fn probabilities(x: &[f32], coef: ArrayView1<'_, f32>, intercept: f32) -> Array1<f32> {
    let x = ArrayView2::from_shape((x.len() / coef.len(), coef.len()), x).expect("whole rows");
    x.dot(&coef).mapv(|z| 1.0 / (1.0 + (-(z + intercept)).exp()))
}

/// The floor: reads every value and does as little as a sum does.
fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for block in x.as_chunks::<LANES>().0 {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane += x;
        }
    }
    lanes.iter().sum()
}
