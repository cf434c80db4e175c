import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { FormatError, Head, InputError, errorCodes, isFormatError, isInputError, load } from '../src/index.js'
import { loadFile } from '../src/node.js'
import { defaultParts, integers, makePair, softmaxParts, utf32 } from './support/pair.js'

const published = fileURLToPath(new URL('../../../shared/data/published_v0/boughter_vh_esm1v_logreg', import.meta.url))
const skip = existsSync(`${published}.npz`) ? false : 'the published pair is not here (shared/data/published_v0)'

function headOf(changes = {}) {
  const { npz, config } = makePair({ ...defaultParts(), ...changes })
  return load(npz, config)
}

const is = (code, where) => (error) => error.code === code && (where === undefined || error.where === where)

test('a head has what the files say', () => {
  const head = headOf()
  assert.ok(head instanceof Head)
  assert.deepEqual([...head.coef], [0.5, -1.25, 2, 0.1])
  assert.deepEqual([...head.intercept], [0.25])
  const { rows, nFeaturesIn, nIter, classes, labelType, link, verified, formatVersion, threshold, assayThresholds } = head
  assert.deepEqual(
    { rows, nFeaturesIn, nIter, classes, labelType, link, verified, formatVersion, threshold, assayThresholds },
    {
      rows: 1, nFeaturesIn: 4, nIter: [12], classes: [0, 1], labelType: 'int', link: 'logistic', verified: true, formatVersion: '1.0',
      threshold: 0.5, assayThresholds: [['ELISA', 0.5], ['PSR', 0.5495]],
    },
  )
  assert.equal(head.config.solver, 'lbfgs')
})

test('score is decisionFunction, predictProba and predict in one', () => {
  for (const parts of [defaultParts(), softmaxParts()]) {
    const { npz, config } = makePair(parts)
    const head = load(npz, config)
    const X = Float64Array.from({ length: 5 * head.nFeaturesIn }, (_, i) => Math.sin(i))
    const { decision, probability, labels } = head.score(X)
    assert.deepEqual(decision, head.decisionFunction(X))
    assert.deepEqual(probability, head.predictProba(X))
    assert.deepEqual(labels, head.predict(X))
    assert.equal(decision.length, 5 * head.rows)
    assert.equal(probability.length, 5 * head.classes.length)
    assert.ok(labels.every((label) => head.classes.includes(label)))
  }
})

test('X may be typed, an array of rows, of typed rows, of another realm, or empty', () => {
  const head = headOf()
  const expected = head.decisionFunction(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8))
  const others = [
    Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    [[1, 2, 3, 4], [5, 6, 7, 8]],
    [Float32Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8)],
    runInNewContext('Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8)'),
    runInNewContext('[[1, 2, 3, 4], [5, 6, 7, 8]]'),
  ]
  for (const X of others) assert.deepEqual(head.decisionFunction(X), expected)
  for (const X of [new Float32Array(0), []]) {
    assert.deepEqual(head.score(X), { decision: new Float64Array(0), probability: new Float64Array(0), labels: [] })
  }
})

test('X is refused by dtype, then shape, then value', () => {
  const head = headOf()
  const noNumbers = [
    null, undefined, 'x', {}, new Int32Array(4), new DataView(new ArrayBuffer(8)),
    [['1', 2, 3, 4]], [[1n, 2, 3, 4]], [[1, , 3, 4]], [null], [[NaN], ['x']],
  ]
  for (const X of noNumbers) {
    assert.throws(() => head.score(X), is('INPUT_DTYPE', 'X'))
  }
  for (const X of [new Float64Array(5), [1, 2, 3, 4], [[1, 2, 3]], [[NaN]], [[1, 2, 3, 4], []], [[1, 2, 3, 4, 5]]]) {
    assert.throws(() => head.score(X), is('INPUT_SHAPE', 'X'))
  }
  assert.throws(() => head.score([[1, 2, 3, 4], [1, NaN, 3, Infinity]]), is('INPUT_NONFINITE', '/1/1'))
  assert.throws(() => head.score([[1, 2, 3, 4], [0, 0, 1e308, 0]]), is('DECISION_NONFINITE', '/1'))
  assert.throws(() => head.score(Float32Array.of(1, 2, 3, 4, 5)), InputError)
})

test('the threshold is the assay type\'s, else the argument, else the head\'s', () => {
  const head = headOf({ coef: [[1, 0, 0, 0]], intercept: [0], decision: { threshold: 0.9, assay_thresholds: { 10: 0.2, 9: 0.4 } } })
  const X = [[1, 0, 0, 0]] // p1 = 0.731
  assert.deepEqual(head.predict(X), [0])
  assert.deepEqual(head.predict(X, { threshold: null, assayType: null }), [0])
  assert.deepEqual(head.predict(X, { threshold: 0.7 }), [1])
  assert.deepEqual(head.predict(X, { threshold: 0.9, assayType: '9' }), [1])
  for (const threshold of [-0.1, 1.1, NaN, Infinity, '0.5', 1n]) {
    assert.throws(() => head.predict(X, { threshold, assayType: '9' }), is('THRESHOLD', 'threshold'))
  }
  for (const assayType of ['', 'toString', '__proto__', 9]) {
    assert.throws(() => head.predict(X, { assayType }), is('ASSAY_TYPE', 'assay_type'))
  }
  const { npz, config } = makePair(softmaxParts())
  const softmax = load(npz, config)
  assert.throws(() => softmax.predict([[1, 2, 3]], { threshold: 0.5 }), is('THRESHOLD'))
  assert.throws(() => softmax.predict([[1, 2, 3]], { assayType: 'ELISA' }), is('ASSAY_TYPE'))
  assert.equal(softmax.threshold, null)
  assert.equal(softmax.assayThresholds, null)
})

