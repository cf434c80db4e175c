//! Connections: taken, timed, and ended in order.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 16_384;

/// What a request that came before the signal has to be read in: a connection of which nothing was read is closed unanswered.
const LINGER: Duration = Duration::from_millis(250);

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Open at a time; others wait in the system's queue.
    pub connections: usize,
    /// From the first moment of a connection, or the last answer, to the end of a request's head.
    pub head_time: Duration,
    /// From the signal to stop to the end of the last answer.
    pub grace: Duration,
}

/// Serves until `stop` is done; then answers what has come in. False where that took longer than the grace.
pub async fn serve(listener: TcpListener, router: Router, manners: Manners, stop: impl Future<Output = ()>) -> bool {
    let door = Arc::new(Door { listener, router, manners, graceful: GracefulShutdown::new() });
    let taking = tokio::spawn(take(door.clone()));
    stop.await;
    taking.abort();
    let _ = taking.await;
    // Who has connected before the signal is in the system's queue, with a request perhaps: it is not lost.
    let Some(Door { listener, router, graceful, .. }) = Arc::into_inner(door) else { return false };
    if let Ok(listener) = listener.into_std() {
        while let Ok(stream) = listener.accept().and_then(|(stream, _)| from_std(stream)) {
            open(stream, &router, manners, &graceful, None);
        }
    }
    sleep(LINGER).await;
    timeout(manners.grace, graceful.shutdown()).await.is_ok()
}

fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// What takes connections.
struct Door {
    listener: TcpListener,
    router: Router,
    manners: Manners,
    graceful: GracefulShutdown,
}

/// Serves a connection in the background.
fn open(
    stream: TcpStream,
    router: &Router,
    manners: Manners,
    graceful: &GracefulShutdown,
    place: Option<OwnedSemaphorePermit>,
) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(manners.head_time)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // Whoever goes away early has no one to tell.
        let _ = connection.await;
        drop(place);
    });
}

async fn take(door: Arc<Door>) {
    let places = Arc::new(Semaphore::new(door.manners.connections));
    while let Ok(place) = places.clone().acquire_owned().await {
        match door.listener.accept().await {
            Ok((stream, _)) => open(stream, &door.router, door.manners, &door.graceful, Some(place)),
            // Too many open files, mostly: some will be closed.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Done at the first SIGTERM or SIGINT. From its creation on, these no longer end the process by themselves.
#[cfg(unix)]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(poll_fn(move |context| {
        let signals = [terminate.poll_recv(context), interrupt.poll_recv(context)];
        if signals.iter().any(Poll::is_ready) { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Done at the first Ctrl-C.
#[cfg(not(unix))]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
