//! The five arrays: rules N4 to N7 and section 10 of the specification, for version 1 and version 0.
//!
//! Takes the members' bytes, returns typed arrays. The headers of all members are checked before the shapes of any,
//! the shapes before the values.

use crate::coefficients::Floats;
use crate::config::Link;
use crate::errors::{Code, Error};
use crate::labels::{self, Label};
use crate::npy::{self, Dtype, Raw, Shape};
use crate::zip::NAMES;

const MAX_ROWS: u32 = 1_024;
const MAX_FEATURES: u32 = 65_536;
const MAX_COEFFICIENTS: u64 = 16_777_216;

/// What the five members hold.
pub(crate) struct Arrays<'a> {
    /// Row after row, as stored.
    pub(crate) coef: (Raw<'a>, Dtype),
    pub(crate) intercept: Vec<f64>,
    pub(crate) n_features: usize,
    pub(crate) classes: Vec<Label>,
    pub(crate) n_iter: Vec<u64>,
}

/// The members by name, in canonical order, with their dtypes.
struct Members<'a> {
    coef: (Raw<'a>, Dtype),
    intercept: (Raw<'a>, Dtype),
    classes: (Raw<'a>, Dtype),
    n_features_in: (Raw<'a>, Dtype),
    n_iter: (Raw<'a>, Dtype),
}

/// Sections 9 and 10.
pub(crate) fn read(members: [&[u8]; 5], link: Link, version_0: bool) -> Result<Arrays<'_>, Error> {
    let [coef, intercept, classes, n_features_in, n_iter] = members;
    let kinds = if version_0 { &VERSION_0 } else { &VERSION_1 };
    let [kind0, kind1, kind2, kind3, kind4] = kinds;
    let members = Members {
        coef: kind0.read(coef)?,
        intercept: kind1.read(intercept)?,
        classes: kind2.read(classes)?,
        n_features_in: kind3.read(n_features_in)?,
        n_iter: kind4.read(n_iter)?,
    };
    let n = check_shapes(&members, link, version_0)?;
    floats(&members.coef, NAMES[0])?;
    let intercept = floats(&members.intercept, NAMES[1])?.iter().collect();
    check_float_labels(&members.classes)?;
    let classes = labels::read(&members.classes.0, members.classes.1)?;
    check_n_features(&members.n_features_in, n)?;
    let n_iter = counters(&members.n_iter)?;
    Ok(Arrays { coef: members.coef, intercept, n_features: n, classes, n_iter })
}

/// What a member may be: rules N4 and N5.
struct Kind {
    name: &'static str,
    dtypes: fn(Dtype) -> bool,
    dimensions: fn(Shape) -> bool,
    expected: &'static str,
}

impl Kind {
    /// N1 to N7.
    fn read<'a>(&self, bytes: &'a [u8]) -> Result<(Raw<'a>, Dtype), Error> {
        let raw = npy::read(bytes, self.name, false)?;
        let Some(dtype) = raw.dtype.filter(|dtype| (self.dtypes)(*dtype)) else {
            let message = format!("found dtype {:?}, expected {}", raw.descr, self.expected);
            return Err(Error::new(Code::NpyDtype, self.name, message));
        };
        if !(self.dimensions)(raw.shape) {
            let wanted = if self.name == NAMES[0] { "two dimensions" } else { "one dimension" };
            return Err(shape_fault(self.name, raw.shape, wanted));
        }
        if !in_limits(raw.shape) {
            let message = format!("found shape {}, expected at most 1024 rows, 65536 columns, 2^24 values", raw.shape);
            return Err(Error::new(Code::ArrayLimit, self.name, message));
        }
        npy::check_length(&raw, dtype, self.name)?;
        Ok((raw, dtype))
    }
}

/// N6.
fn in_limits(shape: Shape) -> bool {
    match shape {
        Shape::Scalar => true,
        Shape::Vector(a) => a <= MAX_ROWS,
        Shape::Matrix(a, b) => a <= MAX_ROWS && b <= MAX_FEATURES && u64::from(a) * u64::from(b) <= MAX_COEFFICIENTS,
    }
}

fn shape_fault(name: &str, found: Shape, expected: &str) -> Error {
    Error::new(Code::ArrayShape, name, format!("found shape {found}, expected {expected}"))
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F8 | Dtype::F4)
}

fn is_integer(dtype: Dtype) -> bool {
    !matches!(dtype, Dtype::F8 | Dtype::F4 | Dtype::Bool | Dtype::Text(_))
}

fn is_vector(shape: Shape) -> bool {
    matches!(shape, Shape::Vector(_))
}

const FLOATS: &str = "<f8 or <f4";
const INTEGERS: &str = "an integer dtype, little-endian";
const LABELS: &str = "<i8, <f8, |b1 or <U1 to <U256";
const LABELS_0: &str = "an integer dtype, <f8, |b1 or <U1 to <U256";

const COEF: Kind =
    Kind { name: NAMES[0], dtypes: is_float, dimensions: |shape| matches!(shape, Shape::Matrix(..)), expected: FLOATS };

static VERSION_1: [Kind; 5] = [
    COEF,
    Kind { name: NAMES[1], dtypes: is_float, dimensions: is_vector, expected: FLOATS },
    Kind {
        name: NAMES[2],
        dtypes: |dtype| matches!(dtype, Dtype::I8 | Dtype::F8 | Dtype::Bool | Dtype::Text(_)),
        dimensions: is_vector,
        expected: LABELS,
    },
    Kind { name: NAMES[3], dtypes: |dtype| dtype == Dtype::I8, dimensions: is_vector, expected: "<i8" },
    Kind {
        name: NAMES[4],
        dtypes: |dtype| matches!(dtype, Dtype::I4 | Dtype::I8),
        dimensions: is_vector,
        expected: "<i4 or <i8",
    },
];

static VERSION_0: [Kind; 5] = [
    COEF,
    Kind {
        name: NAMES[1],
        dtypes: is_float,
        dimensions: |shape| is_vector(shape) || shape == Shape::Scalar,
        expected: FLOATS,
    },
    Kind { name: NAMES[2], dtypes: |dtype| dtype != Dtype::F4, dimensions: is_vector, expected: LABELS_0 },
    Kind { name: NAMES[3], dtypes: is_integer, dimensions: is_vector, expected: INTEGERS },
    Kind { name: NAMES[4], dtypes: is_integer, dimensions: is_vector, expected: INTEGERS },
];

/// A1. Returns n, the columns of `coef`.
fn check_shapes(members: &Members<'_>, link: Link, version_0: bool) -> Result<usize, Error> {
    let (rows, n) = match (members.coef.0.shape, link) {
        (Shape::Matrix(1, n), Link::Logistic) => (1, n),
        (Shape::Matrix(rows @ 3.., n), Link::Softmax) => (rows, n),
        (found, Link::Logistic) => return Err(shape_fault(NAMES[0], found, "1 row, because the link is logistic")),
        (found, Link::Softmax) => {
            return Err(shape_fault(NAMES[0], found, "3 or more rows, because the link is softmax"));
        }
    };
    let vector = |index: usize, raw: &Raw<'_>, lengths: &[u32]| match raw.shape {
        Shape::Vector(length) if lengths.contains(&length) => Ok(()),
        Shape::Scalar if version_0 => Ok(()),
        found => {
            let expected: Vec<String> = lengths.iter().map(|length| format!("({length},)")).collect();
            Err(shape_fault(NAMES[index], found, &expected.join(" or ")))
        }
    };
    vector(1, &members.intercept.0, &[rows])?;
    vector(2, &members.classes.0, &[if link == Link::Logistic { 2 } else { rows }])?;
    vector(3, &members.n_features_in.0, &[1])?;
    let lengths = [1, rows];
    vector(4, &members.n_iter.0, if rows == 1 { &lengths[..1] } else { &lengths })?;
    Ok(n as usize)
}

