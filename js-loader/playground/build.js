// The page as one folder of plain files: node build.js [FOLDER], by default build/playground of the repository.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const RUNTIME = join(HERE, 'node_modules/onnxruntime-web')
const RUNTIME_FILES = ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']

/**
 * Empties the folder and builds the page into it.
 * @param {string} folder
 */
export async function buildPage(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await build({
    entryPoints: ['src/main.js', 'src/worker.js', 'src/main.css'].map((file) => join(HERE, file)),
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    // The runtime then loads its WebAssembly from files beside the page.
    conditions: ['onnxruntime-web-use-extern-wasm'],
    legalComments: 'linked',
  })
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(HERE, name), join(folder, name))
  for (const name of RUNTIME_FILES) copyFileSync(join(RUNTIME, 'dist', name), join(folder, name))
  const { version, license } = JSON.parse(readFileSync(join(RUNTIME, 'package.json'), 'utf8'))
  const runtime = `onnxruntime-web ${version} (${license})`
  writeFileSync(join(folder, 'LICENSE.txt'), `This page holds ${runtime}, copyright Microsoft Corporation.\nThe rest:\n\n${readFileSync(join(HERE, '../LICENSE'), 'utf8')}`)
  return { files: readdirSync(folder), runtime }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? join(HERE, '../../build/playground'))
  const { files, runtime } = await buildPage(folder)
  const size = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  console.log(`playground: ${files.length} files, ${(size / 2 ** 20).toFixed(1)} MiB, ${runtime}, in ${folder}`)
}
