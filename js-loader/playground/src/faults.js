// What an error code means: the registry of the format, spec/v1/errors.json, taken in when the page is built.
import registry from '../../../spec/v1/errors.json' with { type: 'json' }

/** @typedef {{code: string, where: string | null, message: string, remedy: string | null}} Fault */

const REGISTERED = new Map(registry.errors.map((entry) => [entry.code, entry]))

/**
 * @param {string} code
 * @returns {{summary: string, remedy: string | null} | undefined}
 */
export function registered(code) {
  return REGISTERED.get(code)
}

/**
 * An error as plain data, which a worker can send. What has no registered code is a fault of the page.
 * @param {unknown} error
 * @returns {Fault}
 */
export function faultOf(error) {
  const { code, where = null, message, remedy = null } = /** @type {any} */ (error)
  if (typeof code !== 'string' || !REGISTERED.has(code)) return { code: 'PAGE', where: null, message: String(message ?? error), remedy: null }
  return { code, where, message, remedy }
}

/**
 * What a person reads of a fault.
 * @param {Fault} fault
 * @returns {{title: string, code: string, where: string | null, detail: string, remedy: string | null}}
 */
export function explained({ code, where, message, remedy }) {
  const entry = REGISTERED.get(code)
  const start = `${code} (${where}): `
  return {
    title: entry === undefined ? 'this page failed' : entry.summary,
    code,
    where,
    detail: message.startsWith(start) ? message.slice(start.length) : message,
    remedy: remedy ?? entry?.remedy ?? null,
  }
}
