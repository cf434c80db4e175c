//! The command line of `serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, ValueExt};

use crate::serve::Limits;
use crate::serve::connections::Manners;
use crate::serve::request;

pub const USAGE: &str = "\
usage: plmhead serve BUNDLE [--listen ADDRESS:PORT] [--threshold T] [--assay-type NAME] [--batch-size N]
                     [limits, see below]
Loads BUNDLE, checks it (digests, self-test, golden results), listens, and prints one JSON line with the address:
  {\"listening\":\"http://127.0.0.1:8000\",\"port\":8000}
POST /v1/predict  sequences as application/json, text/x-fasta or text/csv; answers label, decision and probability of each
GET  /v1/head     the head: classes, thresholds, contract, digests, limits
GET  /health      200 as soon as the service answers at all
It listens on the loopback unless told otherwise; it knows neither TLS nor passwords: put what does in front of it.
SIGTERM and SIGINT end it when all requests are answered. The log is JSON lines on standard error, without sequences.

  --listen ADDRESS:PORT   default 127.0.0.1:8000; port 0 takes a free one
  --threshold T, --assay-type NAME
                          of requests that name neither
  --batch-size N          most sequences that run together, all of one length (1)
  --encoders N            threads that run the encoder (1)
  --max-body N            bytes of a request (1048576); beyond: 413
  --max-sequences N       sequences of a request (512); beyond: 413
  --max-residues N        residues of a request (131072); beyond: 413
  --max-requests N        requests that wait for results (256); beyond: 503
  --max-queue N           residues that wait for the encoder (1048576); beyond: 503
  --max-connections N     open connections (512); others wait
  --body-seconds S        for a request's body (10); beyond: 408
  --head-seconds S        for a request's head, and between requests (10); beyond: closed
  --grace-seconds S       for what is in flight when the service stops (30)";

const MOST_ENCODERS: usize = 64;

/// What the user asked for.
pub struct Options {
    pub bundle: PathBuf,
    pub listen: SocketAddr,
    pub threshold: Option<f64>,
    pub assay_type: Option<String>,
    pub batch_size: usize,
    pub encoders: usize,
    pub most_waiting: usize,
    pub limits: Limits,
    pub manners: Manners,
}

impl Default for Options {
    fn default() -> Options {
        let seconds = Duration::from_secs;
        Options {
            bundle: PathBuf::new(),
            listen: (Ipv4Addr::LOCALHOST, 8000).into(),
            threshold: None,
            assay_type: None,
            batch_size: 1,
            encoders: 1,
            most_waiting: 1 << 20,
            limits: Limits {
                body_bytes: 1 << 20,
                body_time: seconds(10),
                requests: 256,
                request: request::Limits { sequences: 512, residues: 1 << 17 },
            },
            manners: Manners { connections: 512, head_time: seconds(10), grace: seconds(30) },
        }
    }
}

/// The options after the word `serve`; None where help is asked for.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut bundle = None;
    while let Some(argument) = parser.next()? {
        let limits = &mut options.limits;
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long("listen") => options.listen = parser.value()?.parse()?,
            Arg::Long("threshold") => options.threshold = Some(parser.value()?.parse()?),
            Arg::Long("assay-type") => options.assay_type = Some(parser.value()?.string()?),
            Arg::Long("batch-size") => options.batch_size = count(parser)?,
            Arg::Long("encoders") => options.encoders = count(parser)?.min(MOST_ENCODERS),
            Arg::Long("max-body") => limits.body_bytes = count(parser)?,
            Arg::Long("max-sequences") => limits.request.sequences = count(parser)?,
            Arg::Long("max-residues") => limits.request.residues = count(parser)?,
            Arg::Long("max-requests") => limits.requests = count(parser)?,
            Arg::Long("max-queue") => options.most_waiting = count(parser)?,
            Arg::Long("max-connections") => options.manners.connections = count(parser)?,
            Arg::Long("body-seconds") => limits.body_time = seconds(parser)?,
            Arg::Long("head-seconds") => options.manners.head_time = seconds(parser)?,
            Arg::Long("grace-seconds") => options.manners.grace = seconds(parser)?,
            Arg::Value(value) if bundle.is_none() => bundle = Some(value),
            other => return Err(other.unexpected()),
        }
    }
    options.bundle = bundle.ok_or("wrong number of arguments of serve: BUNDLE is missing")?.into();
    Ok(Some(options))
}

/// 1 to 2^31, so that no sum of limits overflows.
fn count(parser: &mut lexopt::Parser) -> Result<usize, lexopt::Error> {
    parser.value()?.parse_with(|text| match u32::from_str(text) {
        Ok(count @ 1..=2_147_483_648) => Ok(count as usize),
        _ => Err("expected 1 to 2147483648"),
    })
}

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    parser.value()?.parse_with(|text| match f64::from_str(text) {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected 0.001 to 86400"),
    })
}
