// What an ONNX graph asks for and gives, read without a protobuf library: bytes in, names and types out.
// Only the fields that lead to a tensor (B7), an input or an output (B8) are followed; everything else is skipped by its
// length. Field numbers are those of onnx.proto.

const MAXIMUM_DEPTH = 32
const latin1 = new TextDecoder('latin1')

/** Of each message the fields that hold messages on the way to a tensor. @type {Record<string, Record<number, string>>} */
const CHILDREN = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
}

/** A graph that is none, or is built against the rules. */
export class GraphFault extends Error {}

/**
 * @typedef {number | Uint8Array} Value a varint, or the bytes of any other field
 * @typedef {object} Port an input or an output
 * @property {string} name
 * @property {Value} element the type as onnx.proto numbers it: 1 float32, 6 int32, 7 int64
 * @property {(Value | null)[]} shape null for an axis that is free
 */

/**
 * The `location` of every tensor that is not in the graph itself, a character for each byte. Throws GraphFault.
 * @param {Uint8Array} data
 * @returns {string[]}
 */
export function externalFiles(data) {
  if (latin1.decode(data.subarray(4, 8)) === 'ORTM') throw new GraphFault("found onnxruntime's own format, expected ONNX")
  if (!fields(data).some(([number]) => number === 7)) throw new GraphFault('found no graph, expected an ONNX model')
  /** @type {string[]} */
  const found = []
  collect(data, 'model', 0, found)
  return found
}

/**
 * @param {Uint8Array} message
 * @param {string} kind
 * @param {number} depth
 * @param {string[]} found
 */
function collect(message, kind, depth, found) {
  if (depth > MAXIMUM_DEPTH) throw new GraphFault(`found messages nested more than ${MAXIMUM_DEPTH} deep`)
  const before = found.length
  let isExternal = false
  for (const [number, value] of fields(message)) {
    if (kind === 'tensor' && number === 14 && value === 1) isExternal = true
    const child = CHILDREN[kind][number]
    if (child === 'entry') {
      isExternal = true
      found.push(...location(bytesOf(value)))
    } else if (child !== undefined) collect(bytesOf(value), child, depth + 1, found)
  }
  if (isExternal && found.length === before) throw new GraphFault('found an external tensor without a location')
}

/**
 * The value of an entry with the key `location`; a repeated field counts with its last value.
 * @param {Uint8Array} entry
 */
function location(entry) {
  const parts = new Map(fields(entry))
  const [key, value] = [1, 2].map((number) => latin1.decode(bytesOf(parts.get(number))))
  return key === 'location' ? [value] : []
}

/**
 * The inputs and the outputs of the graph. Throws GraphFault.
 * @param {Uint8Array} data
 * @returns {{inputs: Port[], outputs: Port[]}}
 */
export function ports(data) {
  const graphs = fields(data).filter(([number]) => number === 7)
  if (graphs.length !== 1) throw new GraphFault(`found ${graphs.length} graphs, expected one`)
  const graph = fields(bytesOf(graphs[0][1]))
  const of = (/** @type {number} */ kind) => graph.filter(([number]) => number === kind).map(([, value]) => port(bytesOf(value)))
  return { inputs: of(11), outputs: of(12) }
}

/**
 * @param {Uint8Array} valueInfo
 * @returns {Port}
 */
function port(valueInfo) {
  const info = new Map(fields(valueInfo))
  const kind = new Map(fields(bytesOf(info.get(2))))
  const tensor = new Map(fields(bytesOf(kind.get(1))))
  const axes = fields(bytesOf(tensor.get(2))).filter(([number]) => number === 1)
  const shape = axes.map(([, axis]) => new Map(fields(bytesOf(axis))).get(1) ?? null)
  const element = tensor.get(1) ?? 0
  if ([element, ...shape].some((value) => value instanceof Uint8Array)) throw new GraphFault('found a message, expected a number')
  return { name: latin1.decode(bytesOf(info.get(1))), element, shape }
}

/** @param {Value | undefined} value */
function bytesOf(value) {
  if (typeof value === 'number') throw new GraphFault('found a number, expected a message')
  return value ?? new Uint8Array()
}

/**
 * (number, value) of each field.
 * @param {Uint8Array} message
 * @returns {[number, Value][]}
 */
function fields(message) {
  /** @type {[number, Value][]} */
  const found = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= message.length) throw new GraphFault('found the end inside a number')
      const byte = message[at]
      at += 1
      // Bits beyond 64 are dropped, as protobuf does. What is beyond 2^53 is only ever too large.
      value += (shift === 63 ? byte & 1 : byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw new GraphFault('found a number of more than ten bytes')
  }
  while (at < message.length) {
    const wire = message[at] & 7
    const number = Math.floor(varint() / 8)
    if (wire === 0) {
      found.push([number, varint()])
      continue
    }
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : -1
    if (length < 0) throw new GraphFault(`found wire type ${wire}, expected a field of protobuf`)
    if (length > message.length - at) throw new GraphFault('found a field that is longer than its message')
    found.push([number, message.subarray(at, at + length)])
    at += length
  }
  return found
}
