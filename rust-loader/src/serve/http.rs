//! The routes: HTTP in, the core's answers out. The core is `request.rs`, `batcher.rs` and `answer.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use plmhead::Cutoff;
use plmhead::encode::Bundle;
use tokio::time::timeout;

use crate::serve::Limits;
use crate::serve::answer::{answer, cutoff, description};
use crate::serve::batcher::Batcher;
use crate::serve::log;
use crate::serve::refusal::Refusal;
use crate::serve::request::{self, Kind};

/// What of a body that is too long is read and thrown away, so that its sender gets to read the refusal.
const DISCARDED: usize = 1 << 26;

const PREDICT: &str = "/v1/predict";
const HEAD: &str = "/v1/head";
const HEALTH: &str = "/health";

/// All that a request needs.
pub struct Service {
    pub bundle: Arc<Bundle>,
    pub batcher: Arc<Batcher>,
    pub limits: Limits,
    pub threshold: Option<f64>,
    pub assay_type: Option<String>,
    /// Requests that wait for their results.
    pub waiting: AtomicUsize,
}

/// What the log says of a request beyond method, path and status.
#[derive(Clone, Copy, Default)]
struct Counts {
    code: Option<&'static str>,
    sequences: usize,
    failed: usize,
}

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(PREDICT, post(predict).fallback(|| other_method("POST")))
        .route(HEAD, get(head).fallback(|| other_method("GET")))
        .route(HEALTH, get(health).fallback(|| other_method("GET")))
        .fallback(other_path)
        .layer(middleware::from_fn(logged))
        .with_state(service)
}

async fn other_path() -> Response {
    let expected = format!("found another path, expected {PREDICT}, {HEAD} or {HEALTH}");
    refused(&Refusal::of_service("REQUEST_PATH", "path", expected))
}

async fn other_method(allowed: &'static str) -> Response {
    let refusal = Refusal::of_service("REQUEST_METHOD", "method", format!("found another method, expected {allowed}"));
    with(refused(&refusal), ALLOW, HeaderValue::from_static(allowed))
}

/// The service listens only after the bundle has proved itself; and it takes no connection once it stops.
async fn health() -> Response {
    json(StatusCode::OK, "{\"status\":\"ready\"}\n".to_string())
}

async fn head(State(service): State<Arc<Service>>) -> Response {
    json(StatusCode::OK, description(&service.bundle, &service.limits))
}

async fn predict(State(service): State<Arc<Service>>, request: Request) -> Response {
    results(&service, request).await.unwrap_or_else(|refusal| refused(&refusal))
}

async fn results(service: &Service, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let kind = kind(&parts.headers);
    let body = read(service, &parts.headers, body).await?;
    let body = request::parse(kind?, &body, service.limits.request, service.bundle.too_long())?;
    let head = service.bundle.head();
    let own = Cutoff { threshold: service.threshold, assay_type: service.assay_type.as_deref() };
    let cutoff = cutoff(head, &body, &own)?;
    let vectors = embed(service, &body).await?;
    let text = answer(head, &body, &vectors, &cutoff).map_err(|error| Refusal::internal(&error.into()))?;
    let mut response = json(StatusCode::OK, text);
    let failed = body.entries.iter().filter(|entry| entry.sequence.is_err()).count();
    response.extensions_mut().insert(Counts { code: None, sequences: body.entries.len(), failed });
    Ok(response)
}

fn kind(headers: &HeaderMap) -> Result<Kind, Refusal> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("no text"));
    if let Some(found) = text(CONTENT_ENCODING).filter(|found| !found.eq_ignore_ascii_case("identity")) {
        let message = format!("found {found:?}, expected none");
        return Err(Refusal::of_service("REQUEST_TYPE", "content-encoding", message));
    }
    Kind::of(text(CONTENT_TYPE))
}

/// The whole body, within the limits of size and of time.
async fn read(service: &Service, headers: &HeaderMap, mut body: Body) -> Result<Bytes, Refusal> {
    let most = service.limits.body_bytes;
    let too_long = || {
        let message = format!("found more than {most} bytes, expected at most that many");
        Refusal::of_service("REQUEST_SIZE", "body", message)
    };
    let stated = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|stated| stated > most as u64) {
        if stated.is_some_and(|stated| stated <= DISCARDED as u64) && !headers.contains_key(EXPECT) {
            discard(service, body).await;
        }
        return Err(too_long());
    }
    let whole = timeout(service.limits.body_time, Limited::new(&mut body, most).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(service, body).await;
            Err(too_long())
        }
        Ok(Err(_)) => Err(Refusal { status: 400, ..Refusal::unusable("DATA", "body", "the body ended too early") }),
        Err(_) => {
            let message = format!("found no whole body within {:?}, expected one", service.limits.body_time);
            Err(Refusal::of_service("REQUEST_SLOW", "body", message))
        }
    }
}

async fn discard(service: &Service, mut body: Body) {
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARDED {
                break;
            }
        }
    };
    let _ = timeout(service.limits.body_time, rest).await;
}

/// One place among the requests that wait; given back when the request ends, however it ends.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The vectors of the entries that have a sequence, row after row.
async fn embed(service: &Service, body: &request::Body) -> Result<Vec<f32>, Refusal> {
    let place = Place(&service.waiting);
    let busy = |message: &str| Refusal::of_service("SERVICE_BUSY", "queue", message);
    if place.0.fetch_add(1, Ordering::Relaxed) >= service.limits.requests {
        return Err(busy("found as many requests as are answered at a time"));
    }
    let good = body.entries.iter().filter_map(|entry| entry.sequence.as_ref().ok()).cloned();
    let receivers = service.batcher.submit(good).ok_or_else(|| busy("found the queue of sequences full"))?;
    let mut vectors = Vec::with_capacity(receivers.len() * service.bundle.head().n_features_in());
    for receiver in receivers {
        match receiver.await {
            Ok(Ok(vector)) => vectors.extend(vector),
            Ok(Err(error)) => return Err(Refusal::internal(&error)),
            Err(_) => return Err(busy("the service stops")),
        }
    }
    Ok(vectors)
}

fn json(status: StatusCode, text: String) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, refusal.json());
    response.extensions_mut().insert(Counts { code: Some(refusal.code), ..Counts::default() });
    match refusal.status {
        503 => with(response, RETRY_AFTER, HeaderValue::from_static("1")),
        _ => response,
    }
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

async fn logged(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = [Method::GET, Method::HEAD, Method::POST].into_iter().find(|known| known == request.method());
    // Of another path nothing is said: it may hold anything.
    let path = [PREDICT, HEAD, HEALTH].into_iter().find(|path| *path == request.uri().path());
    let response = next.run(request).await;
    let counts = response.extensions().get::<Counts>().copied().unwrap_or_default();
    log::event("request", |json| {
        json.name("method").optional_str(method.as_ref().map(Method::as_str));
        json.name("path").optional_str(path);
        json.name("status").plain(response.status().as_u16());
        json.name("code").optional_str(counts.code);
        json.name("sequences").plain(counts.sequences);
        json.name("failed").plain(counts.failed);
        json.name("milliseconds").plain(format_args!("{:.1}", begun.elapsed().as_secs_f64() * 1e3));
    });
    response
}
