//! Floats as the file stores them, little-endian and at any alignment. The coefficients of a head stay so: a copy widened
//! to binary64 would be as large as the file again, or twice as large.

use std::borrow::Cow;
use std::ops::Range;

use crate::input::sealed::Widen;
use crate::npy::Dtype;

/// The floats of a member, in the bytes of the NPZ.
#[derive(Clone, Copy)]
pub(crate) enum Floats<'a> {
    F4(&'a [[u8; 4]]),
    F8(&'a [[u8; 8]]),
}

impl<'a> Floats<'a> {
    /// The values that fill `data`; a rest of fewer bytes does not occur after `npy::check_length`.
    pub(crate) fn of(data: &'a [u8], dtype: Dtype) -> Floats<'a> {
        match dtype {
            Dtype::F4 => Floats::F4(data.as_chunks().0),
            _ => Floats::F8(data.as_chunks().0),
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Floats::F4(items) => items.len(),
            Floats::F8(items) => items.len(),
        }
    }

    /// The values, widened, which is exact.
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = f64> + 'a {
        (0..self.len()).map(move |index| match self {
            Floats::F4(items) => items[index].widen(),
            Floats::F8(items) => items[index].widen(),
        })
    }
}

/// The coefficients of a head, in the bytes of its NPZ where these were given to it, else in a copy of their own.
#[derive(Clone)]
pub(crate) struct Coefficients {
    bytes: Vec<u8>,
    range: Range<usize>,
    dtype: Dtype,
}

impl Coefficients {
    /// `data` lies in `npz` at `range`.
    pub(crate) fn new(npz: Cow<'_, [u8]>, range: Range<usize>, dtype: Dtype) -> Coefficients {
        match npz {
            Cow::Owned(bytes) => Coefficients { bytes, range, dtype },
            Cow::Borrowed(npz) => {
                let bytes = npz[range].to_vec();
                Coefficients { range: 0..bytes.len(), bytes, dtype }
            }
        }
    }

    pub(crate) fn values(&self) -> Floats<'_> {
        Floats::of(&self.bytes[self.range.clone()], self.dtype)
    }
}

impl std::fmt::Debug for Coefficients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values().iter()).finish()
    }
}
