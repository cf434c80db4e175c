// E2: what a config binds its self-test to.

import { createHash } from 'node:crypto'

const BOUND = ['format_version', 'min_reader', 'link', 'decision', 'embedding', 'golden', 'npz_sha256']
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** A well-formed JSON text with its objects as lists of [name, value]: a plain object would move names such as "10" to the front. */
function ordered(text) {
  const tokens = text.match(TOKEN)
  let at = 0
  const list = (close, item) => {
    const found = []
    at += 1
    while (tokens[at] !== close) {
      if (tokens[at] === ',') at += 1
      else found.push(item())
    }
    at += 1
    return found
  }
  const member = () => {
    const name = JSON.parse(tokens[at])
    at += 2
    return [name, value()]
  }
  const value = () => {
    if (tokens[at] === '{') return { members: list('}', member) }
    if (tokens[at] === '[') return list(']', value)
    return JSON.parse(tokens[at++])
  }
  return value()
}

function lines(value) {
  if (Array.isArray(value)) return value.flatMap(lines)
  if (value?.members) return value.members.flatMap(([name, inner]) => [name, ...lines(inner)])
  if (typeof value !== 'number') return [String(value)]
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return [bytes.toString('hex')]
}

/** s_0 to s_7 of a config, or none for version 0. */
export function seeds(text) {
  const members = new Map(ordered(text).members)
  if (!members.has('format')) return []
  const binding = BOUND.flatMap((name) => lines(members.get(name))).map((line) => `${line}\n`).join('')
  const digest = createHash('sha256').update(binding).digest()
  return Array.from({ length: 8 }, (_, j) => digest.readUInt32BE(4 * j))
}