test('0.5 means z > 0, although p1 of a tiny z is 0.5', () => {
  const head = headOf({ coef: [[1, 0, 0, 0]], intercept: [0] })
  const X = [[1e-17, 0, 0, 0], [0, 0, 0, 0], [-1e-17, 0, 0, 0]]
  assert.deepEqual(head.predict(X), [1, 0, 0])
  assert.deepEqual([...head.predictProba(X)], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
})

test('integer labels are Numbers, or all BigInts when one is not a safe integer', () => {
  const safe = headOf({ classes: ['<i8', '(2,)', integers([-3, Number.MAX_SAFE_INTEGER])] })
  assert.deepEqual(safe.classes, [-3, Number.MAX_SAFE_INTEGER])
  const large = headOf({ classes: ['<i8', '(2,)', integers([7, 2n ** 53n])] })
  assert.deepEqual(large.classes, [7n, 2n ** 53n])
  assert.equal(large.labelType, 'int')
})

test('float, boolean and string labels keep their type', () => {
  assert.deepEqual(headOf({ classes: ['|b1', '(2,)', Buffer.from([1, 0])] }).classes, [true, false])
  const text = headOf({ classes: ['<U4', '(2,)', utf32(['', '\ufeffa\u{1f9ec}'], 4)] })
  assert.deepEqual(text.classes, ['', '\ufeffa\u{1f9ec}'])
  assert.equal(text.labelType, 'string')
})

test('config is deep-frozen and its objects have no prototype', () => {
  const extensions = JSON.parse('{"org.example.x": {"__proto__": {"a": 1}, "constructor": [1.0, {"b": 2}]}}')
  const { config } = headOf({ config: { extensions } })
  const free = config.extensions['org.example.x']
  assert.equal(Object.getPrototypeOf(free), null)
  assert.deepEqual(Object.keys(free), ['__proto__', 'constructor'])
  assert.equal(free.__proto__.a, 1)
  assert.ok(Object.isFrozen(config) && Object.isFrozen(free) && Object.isFrozen(free.constructor) && Object.isFrozen(free.constructor[1]))
  assert.equal({}.a, undefined)
})

test('a head is frozen', () => {
  const head = headOf()
  assert.ok(Object.isFrozen(head) && Object.isFrozen(head.classes) && Object.isFrozen(head.nIter) && Object.isFrozen(head.assayThresholds))
  assert.throws(() => {
    head.threshold = 0.1
  }, TypeError)
})

test('bytes may be any view or buffer, at any offset, shared too', () => {
  const { npz, config } = makePair()
  const expected = load(npz, config).decisionFunction([[1, 2, 3, 4]])
  for (let offset = 0; offset < 9; offset++) {
    for (const kind of [ArrayBuffer, SharedArrayBuffer]) {
      const window = (bytes) => {
        const view = new Uint8Array(new kind(bytes.length + 16), offset, bytes.length)
        view.set(bytes)
        return view
      }
      assert.deepEqual(load(window(npz), window(config)).decisionFunction([[1, 2, 3, 4]]), expected)
    }
  }
  const buffer = (bytes) => Uint8Array.from(bytes).buffer
  assert.deepEqual(load(buffer(npz), new DataView(buffer(config))).decisionFunction([[1, 2, 3, 4]]), expected)
  for (const wrong of [null, undefined, 'text', [1, 2], {}]) {
    assert.throws(() => load(wrong, config), TypeError)
    assert.throws(() => load(npz, wrong), TypeError)
  }
})

test('a file size is checked before anything else', () => {
  const { npz, config } = makePair()
  const tooLong = (bytes, length) => Buffer.concat([bytes], length)
  assert.throws(() => load(npz, tooLong(config, 1048577)), is('FILE_SIZE', 'config'))
  assert.throws(() => load(new Uint8Array(150994945), Buffer.from('x')), is('FILE_SIZE', 'npz'))
  assert.throws(() => load(new Uint8Array(150994944), config), is('NPZ_DIGEST', '/npz_sha256'))
})

test('bytes that are no UTF-8 are found at their place', () => {
  const { npz } = makePair()
  const cases = [
    [[0xef, 0xbb, 0xbf, 0x7b, 0x7d], 0], [[0x20, 0xff], 1], [[0x22, 0xc3, 0xa9, 0xc0, 0x80], 3], [[0x22, 0xed, 0xa0, 0x80], 1],
    [[0x22, 0xf4, 0x90, 0x80, 0x80], 1], [[0xef, 0xbf, 0x41], 2], [[0x22, 0xef, 0xbf], 3], [[0xc3], 0],
  ]
  for (const [bytes, at] of cases) assert.throws(() => load(npz, Uint8Array.from(bytes)), is('JSON_ENCODING', `config@${at}`))
  assert.throws(() => load(npz, Buffer.from('\ufffd')), is('JSON_SYNTAX', 'config@0'))
  assert.throws(() => load(npz, Buffer.from('"\u00e9\ufeff" x')), is('JSON_SYNTAX', 'config@8'))
})

test('errors have a code, a place, a message and a remedy, and the guards go by code', () => {
  const { npz, config } = makePair()
  npz[npz.length - 1] ^= 1
  assert.throws(() => load(npz, config), (error) => {
    assert.ok(error instanceof FormatError && error instanceof Error)
    assert.equal(error.name, 'FormatError')
    assert.match(error.message, /^NPZ_DIGEST \(\/npz_sha256\): found .*, expected [0-9a-f]{64}$/)
    assert.match(error.remedy, /^fetch both files again/)
    return isFormatError(error) && isFormatError(error, 'NPZ_DIGEST') && !isFormatError(error, 'ZIP_CRC') && !isInputError(error)
  })
  assert.ok(isFormatError({ code: 'ZIP_CRC' }, 'ZIP_CRC'))
  assert.ok(isInputError({ code: 'THRESHOLD' }) && !isFormatError({ code: 'THRESHOLD' }))
  for (const other of [null, undefined, 1, {}, new Error('x'), { code: 'ENOENT' }, { code: 'toString' }]) {
    assert.ok(!isFormatError(other) && !isInputError(other))
  }
  assert.ok(Object.isFrozen(errorCodes))
})

test('errorCodes is the table of errors.json less the codes of encoders, writers, signatures, the hub, bundles and the service', () => {
  const { errors } = JSON.parse(readFileSync(new URL('../../spec/v1/errors.json', import.meta.url), 'utf8'))
  const ours = errors.filter(({ phase }) => !['sequence', 'encoder', 'writer', 'data', 'signing', 'hub', 'bundle', 'service'].includes(phase))
  assert.deepEqual(Object.entries(errorCodes), ours.map(({ code, remedy }) => [code, remedy]))
  for (const { code, phase } of ours) assert.equal(isInputError({ code }), phase === 'input', code)
})

test('a message never carries control characters of a file', () => {
  const hostile = '\u001b[2J\u0085\u202e'.repeat(50)
  const { npz, config } = makePair({ ...defaultParts(), config: { [hostile]: 1 } })
  assert.throws(() => load(npz, config), (error) => {
    assert.equal(error.where, `/${hostile}`)
    return error.code === 'FIELD_UNKNOWN' && error.message.length < 1200 && /^[ -~]*$/.test(error.message)
  })
})

test('requireVerified refuses version 0', { skip }, () => {
  const npz = readFileSync(`${published}.npz`)
  const config = readFileSync(`${published}_config.json`)
  const head = load(npz, config)
  assert.deepEqual(
    [head.formatVersion, head.verified, head.labelType, head.classes, head.nFeaturesIn, head.threshold],
    ['0', false, 'float', [0, 1], 1280, 0.5],
  )
  assert.deepEqual(head.assayThresholds, [['ELISA', 0.5], ['PSR', 0.5495]])
  assert.throws(() => load(npz, config, { requireVerified: true }), is('NOT_VERIFIED', '/format'))
  assert.deepEqual(loadFile(`${published}_config.json`).coef, head.coef)
})

test('loadFile takes the three names of a pair, and says which file it cannot read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plmhead-'))
  try {
    const { npz, config } = makePair()
    writeFileSync(join(folder, 'model_config.json'), config)
    assert.throws(() => loadFile(join(folder, 'model')), is('FILE_UNREADABLE', 'npz'))
    writeFileSync(join(folder, 'model.npz'), npz)
    for (const name of ['model', 'model.npz', 'model_config.json']) assert.ok(loadFile(join(folder, name)).verified)
    assert.throws(() => loadFile(join(folder, 'other')), is('FILE_UNREADABLE', 'config'))
    assert.throws(() => loadFile(folder), is('FILE_UNREADABLE', 'config'))
    writeFileSync(join(folder, 'model_config.json'), Buffer.alloc(1048577, 0x20))
    assert.throws(() => loadFile(join(folder, 'model')), is('FILE_SIZE', 'config'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('src/index.js works in a worker', async () => {
  const { npz, config } = makePair()
  const source = `
    import { parentPort, workerData } from 'node:worker_threads'
    const { load } = await import(workerData.url)
    parentPort.postMessage(load(workerData.npz, workerData.config).predict([[1, 2, 3, 4]]))`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { url: new URL('../src/index.js', import.meta.url).href, npz: Uint8Array.from(npz), config: Uint8Array.from(config) },
  })
  const labels = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  assert.deepEqual(labels, [1])
})
