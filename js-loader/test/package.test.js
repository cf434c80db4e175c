// What is published: its names, its size, its types, its README.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { minify } from 'terser'
import { VERSION } from '../src/version.js'
import { makePair, npy } from './support/pair.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (name) => readFileSync(join(root, name), 'utf8')
const manifest = JSON.parse(read('package.json'))
const MAXIMUM_SIZE = 12 * 1024

/** A file of src and all that it imports, with the specifiers that are no relative paths. */
function graph(start) {
  const files = [start]
  const outside = []
  for (const file of files) {
    for (const [, specifier] of read(file).matchAll(/^(?:import|export) .*?from '([^']+)'|^import\('([^']+)'\)/gms)) {
      const path = join(dirname(file), specifier)
      if (!specifier.startsWith('.')) outside.push(specifier)
      else if (!files.includes(path)) files.push(path)
    }
  }
  return { files, outside }
}

test('no run-time dependency but a runtime of ONNX for who wants one, exact development versions', () => {
  for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies']) assert.equal(manifest[kind], undefined)
  assert.deepEqual(Object.keys(manifest.peerDependencies), ['onnxruntime-node', 'onnxruntime-web'])
  for (const name of Object.keys(manifest.peerDependencies)) assert.deepEqual(manifest.peerDependenciesMeta[name], { optional: true })
  for (const version of Object.values(manifest.devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/)
})

test('the lock file names no registry', () => {
  const lock = read('package-lock.json')
  assert.doesNotMatch(lock, /"resolved"|https?:\/\/(?!(opencollective\.com|github\.com|tidelift\.com))/)
  assert.equal(JSON.parse(lock).packages[''].version, manifest.version)
})

test('exports give types first, and every file named exists', () => {
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    assert.deepEqual(Object.keys(target), name === '.' ? ['types', 'node', 'default'] : ['types', 'default'], name)
    assert.ok(existsSync(join(root, target.default)))
    assert.equal(target.types, target.default.replace('./src/', './types/').replace(/\.js$/, '.d.ts'))
  }
  assert.ok(existsSync(join(root, manifest.bin.plmhead)))
  assert.deepEqual(manifest.files, ['src', 'types'])
  assert.equal(VERSION, manifest.version)
})

test('the public names', async () => {
  const names = ['FormatError', 'Head', 'InputError', 'errorCodes', 'isFormatError', 'isInputError', 'load']
  assert.deepEqual(Object.keys(await import('../src/index.js')), names)
  // In Node both are one: what is imported from `plmhead` scores by the kernel.
  assert.equal(await import('plmhead'), await import('plmhead/simd'))
  assert.deepEqual(Object.keys(await import('plmhead/simd')).sort(), [...names, 'inputArray', 'simdDecisions'].sort())
  assert.deepEqual(Object.keys(await import('plmhead/node')), ['loadFile', 'loadPair', 'pairPaths', 'readNpy', 'readPairOfPaths'])
})

test('what runs in browsers imports nothing from outside, and every file of src is used', () => {
  const portable = ['src/index.js', 'src/simd.js', 'src/sequences.js', 'src/encode/index.js'].map(graph)
  assert.deepEqual(portable.flatMap(({ outside }) => outside), [])
  for (const file of portable.flatMap(({ files }) => files)) assert.doesNotMatch(read(file), /\b(process|Buffer|require)\b[.(]/, file)
  const programs = ['src/node.js', 'src/cli.js', 'src/predict.js', 'src/encode/node.js'].map(graph)
  const all = new Set([...portable, ...programs].flatMap(({ files }) => files))
  const there = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => join('src', name))
  assert.deepEqual([...all].sort(), there.sort())
})

test('no Math function whose bits differ between engines', () => {
  for (const file of graph('src/index.js').files) {
    const used = [...read(file).replaceAll(/\/\/.*|\/\*[^]*?\*\//g, '').matchAll(/Math\.(\w+)/g)].map(([, name]) => name)
    for (const name of used) assert.ok(['abs', 'floor', 'imul', 'max', 'min', 'trunc'].includes(name), `${file}: Math.${name}`)
  }
})

test('src/index.js is small', async (context) => {
  const { outputFiles: [{ contents }] } = await build({
    entryPoints: [join(root, 'src/index.js')], bundle: true, format: 'esm', platform: 'browser', write: false,
  })
  // esbuild's own minifier leaves some 3 % more.
  const { code } = await minify(new TextDecoder().decode(contents), { module: true, ecma: 2022, compress: { passes: 3 } })
  const size = gzipSync(code, { level: 9 }).length
  context.diagnostic(`${size} bytes minified by terser and gzipped`)
  assert.ok(size <= MAXIMUM_SIZE, `${size} bytes, at most ${MAXIMUM_SIZE}`)
})

test('a bundle of plmhead/simd keeps the kernel, one of plmhead is without it', async () => {
  for (const [name, expected] of [['plmhead', false], ['plmhead/simd', true]]) {
    const stdin = { contents: `import { load } from '${name}'; console.log(load)`, resolveDir: root }
    const { outputFiles: [{ text }] } = await build({ stdin, bundle: true, format: 'esm', platform: 'browser', write: false })
    assert.equal(text.includes('WebAssembly'), expected, name)
  }
})

function tsc(words, folder = root) {
  return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...words], { cwd: folder, encoding: 'utf8' })
}

