#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "capi"), forbid(unsafe_code))]
#![cfg_attr(feature = "capi", deny(unsafe_code))]
#![deny(missing_docs)]

mod agreement;
mod arrays;
#[cfg(feature = "capi")]
#[allow(unsafe_code)] // the only module with it: pointers come from C
mod capi;
mod coefficients;
mod config;
mod digest;
mod errors;
mod fields;
mod files;
mod forms;
mod head;
mod input;
mod json;
mod labels;
mod npy;
mod score;
mod selftest;
mod tables;
mod zip;

pub use config::{Config, Link};
pub use errors::{Code, Error};
pub use files::Pair;
pub use head::{Cutoff, Head, LoadOptions, Scores};
pub use input::{Element, Matrix};
pub use json::Value;
pub use labels::Label;
