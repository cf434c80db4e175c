// The command line and the testee, as programs.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bits, logistic, number } from './support/naive.js'
import { defaultParts, doubles, floats, integers, makePair, npy, sha256, softmaxParts } from './support/pair.js'

const cli = fileURLToPath(new URL('../src/cli.js', import.meta.url))
const published = fileURLToPath(new URL('../../../shared/data/published_v0/boughter_vh_esm1v_logreg', import.meta.url))
const skip = existsSync(`${published}.npz`) ? false : 'the published pair is not here (shared/data/published_v0)'
const folder = mkdtempSync(join(tmpdir(), 'plmhead-cli-'))
after(() => rmSync(folder, { recursive: true }))

function writePair(name, parts) {
  const { npz, config } = makePair(parts)
  writeFileSync(join(folder, `${name}.npz`), npz)
  writeFileSync(join(folder, `${name}_config.json`), config)
  return { npz, config }
}

const { npz } = writePair('model', defaultParts())
writePair('float', { ...defaultParts(), classes: ['<f8', '(2,)', doubles([0, 1])], coef: [[1, 0, 0, 0]], intercept: [-0] })
writePair('large', { ...defaultParts(), classes: ['<i8', '(2,)', integers([7, 2n ** 63n - 1n])] })
writePair('softmax', softmaxParts())
writeFileSync(join(folder, 'X.npy'), npy('<f8', '(2, 4)', doubles([1, 2, 3, 4, -1, -2, -3, -4])))
writeFileSync(join(folder, 'X3.npy'), npy('<f4', '(1, 3)', floats([1, 2, 3])))
writeFileSync(join(folder, 'empty.npy'), npy('<f4', '(0, 4)', Buffer.alloc(0)))

function run(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...words], { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}

function refused(words, status, pattern) {
  const result = run(...words)
  assert.equal(result.status, status, result.stderr)
  assert.match(result.stderr, pattern)
  assert.doesNotMatch(result.stderr, /\n +at /)
  return result
}

test('inspect --json is one line with the members in order', () => {
  const { status, stdout } = run('inspect', 'model.npz', '--json')
  assert.equal(status, 0)
  assert.equal(stdout.split('\n').length, 2)
  assert.deepEqual(Object.entries(JSON.parse(stdout)), [
    ['name', 'model'], ['format_version', '1.0'], ['verified', true], ['model_type', 'LogisticRegression'], ['link', 'logistic'],
    ['n_features_in', 4], ['classes', [0, 1]], ['n_iter', [12]], ['threshold', 0.5], ['assay_thresholds', { ELISA: 0.5, PSR: 0.5495 }],
    ['sklearn_version', '1.7.2'], ['C', 0.5], ['penalty', 'l2'], ['solver', 'lbfgs'], ['esm_model', null], ['esm_revision', null],
    ['embedding_origin', null], ['npz_sha256', sha256(npz)], ['warnings', []],
  ])
})

test('inspect without --json has one member a line', () => {
  const { stdout } = run('inspect', 'softmax')
  assert.match(stdout, /^name              softmax\nformat_version    1\.0\nverified          true\n/)
  assert.match(stdout, /\nclasses           \["a","b","\u03b2c"\]\nn_iter            \[12\]\nthreshold         null\nassay_thresholds  null\n/)
})

test('labels are printed with all their digits, floats with one decimal', () => {
  assert.match(run('inspect', 'large', '--json').stdout, /"classes":\[7,9223372036854775807\]/)
  assert.match(run('inspect', 'float', '--json').stdout, /"classes":\[0\.0,1\.0\]/)
})

test('verify', () => {
  const { stdout: verified } = run('verify', 'model_config.json', '--json')
  assert.deepEqual(JSON.parse(verified), { name: 'model', ok: true, format_version: '1.0', verified: true })
  assert.equal(run('verify', 'model', '--require-verified').stdout, 'name            model\nok              true\nformat_version  1.0\nverified        true\n')
  writeFileSync(join(folder, 'bad.npz'), npz.subarray(0, -1))
  symlinkSync('model_config.json', join(folder, 'bad_config.json'))
  refused(['verify', 'bad'], 1, /^plmhead: NPZ_DIGEST \(\/npz_sha256\): found .*\nremedy: fetch both files again/)
  const { stdout } = refused(['verify', 'bad', '--json'], 1, /^$/)
  const { code, where, message, ...rest } = JSON.parse(stdout)
  assert.deepEqual([rest, code, where], [{ name: 'bad', ok: false }, 'NPZ_DIGEST', '/npz_sha256'])
  assert.match(message, /^found SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}$/)
  refused(['verify', 'absent'], 1, /^plmhead: FILE_UNREADABLE \(config\): found ENOENT/)
})

