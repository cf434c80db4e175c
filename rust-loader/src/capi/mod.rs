//! The C ABI. `include/plmhead.h` is its manual; what is promised there about pointers is what each `SAFETY` relies on.
//!
//! These files are thin: pointers become references, errors and panics become statuses. What a file or an input means
//! is decided in the rest of the crate.

#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

#[cfg(panic = "abort")]
compile_error!("a C caller is due PLMHEAD_INTERNAL for a panic: build the feature capi with panic = \"unwind\"");

mod border;
mod config;
mod failure;
mod head;
mod load;
#[cfg(feature = "capi-test")]
mod probe;
mod score;
mod status;
