//! What a head scores: slices of `f32` or `f64`, or rows read from bytes.

use std::path::Path;

use crate::errors::{Code, Error};
use crate::files;
use crate::npy::{self, Dtype, Shape, items};

/// The word for the input in errors.
pub(crate) const PLACE: &str = "X";

pub(crate) mod sealed {
    pub trait Widen: Copy + Send + Sync {
        /// The same value as binary64, exactly.
        fn widen(self) -> f64;
        fn finite(self) -> bool;
    }

    impl Widen for f32 {
        fn widen(self) -> f64 {
            f64::from(self)
        }
        fn finite(self) -> bool {
            self.is_finite()
        }
    }

    impl Widen for f64 {
        fn widen(self) -> f64 {
            self
        }
        fn finite(self) -> bool {
            self.is_finite()
        }
    }

    /// As a file stores it.
    impl Widen for [u8; 4] {
        fn widen(self) -> f64 {
            f64::from(f32::from_le_bytes(self))
        }
        fn finite(self) -> bool {
            self.widen().is_finite()
        }
    }

    /// As a file stores it.
    impl Widen for [u8; 8] {
        fn widen(self) -> f64 {
            f64::from_le_bytes(self)
        }
        fn finite(self) -> bool {
            self.widen().is_finite()
        }
    }
}

/// A number that a head scores: `f32` or `f64`, and no other type.
pub trait Element: sealed::Widen {}

impl Element for f32 {}
impl Element for f64 {}

/// Rows read from bytes, whose type is known only at run time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Matrix {
    /// Rows of binary32, one after the other.
    F32(Vec<f32>),
    /// Rows of binary64, one after the other.
    F64(Vec<f64>),
}

impl Matrix {
    /// Reads what `numpy.save` writes for a C-ordered array (rows, `columns`) of `<f4` or `<f8`.
    ///
    /// # Errors
    /// `NPY_PREAMBLE`, `NPY_HEADER`, `NPY_ORDER`, `INPUT_DTYPE`, `INPUT_SHAPE`, `NPY_LENGTH`, in this order, at `X`.
    pub fn from_npy(bytes: &[u8], columns: usize) -> Result<Matrix, Error> {
        let raw = npy::read(bytes, PLACE, true)?;
        let Some(dtype @ (Dtype::F4 | Dtype::F8)) = raw.dtype else {
            return Err(dtype_fault(raw.descr));
        };
        match raw.shape {
            Shape::Matrix(_, found) if found as usize == columns => {}
            found => return Err(shape_fault(&found.to_string(), columns)),
        }
        npy::check_length(&raw, dtype, PLACE)?;
        Ok(Matrix::from_items(raw.data, dtype))
    }

    /// As [`Matrix::from_npy`], from a file.
    ///
    /// # Errors
    /// As [`Matrix::from_npy`], and `FILE_UNREADABLE` at `X`.
    pub fn load(path: impl AsRef<Path>, columns: usize) -> Result<Matrix, Error> {
        Matrix::from_npy(&files::read(path.as_ref(), PLACE, u64::MAX)?, columns)
    }

    /// Reads raw little-endian rows of the stated shape; `dtype` is `f4` or `f8`.
    ///
    /// # Errors
    /// `INPUT_DTYPE` for another dtype; `INPUT_SHAPE` when the second number of the shape is not `columns`, or the
    /// bytes are not the product of the shape; at `X`.
    pub fn from_raw(bytes: &[u8], dtype: &str, shape: (usize, usize), columns: usize) -> Result<Matrix, Error> {
        let dtype = match dtype {
            "f4" => Dtype::F4,
            "f8" => Dtype::F8,
            other => return Err(dtype_fault(other)),
        };
        if shape.1 != columns {
            return Err(shape_fault(&format!("{shape:?}"), columns));
        }
        let size = shape.0.checked_mul(shape.1).and_then(|count| count.checked_mul(dtype.item_size()));
        if size != Some(bytes.len()) {
            let message = format!("found {} bytes, expected the size of {shape:?}", bytes.len());
            return Err(Error::new(Code::InputShape, PLACE, message));
        }
        Ok(Matrix::from_items(bytes, dtype))
    }

    fn from_items(bytes: &[u8], dtype: Dtype) -> Matrix {
        match dtype {
            Dtype::F4 => Matrix::F32(items(bytes, f32::from_le_bytes).collect()),
            _ => Matrix::F64(items(bytes, f64::from_le_bytes).collect()),
        }
    }
}

fn dtype_fault(found: &str) -> Error {
    Error::new(Code::InputDtype, PLACE, format!("found dtype {found:?}, expected <f4 or <f8"))
}

pub(crate) fn shape_fault(found: &str, columns: usize) -> Error {
    Error::new(Code::InputShape, PLACE, format!("found shape {found}, expected (rows, {columns})"))
}
