//! The command `serve`: a bundle behind HTTP. Requests are read on an asynchronous runtime; the encoder runs on threads of its own.

mod answer;
mod batcher;
mod connections;
mod http;
mod log;
mod options;
mod refusal;
mod request;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use plmhead::Cutoff;
use plmhead::encode::Bundle;
use tokio::net::TcpListener;
use tokio::runtime;

use crate::cli::Failure;
use crate::print::Json;
use batcher::Batcher;
use http::Service;
pub use options::{Options, USAGE, parse};

/// Threads that read and write requests; the encoder has its own.
const RUNTIME_THREADS: usize = 2;

/// What one request may hold, and how many are answered at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_bytes: usize,
    pub body_time: Duration,
    pub requests: usize,
    pub request: request::Limits,
}

/// Loads the bundle, which proves itself, and serves it until a signal.
pub fn run(options: Options, output: &mut impl Write) -> Result<(), Failure> {
    let bundle = Arc::new(Bundle::load(&options.bundle).map_err(Failure::Encode)?);
    let cutoff = Cutoff { threshold: options.threshold, assay_type: options.assay_type.as_deref() };
    bundle.head().predict_with::<f32>(&[], &cutoff)?; // a bad threshold is said before the first request
    let batcher = Arc::new(Batcher::new(options.most_waiting, options.batch_size));
    let encoders = (0..options.encoders).map(|_| {
        let (bundle, batcher) = (bundle.clone(), batcher.clone());
        let width = bundle.head().n_features_in();
        thread::Builder::new()
            .name("encoder".to_string())
            .spawn(move || batcher.work(width, |texts| bundle.embed(texts)))
    });
    let encoders: Vec<_> = encoders.collect::<Result<_, _>>().map_err(cannot("start a thread"))?;
    let service = Service {
        bundle,
        batcher: batcher.clone(),
        limits: options.limits,
        threshold: options.threshold,
        assay_type: options.assay_type.clone(),
        waiting: AtomicUsize::new(0),
    };
    let runtime = runtime::Builder::new_multi_thread().worker_threads(RUNTIME_THREADS).enable_all().build();
    let runtime = runtime.map_err(cannot("start its runtime"))?;
    let all_answered = runtime.block_on(listen(&options, service, output))?;
    batcher.close();
    runtime.shutdown_background();
    if !all_answered {
        let message = format!("found requests without an answer {:?} after the signal", options.manners.grace);
        return Err(Failure::Service(message));
    }
    for encoder in encoders {
        let _ = encoder.join();
    }
    Ok(())
}

async fn listen(options: &Options, service: Service, output: &mut impl Write) -> Result<bool, Failure> {
    let stop = connections::stop_signal().map_err(cannot("wait for signals"))?;
    let listener = TcpListener::bind(options.listen).await.map_err(cannot(&format!("listen on {}", options.listen)))?;
    let address = listener.local_addr().map_err(cannot("tell its address"))?;
    started(options, &service, address.ip().is_loopback());
    let line = Json::object(|json| {
        json.name("listening").str(&format!("http://{address}"));
        json.name("port").plain(address.port());
    });
    writeln!(output, "{line}")?;
    output.flush()?;
    let stopping = async {
        stop.await;
        log::event("stopping", |_| {});
    };
    let router = http::router(Arc::new(service));
    let all_answered = connections::serve(listener, router, options.manners, stopping).await;
    log::event("stopped", |json| json.name("all_answered").plain(all_answered));
    Ok(all_answered)
}

fn started(options: &Options, service: &Service, loopback: bool) {
    log::event("ready", |json| {
        json.name("encoder").str(service.bundle.encoder_name());
        json.name("npz_sha256").str(service.bundle.head().npz_sha256());
        json.name("batch_size").plain(options.batch_size);
    });
    if service.bundle.encoder_name().starts_with("plmhead/random-") {
        log::event("warning", |json| {
            json.name("message").str("the encoder has random weights: for trying things, not for science")
        });
    }
    if !loopback {
        log::event("warning", |json| json.name("message").str("listens beyond the loopback, without TLS or passwords"));
    }
}

fn cannot(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    let what = what.to_string();
    move |error| Failure::Service(format!("cannot {what}: {error}"))
}