/// A2.
fn floats<'a>((raw, dtype): &(Raw<'a>, Dtype), name: &str) -> Result<Floats<'a>, Error> {
    let values = Floats::of(raw.data, *dtype);
    check_finite(&values, name)?;
    Ok(values)
}

fn check_finite(values: &Floats<'_>, name: &str) -> Result<(), Error> {
    match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, value)) => {
            let message = format!("found {value} at index {index}, expected finite values");
            Err(Error::new(Code::ArrayNonfinite, name, message))
        }
        None => Ok(()),
    }
}

/// A2 for `classes`.
fn check_float_labels((raw, dtype): &(Raw<'_>, Dtype)) -> Result<(), Error> {
    match dtype {
        Dtype::F8 => check_finite(&Floats::of(raw.data, *dtype), NAMES[2]),
        _ => Ok(()),
    }
}

/// A3 for `n_features_in`.
fn check_n_features((raw, dtype): &(Raw<'_>, Dtype), n: usize) -> Result<(), Error> {
    match labels::integers(raw.data, *dtype).find(|found| *found != n as i128) {
        Some(found) => {
            let message = format!("found {found}, expected {n}, the columns of coef");
            Err(Error::new(Code::ArrayValue, NAMES[3], message))
        }
        None => Ok(()),
    }
}

/// A3 for `n_iter`.
fn counters((raw, dtype): &(Raw<'_>, Dtype)) -> Result<Vec<u64>, Error> {
    let counter = |value: i128| {
        let message = format!("found {value}, expected 0 or more iterations");
        u64::try_from(value).map_err(|_| Error::new(Code::ArrayValue, NAMES[4], message))
    };
    labels::integers(raw.data, *dtype).map(counter).collect()
}
