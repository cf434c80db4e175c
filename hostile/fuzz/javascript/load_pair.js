// For any two byte strings the loader returns a head or throws its own error: it throws nothing else, does not hang, and takes no
// memory that the bytes do not justify; and a head that it returns scores finite values or names the row that overflows.
import { check, pairOf } from './shared.js'

export function fuzz(data) {
  const pair = pairOf(data)
  if (pair !== null) check(pair)
}