test('the published pair', { skip }, () => {
  const { warnings, ...members } = JSON.parse(run('inspect', published, '--json').stdout)
  assert.deepEqual(
    [members.name, members.format_version, members.verified, members.embedding_origin, members.threshold],
    ['boughter_vh_esm1v_logreg', '0', false, 'version-0', 0.5],
  )
  assert.equal(members.npz_sha256, sha256(readFileSync(`${published}.npz`)))
  const page = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8').replaceAll('\n', ' ')
  assert.equal(warnings.length, 1)
  assert.ok(page.includes(`\`${warnings[0]}\``), 'the warning is not that of docs/command-line.md')
  refused(['verify', published, '--require-verified'], 1, /^plmhead: NOT_VERIFIED \(\/format\)/)
})

test('score writes one object a row', () => {
  const rows = run('score', 'model', 'X.npy').stdout.trim().split('\n').map(JSON.parse)
  assert.deepEqual(rows.map(({ row, label }) => [row, label]), [[0, 1], [1, 0]])
  for (const { decision, probability, decision_bits, probability_bits } of rows) {
    assert.deepEqual([decision_bits, probability_bits], [bits(decision), bits(probability)])
  }
  assert.deepEqual(Object.keys(rows[0]), ['row', 'label', 'decision', 'probability', 'decision_bits', 'probability_bits'])
  assert.equal(run('score', 'model', 'empty.npy').stdout, '')
  const [softmax] = run('score', 'softmax', 'X3.npy').stdout.trim().split('\n').map(JSON.parse)
  assert.equal(softmax.decision.length, 3)
  assert.deepEqual(softmax.probability_bits.map(number), softmax.probability)
})

test('score takes a threshold, an assay type and a file', () => {
  writeFileSync(join(folder, 'zero.npy'), npy('<f8', '(1, 4)', doubles([0.1, 0, 0, 0])))
  const line = '{"row":0,"label":1.0,"decision":0.1,"probability":0.52497918747894,"decision_bits":"3fb999999999999a","probability_bits":"'
    + `${bits(logistic(0.1)[1])}"}\n`
  assert.equal(run('score', 'float', 'zero.npy').stdout, line)
  assert.equal(JSON.parse(run('score', 'float', 'zero.npy', '--threshold=0.6').stdout).label, 0)
  assert.equal(JSON.parse(run('score', 'float', 'zero.npy', '--assay-type', 'PSR').stdout).label, 0)
  assert.deepEqual(run('score', 'float', 'zero.npy', '--out', 'out.jsonl'), { status: 0, stdout: '', stderr: '' })
  assert.equal(readFileSync(join(folder, 'out.jsonl'), 'utf8'), line)
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('out.jsonl')), ['out.jsonl'])
})

test('score refuses', () => {
  refused(['score', 'model', 'X.npy', '--threshold', '-1'], 1, /^plmhead: THRESHOLD \(threshold\): /)
  const unknown = ['score', 'model', 'X.npy', '--assay-type', 'X\u001b[2J']
  refused(unknown, 1, /^plmhead: ASSAY_TYPE \(assay_type\): found "X\\u\{1b\}\[2J", expected ELISA, PSR/)
  refused(['score', 'model', 'X3.npy'], 1, /^plmhead: INPUT_SHAPE \(X\): found shape \(1,3\), expected \(rows, 4\)/)
  refused(['score', 'model', 'absent.npy'], 1, /^plmhead: FILE_UNREADABLE \(X\): /)
  for (const [name, bytes, code] of [
    ['i.npy', npy('<i8', '(1, 4)', integers([1, 2, 3, 4])), 'INPUT_DTYPE'],
    ['flat.npy', npy('<f8', '(4,)', doubles([1, 2, 3, 4])), 'INPUT_SHAPE'],
    ['short.npy', npy('<f8', '(2, 4)', doubles([1, 2, 3, 4])), 'NPY_LENGTH'],
    ['huge.npy', npy('<f8', '(999999999, 4)', Buffer.alloc(0)), 'NPY_LENGTH'],
    ['zero-columns.npy', npy('<f8', '(1, 0)', Buffer.alloc(0)), 'NPY_HEADER'],
    ['nan.npy', npy('<f8', '(1, 4)', doubles([1, 2, NaN, 4])), 'INPUT_NONFINITE'],
    ['text.npy', Buffer.from('text'), 'NPY_PREAMBLE'],
  ]) {
    writeFileSync(join(folder, name), bytes)
    refused(['score', 'model', name], 1, RegExp(`^plmhead: ${code} \\(`))
  }
})

