//! The ZIP container: section 8 of the specification.
//!
//! Takes the bytes of an NPZ, returns the bytes of the five members in canonical order. There is one way through the
//! file, from the first local header to the end record; nothing is searched for and nothing is decompressed.

use crate::errors::{Code, Error};

/// The five members, in canonical order.
pub(crate) const NAMES: [&str; 5] = ["coef.npy", "intercept.npy", "classes.npy", "n_features_in.npy", "n_iter.npy"];

const END_BYTES: usize = 22;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
const DIRECTORY_BIT: u32 = 0x10;
const ZIP64_EXTRA: [u8; 4] = [0x01, 0x00, 0x10, 0x00];

/// A member's data and its stated CRC-32.
type Stored<'a> = (&'a [u8], u32);

/// Rules Z1 to Z9.
pub(crate) fn members(npz: &[u8]) -> Result<[&[u8]; 5], Error> {
    let end = EndRecord::read(npz)?;
    let mut found: [Option<Stored<'_>>; 5] = [None; 5];
    let (mut cursor, mut position) = (end.directory, 0);
    for _ in 0..end.entries {
        let record = Central::read(npz, cursor, end.at)?;
        cursor = record.next;
        let data = locate(npz, &record, position, end.directory)?;
        position = data.end;
        let bytes = npz.get(data).unwrap_or_default();
        keep(&mut found, &record, bytes)?;
    }
    if cursor != end.at {
        return Err(fault(Code::ZipCentral, cursor, "found bytes after the last record, expected the end record"));
    }
    if position != end.directory {
        return Err(fault(Code::ZipLayout, position, "found bytes after the last member, expected the directory"));
    }
    complete(found)
}

fn fault(code: Code, at: usize, message: impl Into<String>) -> Error {
    Error::new(code, format!("npz@{at}"), message)
}

/// A field at a fixed place of a record; `None` past the end of the bytes.
fn u16_at(record: &[u8], at: usize) -> Option<u16> {
    record.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(record: &[u8], at: usize) -> Option<u32> {
    record.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// `length` bytes from `start`, if they end at or before `limit`.
fn within(bytes: &[u8], start: usize, length: usize, limit: usize) -> Option<&[u8]> {
    let end = start.checked_add(length).filter(|end| *end <= limit)?;
    bytes.get(start..end)
}

struct EndRecord {
    at: usize,
    directory: usize,
    entries: u16,
}

impl EndRecord {
    /// Z1.
    fn read(npz: &[u8]) -> Result<EndRecord, Error> {
        let wanted = "expected a plain end record in the last 22 bytes, right after the directory";
        EndRecord::parse(npz).map_err(|found| Error::new(Code::ZipEnd, "npz", format!("found {found}, {wanted}")))
    }

    fn parse(npz: &[u8]) -> Result<EndRecord, &'static str> {
        let short = "fewer bytes than an end record has";
        let at = npz.len().checked_sub(END_BYTES).ok_or(short)?;
        let record = npz.get(at..).ok_or(short)?;
        let half = |offset| u16_at(record, offset).ok_or(short);
        let word = |offset| u32_at(record, offset).ok_or(short);
        if !record.starts_with(b"PK\x05\x06") {
            return Err("another signature");
        }
        if half(4)? != 0 || half(6)? != 0 {
            return Err("a disk number that is not 0");
        }
        if half(8)? != half(10)? {
            return Err("two different counts of entries");
        }
        if half(20)? != 0 {
            return Err("a comment");
        }
        let (size, offset) = (word(12)?, word(16)?);
        if u64::from(offset) + u64::from(size) != at as u64 {
            return Err("a directory that does not end where the end record begins");
        }
        // Not above `at`, which is a usize.
        Ok(EndRecord { at, directory: offset as usize, entries: half(10)? })
    }
}

/// A record of the directory.
struct Central<'a> {
    at: usize,
    next: usize,
    bytes: &'a [u8],
    name: &'a [u8],
    size: u32,
    crc: u32,
    offset: u32,
}

impl<'a> Central<'a> {
    /// Z2, in its order: bytes and signature, lengths, flags, method, the rest.
    fn read(npz: &'a [u8], at: usize, limit: usize) -> Result<Central<'a>, Error> {
        let central = |message: &str| fault(Code::ZipCentral, at, message);
        let cut = || central("found the end of the directory, expected a record of 46 bytes and its name");
        let bytes = within(npz, at, CENTRAL_BYTES, limit).ok_or_else(cut)?;
        let half = |offset| u16_at(bytes, offset).ok_or_else(cut);
        let word = |offset| u32_at(bytes, offset).ok_or_else(cut);
        if !bytes.starts_with(b"PK\x01\x02") {
            return Err(central("found another signature, expected that of a directory record"));
        }
        if half(30)? != 0 || half(32)? != 0 {
            return Err(central("found an extra field or a comment, expected neither"));
        }
        let length = usize::from(half(28)?);
        let name = within(npz, at + CENTRAL_BYTES, length, limit).ok_or_else(cut)?;
        if half(8)? != 0 {
            return Err(fault(Code::ZipFlags, at, format!("found flags {:#06x}, expected 0", half(8)?)));
        }
        if half(10)? != 0 {
            return Err(fault(Code::ZipMethod, at, format!("found method {}, expected 0 (stored)", half(10)?)));
        }
        let record = Central {
            at,
            next: at + CENTRAL_BYTES + length,
            bytes,
            name,
            size: word(24)?,
            crc: word(16)?,
            offset: word(42)?,
        };
        record.rest(word(20)?, half(6)?, half(34)?, word(38)?).map_err(central)?;
        Ok(record)
    }

    fn rest(&self, compressed: u32, version: u16, disk: u16, attributes: u32) -> Result<(), &'static str> {
        if !matches!(version, 10 | 20 | 45) {
            return Err("found another version needed, expected 10, 20 or 45");
        }
        if disk != 0 {
            return Err("found a disk number that is not 0, expected 0");
        }
        if compressed != self.size {
            return Err("found two different sizes, expected compressed size = size");
        }
        if attributes & DIRECTORY_BIT != 0 || !matches!(attributes >> 28, 0 | 8) {
            return Err("found a directory, a link or another special file, expected a regular file");
        }
        Ok(())
    }
}

/// Z3 to Z5: where the member's data lies.
fn locate(npz: &[u8], record: &Central<'_>, position: usize, limit: usize) -> Result<std::ops::Range<usize>, Error> {
    if record.offset as usize != position {
        let message = format!("found a member at {}, expected it at {position}", record.offset);
        return Err(fault(Code::ZipLayout, record.at, message));
    }
    let start = local_header(npz, record, position, limit).map_err(|message| {
        fault(Code::ZipLocal, position, format!("found {message}, expected what the directory says"))
    })?;
    match start.checked_add(record.size as usize) {
        Some(end) if end <= limit => Ok(start..end),
        _ => Err(fault(
            Code::ZipLayout,
            position,
            "found data that runs past the directory offset, expected it to end there",
        )),
    }
}

/// Z4. Returns the offset of the data.
fn local_header(npz: &[u8], record: &Central<'_>, at: usize, limit: usize) -> Result<usize, &'static str> {
    let cut = "a local header cut short by the directory";
    let local = within(npz, at, LOCAL_BYTES, limit).ok_or(cut)?;
    if !local.starts_with(b"PK\x03\x04") {
        return Err("another signature");
    }
    // Version needed, flags, method, time, date and CRC-32 lie in the same order in both headers.
    if local.get(4..18) != record.bytes.get(6..20) {
        return Err("another version needed, flags, method, time, date or CRC-32");
    }
    let name_length = usize::from(u16_at(local, 26).ok_or(cut)?);
    let name_at = at + LOCAL_BYTES;
    if within(npz, name_at, name_length, limit) != Some(record.name) {
        return Err("another name");
    }
    let extra_length = usize::from(u16_at(local, 28).ok_or(cut)?);
    let extra_at = name_at + name_length;
    let sizes = (u32_at(local, 18).ok_or(cut)?, u32_at(local, 22).ok_or(cut)?);
    if sizes == (record.size, record.size) && extra_length == 0 {
        return Ok(extra_at);
    }
    let extra = within(npz, extra_at, extra_length, limit).ok_or(cut)?;
    let size = u64::from(record.size).to_le_bytes();
    if sizes == (u32::MAX, u32::MAX) && *extra == [&ZIP64_EXTRA[..], &size, &size].concat() {
        return Ok(extra_at + extra_length);
    }
    Err("other sizes or another extra field")
}

/// Z6.
fn keep<'a>(found: &mut [Option<Stored<'a>>; 5], record: &Central<'_>, data: &'a [u8]) -> Result<(), Error> {
    let slot = NAMES.iter().zip(found.iter_mut()).find(|(name, _)| name.as_bytes() == record.name);
    // A name may have 65,535 bytes; a message is for people.
    let name = String::from_utf8_lossy(&record.name[..record.name.len().min(80)]);
    match slot {
        Some((_, slot @ None)) => {
            *slot = Some((data, record.crc));
            Ok(())
        }
        Some(_) => Err(fault(Code::ZipName, record.at, format!("found a second {name}, expected one"))),
        None => Err(fault(Code::ZipName, record.at, format!("found {name:?}, expected one of {}", NAMES.join(", ")))),
    }
}

/// Z8 and Z9.
fn complete(found: [Option<Stored<'_>>; 5]) -> Result<[&[u8]; 5], Error> {
    let mut members = [(&[][..], 0); 5];
    for ((name, entry), member) in NAMES.iter().zip(found).zip(&mut members) {
        let Some(entry) = entry else {
            return Err(Error::new(Code::ZipMissing, *name, "found no such member, expected all five"));
        };
        *member = entry;
    }
    for (name, (data, stated)) in NAMES.iter().zip(members) {
        let crc = crc32fast::hash(data);
        if crc != stated {
            let message = format!("found CRC-32 {crc:08x} of the data, expected {stated:08x}");
            return Err(Error::new(Code::ZipCrc, *name, message));
        }
    }
    Ok(members.map(|(data, _)| data))
}