test('the types are clean, and a user of the declarations gets them', () => {
  const check = tsc(['-p', 'tsconfig.json'])
  assert.equal(check.status, 0, check.stdout)
  const folder = mkdtempSync(join(tmpdir(), 'plmhead-types-'))
  try {
    const declarations = tsc(['-p', 'tsconfig.build.json', '--outDir', join(folder, 'types')])
    assert.equal(declarations.status, 0, declarations.stdout)
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}')
    writeFileSync(join(folder, 'use.ts'), `
      import { load, isFormatError, type Head, type Label, type Scores } from './types/index.js'
      import { loadFile } from './types/node.js'
      import { inputArray, load as loadToo } from './types/simd.js'
      import { openBundle, readTable, fromBytes, type Result } from './types/encode/index.js'
      import { openFolder } from './types/encode/node.js'
      const head: Head = load(new Uint8Array(1), new ArrayBuffer(1), { requireVerified: true })
      const scores: Scores = head.score(new Float32Array(4), { threshold: 0.5 })
      const label: Label | undefined = head.predict([[1, 2]])[0]
      const p: Float64Array = loadFile('x').predictProba([new Float32Array(1)])
      const rows: Float32Array = inputArray(4), wide: Float64Array = inputArray(4, Float64Array)
      loadToo(new Uint8Array(1), new Uint8Array(1)).predict(rows.length ? rows : wide)
      // @ts-expect-error a head cannot be changed
      head.threshold = 1
      // @ts-expect-error X is no text
      head.predict('x')
      try { load(new Uint8Array(1), new Uint8Array(1)) } catch (e) { if (isFormatError(e, 'ZIP_CRC')) e.where.length }
      // @ts-expect-error no such code
      isFormatError(1, 'ZIP_CRCC')
      export async function decisions(runtime: import('./types/encode/index.js').Runtime) {
        const bundle = await openBundle(fromBytes({ 'bundle.json': new Uint8Array(1) }), { runtime })
        const results: Result[] = []
        for await (const result of bundle.predict(readTable('>a\\nMK'), { onError: 'report' })) results.push(result)
        // @ts-expect-error no such word
        bundle.predict(['MK'], { onError: 'ignore' })
        return [...results.map(({ decision }) => decision), (await openFolder('bundle')).proof.decision]
      }
      export { scores, label, p }`)
    const use = tsc(['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', 'use.ts'], folder)
    assert.equal(use.status, 0, use.stdout)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what npm publishes', () => {
  const { status, stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
  assert.equal(status, 0)
  const packed = JSON.parse(stdout)
  const { files } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0]
  for (const { path } of files) assert.match(path, /^(src\/(encode\/)?\w+\.js|types\/(encode\/)?\w+\.d\.ts|package\.json|README\.md|LICENSE)$/)
  for (const name of ['LICENSE', 'README.md', 'src/cli.js']) assert.ok(files.some(({ path }) => path === name), name)
})

test('the blocks of README.md run', () => {
  const blocks = [...read('README.md').matchAll(/^```(js|sh)\n(.*?)^```$/gms)]
  assert.ok(blocks.length >= 2)
  const folder = mkdtempSync(join(tmpdir(), 'plmhead-readme-'))
  try {
    mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true })
    symlinkSync(root, join(folder, 'node_modules', 'plmhead'))
    symlinkSync(join(root, manifest.bin.plmhead), join(folder, 'node_modules', '.bin', 'plmhead'))
    const { npz, config } = makePair()
    writeFileSync(join(folder, 'model.npz'), npz)
    writeFileSync(join(folder, 'model_config.json'), config)
    writeFileSync(join(folder, 'X.npy'), npy('<f4', '(0, 4)', Buffer.alloc(0)))
    for (const [, language, source] of blocks) {
      const result = language === 'js' ? runBlock(folder, source) : spawnSync('sh', ['-ec', source], { cwd: folder, encoding: 'utf8' })
      assert.equal(result.status, 0, `${source}\n${result.stderr}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** In a browser a block fetches; here `fetch` reads the folder. */
function runBlock(folder, source) {
  const browser = `import { readFileSync } from 'node:fs'
    globalThis.fetch = async (name) => new Response(readFileSync(name))\n`
  writeFileSync(join(folder, 'block.mjs'), source.includes('fetch(') ? browser + source : source)
  return spawnSync(process.execPath, ['block.mjs'], { cwd: folder, encoding: 'utf8' })
}
