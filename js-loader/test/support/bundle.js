// The bundle of the conformance cases, as bytes by name.
import { readFileSync, readdirSync } from 'node:fs'

const folder = new URL('../../../conformance/bundle/tiny/', import.meta.url)
const graph = new URL('../../../python/plmhead/encoders/random-esm2-tiny.onnx', import.meta.url)

/** @returns {Map<string, Uint8Array>} */
export function tinyBundle() {
  const files = new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(new URL(name, folder)))]))
  return files.set('random-esm2-tiny.onnx', new Uint8Array(readFileSync(graph)))
}
