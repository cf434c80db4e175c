// Compiles decisions.ts and writes src/kernel.js: `npm run build:kernel`. A test compares what is there with `source()`.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const folder = fileURLToPath(new URL('.', import.meta.url))
const target = fileURLToPath(new URL('../src/kernel.js', import.meta.url))
const LINE = 116

/** The bytes of the compiled kernel. */
async function compiled() {
  let bytes
  const options = ['decisions.ts', '--baseDir', folder, '-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--enable', 'simd', '--outFile', 'decisions.wasm']
  const { error, stderr } = await main(options, { writeFile: (_, contents) => { bytes = contents } })
  if (error) throw new Error(`${error.message}\n${stderr}`)
  return bytes
}

/** The text of src/kernel.js. */
export async function source() {
  const lines = Buffer.from(await compiled()).toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g'))
  return [
    '// Written by `npm run build:kernel` from kernel/decisions.ts: do not edit.',
    'export const KERNEL = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, await source())
