//! Sequences in, probabilities out: bundles (`spec/bundle/SPEC.md`) and tables of sequences.
//!
//! ```no_run
//! use plmhead::encode::Bundle;
//! use plmhead::{Cutoff, sequences};
//!
//! # fn main() -> Result<(), plmhead::encode::EncodeError> {
//! let bundle = Bundle::load("bundle")?;
//! let sequence = sequences::normalise("EVQLVESGGGLVQPGGSLRLSCAAS", bundle.too_long()).expect("residues");
//! let embeddings = bundle.embed(&[sequence])?;
//! println!("{:?}", bundle.head().score(&embeddings, &Cutoff::default())?.probability);
//! # Ok(())
//! # }
//! ```

mod bundle;
mod fault;
mod golden;
mod graph;
mod manifest;
mod onnx;
mod records;

pub use bundle::Bundle;
pub use fault::EncodeError;
pub use records::{Format, Record, Records};
