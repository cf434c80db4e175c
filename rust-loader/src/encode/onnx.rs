//! What an ONNX graph asks for and gives, read without a protobuf library: bytes in, names and types out.
//!
//! Only the fields that lead to a tensor (B7), an input or an output (B8) are followed; everything else is skipped by its
//! length. Field numbers are those of `onnx.proto`.

const MAX_DEPTH: usize = 32;

/// The messages on the way to a tensor.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    Tensor,
    Entry,
}

/// What field `number` of a message holds, where it lies on that way.
fn child(kind: Kind, number: u64) -> Option<Kind> {
    match (kind, number) {
        (Kind::Model, 7) | (Kind::Training, 1 | 2) | (Kind::Attribute, 6 | 11) => Some(Kind::Graph),
        (Kind::Model, 20) => Some(Kind::Training),
        (Kind::Model, 25) => Some(Kind::Function),
        (Kind::Function, 7) | (Kind::Graph, 1) => Some(Kind::Node),
        (Kind::Function, 11) | (Kind::Node, 5) => Some(Kind::Attribute),
        (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Some(Kind::Sparse),
        (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => Some(Kind::Tensor),
        (Kind::Tensor, 13) => Some(Kind::Entry),
        _ => None,
    }
}

/// The value of a field: a varint, or the bytes of any other.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Number(_) => Err("found a number, expected a message".to_string()),
        }
    }
}

/// An input or output: its element type (1 float32, 6 int32, 7 int64), and None for each axis that is free.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Port {
    pub(super) name: Vec<u8>,
    pub(super) element: u64,
    pub(super) shape: Vec<Option<u64>>,
}

/// The `location` of every tensor that is not in the graph itself.
pub(super) fn external_files(data: &[u8]) -> Result<Vec<&[u8]>, String> {
    if data.get(4..8) == Some(b"ORTM") {
        return Err("found onnxruntime's own format, expected ONNX".to_string());
    }
    if !fields(data)?.iter().any(|(number, _)| *number == 7) {
        return Err("found no graph, expected an ONNX model".to_string());
    }
    let mut found = Vec::new();
    locations(data, Kind::Model, 0, &mut found)?;
    Ok(found)
}

fn locations<'a>(message: &'a [u8], kind: Kind, depth: usize, found: &mut Vec<&'a [u8]>) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("found messages nested more than {MAX_DEPTH} deep"));
    }
    let (mut external, before) = (false, found.len());
    for (number, value) in fields(message)? {
        if let (Kind::Tensor, 14, Value::Number(1)) = (kind, number, value) {
            external = true;
        }
        match child(kind, number) {
            Some(Kind::Entry) => {
                external = true;
                found.extend(location(value.bytes()?)?);
            }
            Some(next) => locations(value.bytes()?, next, depth + 1, found)?,
            None => {}
        }
    }
    if external && found.len() == before {
        return Err("found an external tensor without a location".to_string());
    }
    Ok(())
}

/// The value of an entry whose key is `location`; a repeated field counts with its last value.
fn location(entry: &[u8]) -> Result<Option<&[u8]>, String> {
    let fields = fields(entry)?;
    let key = last(&fields, 1).map_or(Ok(&[][..]), Value::bytes)?;
    let value = last(&fields, 2).map_or(Ok(&[][..]), Value::bytes)?;
    Ok((key == b"location").then_some(value))
}

/// The inputs and the outputs of the graph.
pub(super) fn ports(data: &[u8]) -> Result<(Vec<Port>, Vec<Port>), String> {
    let model = fields(data)?;
    let graphs: Vec<_> = model.iter().filter(|(number, _)| *number == 7).collect();
    let [(_, graph)] = graphs[..] else {
        return Err(format!("found {} graphs, expected one", graphs.len()));
    };
    let graph = fields(graph.bytes()?)?;
    let of = |kind: u64| graph.iter().filter(move |(number, _)| *number == kind).map(|(_, value)| port(value.bytes()?));
    Ok((of(11).collect::<Result<_, _>>()?, of(12).collect::<Result<_, _>>()?))
}

fn port(value_info: &[u8]) -> Result<Port, String> {
    let info = fields(value_info)?;
    let kind = fields(message(&info, 2)?)?;
    let tensor = fields(message(&kind, 1)?)?;
    let element = number(&tensor, 1)?.unwrap_or_default();
    let shape = fields(message(&tensor, 2)?)?;
    let axes = shape.iter().filter(|(field, _)| *field == 1).map(|(_, axis)| number(&fields(axis.bytes()?)?, 1));
    Ok(Port { name: message(&info, 1)?.to_vec(), element, shape: axes.collect::<Result<_, _>>()? })
}

fn last<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Option<Value<'a>> {
    fields.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| *value)
}

fn message<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Result<&'a [u8], String> {
    last(fields, number).map_or(Ok(&[]), Value::bytes)
}

fn number(fields: &[(u64, Value<'_>)], number: u64) -> Result<Option<u64>, String> {
    match last(fields, number) {
        Some(Value::Bytes(_)) => Err("found a message, expected a number".to_string()),
        Some(Value::Number(value)) => Ok(Some(value)),
        None => Ok(None),
    }
}

fn fields(mut rest: &[u8]) -> Result<Vec<(u64, Value<'_>)>, String> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, Value::Number(varint(&mut rest)?)));
                continue;
            }
            1 => 8,
            2 => varint(&mut rest)?,
            5 => 4,
            wire => return Err(format!("found wire type {wire}, expected a field of protobuf")),
        };
        let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let Some((value, behind)) = split else {
            return Err("found a field that is longer than its message".to_string());
        };
        found.push((tag >> 3, Value::Bytes(value)));
        rest = behind;
    }
    Ok(found)
}

fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let Some((byte, behind)) = rest.split_first() else {
            return Err("found the end inside a number".to_string());
        };
        *rest = behind;
        // Bits beyond 64 are dropped, as protobuf does.
        value |= u64::from(byte & 127).checked_shl(shift).unwrap_or_default();
        if *byte < 128 {
            return Ok(value);
        }
    }
    Err("found a number of more than ten bytes".to_string())
}