test('a wrong command line is exit code 2', () => {
  const wrong = [
    [], ['unknown'], ['toString'], ['inspect'], ['inspect', 'a', 'b'], ['inspect', 'model', '--yaml'], ['inspect', 'model', '--json=1'],
    ['verify', 'model', '--json', '--json'], ['score', 'model'], ['score', 'model', 'X.npy', '--threshold'],
    ['score', 'model', 'X.npy', '--threshold', 'half'],
  ]
  for (const words of wrong) refused(words, 2, /^plmhead: .*\nusage: plmhead inspect/)
  for (const out of [join('absent', 'x'), '.']) refused(['score', 'model', 'X.npy', '--out', out], 1, /^plmhead: OUTPUT \(/)
  assert.match(run('--help').stdout, /^usage: plmhead inspect/)
  assert.match(run('score', '--help').stdout, /^usage: plmhead inspect/)
  assert.match(run('--version').stdout, /^plmhead \d+\.\d+\.\d+\n$/)
  assert.equal(run('inspect', '--', 'model').status, 0)
})

test('a closed pipe ends the program without a word', async () => {
  const rows = 20000
  writeFileSync(join(folder, 'many.npy'), npy('<f8', `(${rows}, 4)`, Buffer.alloc(32 * rows)))
  const child = spawn(process.execPath, [cli, 'score', 'model', 'many.npy'], { cwd: folder })
  let stderr = ''
  child.stderr.on('data', (chunk) => { stderr += chunk })
  child.stdout.once('data', () => child.stdout.destroy())
  const status = await new Promise((resolve) => child.on('close', resolve))
  assert.deepEqual([status, stderr], [0, ''])
})

test('the testee answers each line, in order', () => {
  writeFileSync(join(folder, 'x.bin'), floats([1, 2, 3, 4, -1, -2, -3, -4]))
  writeFileSync(join(folder, 'x8.bin'), doubles([1e308, 0, 1e308, 0]))
  writeFileSync(join(folder, 'big.bin'), Buffer.alloc(16 * 3000))
  const load = (name) => ({ op: 'load', npz: join(folder, `${name}.npz`), config: join(folder, `${name}_config.json`) })
  const x = { path: join(folder, 'x.bin'), dtype: 'f4', rows: 2, cols: 4 }
  const predict = { op: 'predict', model: 'm1', x, threshold: null, assay_type: null }
  const requests = [
    { op: 'hello', protocol: 1 }, load('model'), load('bad'), { op: 'describe', model: 'm1' }, predict,
    { ...predict, threshold: '3ff8000000000000' }, { ...predict, assay_type: 'none' }, { ...predict, x: { ...x, rows: 4, cols: 2 } },
    { ...predict, x: { path: join(folder, 'x8.bin'), dtype: 'f8', rows: 1, cols: 4 } },
    { ...predict, x: { path: join(folder, 'big.bin'), dtype: 'f4', rows: 3000, cols: 4 } },
    { ...predict, model: 'm9' }, { ...predict, x: null }, { ...predict, x: { ...x, path: 'absent' } }, { ...predict, x: { ...x, rows: 3 } },
    { op: 'unload', model: 'm1' }, { op: 'describe', model: 'm1' }, { op: 'sing' }, { op: 'hello', protocol: 2 }, {},
  ]
  const input = [...requests.map((request, id) => JSON.stringify({ id, ...request })), 'no json', '[]', 'null', '{"id":19,"op":"shutdown"}', '{}'].join('\n')
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'testee'], { input, encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
  const answers = stdout.trim().split('\n').map(JSON.parse)
  assert.deepEqual(answers.map(({ id }) => id), [...requests.keys(), null, null, null])
  const verdicts = answers.map(({ ok, skip: skipped, error }) => error?.code ?? (skipped ? 'skip' : ok))
  assert.deepEqual(verdicts, [
    true, true, 'NPZ_DIGEST', true, true, 'THRESHOLD', 'ASSAY_TYPE', 'INPUT_SHAPE', 'DECISION_NONFINITE', 'skip',
    ...Array(4).fill('P_BAD_REQUEST'), true, 'P_BAD_REQUEST', 'P_UNKNOWN_OP', 'P_BAD_REQUEST', ...Array(4).fill('P_BAD_REQUEST'),
  ])
  assert.deepEqual(answers[0].format_versions, ['0', '1.0'])
  assert.equal(answers[3].coef.sha256, sha256(doubles(defaultParts().coef[0])))
  assert.deepEqual(answers[4].labels, [{ t: 'int', v: '1' }, { t: 'int', v: '0' }])
  assert.equal(answers[8].error.where, '/0')
})

test('the testee ends after shutdown although its input stays open', { timeout: 10000 }, async () => {
  const child = spawn(process.execPath, [cli, 'testee'])
  child.stdin.write('{"id":0,"op":"hello","protocol":1}\n{"id":1,"op":"shutdown"}\n')
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0)
})
