#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod agreement;
mod arrays;
#[cfg(feature = "capi")]
#[allow(unsafe_code)] // pointers come from C; beside it, only `kernels` has any
mod capi;
mod coefficients;
mod config;
mod digest;
#[cfg(feature = "encode")]
pub mod encode;
mod errors;
mod fields;
mod files;
mod forms;
mod head;
mod input;
mod json;
mod kernels;
mod labels;
mod npy;
mod parallel;
mod score;
mod selftest;
pub mod sequences;
mod tables;
mod zip;

pub use config::{Config, Link};
pub use errors::{Code, Error};
pub use files::Pair;
pub use head::{Cutoff, Head, LoadOptions, Scores};
pub use input::{Element, Matrix};
pub use json::Value;
pub use labels::Label;
