// The page's end of the worker: one task at a time, the latest one counts.

/** @typedef {import('./worker.js').Task} Task */
/** @typedef {import('./faults.js').Fault} Fault */

/**
 * @typedef {object} Handlers
 * @property {(progress: {text: string, done?: number, total?: number}) => void} progress
 * @property {(part: {rows: import('./worker.js').Row[], decision: Float64Array, probability: Float64Array}) => void} rows
 * @property {(end: {model: import('./worker.js').Model}) => void} opened
 * @property {(end: {ids: boolean, sequences: boolean}) => void} finished
 * @property {() => void} stopped
 * @property {(end: {fault: Fault}) => void} failed
 */

/**
 * A worker that is under the page's content-security policy: one from an address would be under that of its own response, which
 * a static host may not send; one from a blob inherits the page's.
 */
function startWorker() {
  const address = JSON.stringify(new URL('worker.js', import.meta.url).href)
  const blob = URL.createObjectURL(new Blob([`import ${address}`], { type: 'text/javascript' }))
  return new Worker(blob, { type: 'module', name: 'plmhead' })
}

export class Work {
  /** @type {Promise<Worker> | null} */
  #worker = null
  #id = 0

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.handlers = handlers
  }

  /** @param {Task} task */
  async start(task) {
    this.#id += 1
    const id = this.#id
    const worker = await (this.#worker ??= this.#started())
    worker.postMessage({ id, task })
  }

  async stop() {
    (await this.#worker)?.postMessage({ stop: true })
  }

  /** Waits until the worker listens: a message that comes before its modules are there would be lost. @returns {Promise<Worker>} */
  #started() {
    return new Promise((resolve) => {
      const worker = startWorker()
      worker.onerror = (event) => {
        const message = event.message ?? 'the worker did not start: is worker.js beside this page?'
        this.handlers.failed({ fault: { code: 'PAGE', where: null, message, remedy: null } })
      }
      worker.onmessage = ({ data }) => {
        if (data.type === 'ready') resolve(worker)
        else if (data.id === this.#id) this.handlers[/** @type {keyof Handlers} */ (data.type)](data)
      }
    })
  }
}
