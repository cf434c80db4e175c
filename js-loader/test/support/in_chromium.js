// Predicts a table in headless Chromium: node in_chromium.js BUNDLE TABLE [ROUNDS]. A page on the loopback imports
// plmhead/encode and onnxruntime-web as they are, and fetches the bundle and the table. Prints the lines of `plmhead predict`;
// with ROUNDS, instead, one object: the seconds of each round, and the threads that WebAssembly had.
import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('../..', import.meta.url))
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }

const importMap = JSON.stringify({
  imports: { 'onnxruntime-web': '/runtime/ort.wasm.bundle.min.mjs', 'plmhead/encode': '/src/encode/index.js' },
})
const PAGE = `<!doctype html><meta charset="utf-8"><title>plmhead</title><script type="importmap" nonce="page">${importMap}</script>`
const HEADERS = {
  // Nothing is loaded from elsewhere, and nothing is sent.
  'content-security-policy': "default-src 'none'; script-src 'self' 'nonce-page' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
  // WebAssembly has threads on such pages alone.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/** A server for the package, the runtime, the bundle and the table. */
async function serve(bundle, table) {
  const folders = { src: join(root, 'src'), runtime: join(root, 'node_modules/onnxruntime-web/dist'), bundle }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1')
    if (pathname === '/') return response.writeHead(200, { ...HEADERS, 'content-type': 'text/html' }).end(PAGE)
    const [, place, ...rest] = pathname.split('/')
    const path = place === 'table' ? table : join(folders[place] ?? '/nowhere', ...rest.filter((part) => part !== '..'))
    if (!existsSync(path)) return response.writeHead(404).end()
    response.writeHead(200, { ...HEADERS, 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
    createReadStream(path).pipe(response)
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return { server, address: `http://127.0.0.1:${server.address().port}/` }
}

/** Runs in the page: nothing of this file is in reach. */
async function predictInPage({ name, rounds }) {
  const [runtime, { fromUrl, jsonLine, openBundle, readTable }] = await Promise.all([import('onnxruntime-web'), import('plmhead/encode')])
  const bundle = await openBundle(fromUrl('/bundle/'), { runtime })
  const table = await (await fetch('/table')).blob()
  const [lines, seconds] = [[], []]
  for (let round = 0; round < Math.max(1, rounds); round += 1) {
    lines.length = 0
    const start = performance.now()
    for await (const result of bundle.predict(readTable(table, { name }), { name })) lines.push(jsonLine(bundle.head, result))
    seconds.push((performance.now() - start) / 1000)
  }
  return rounds > 0 ? [JSON.stringify({ seconds, threads: crossOriginIsolated ? runtime.env.wasm.numThreads : 1 })] : lines
}

const [bundle, table, rounds = '0'] = process.argv.slice(2)
const { server, address } = await serve(resolve(bundle), resolve(table))
// Without a sandbox where the user is root, as in containers: the page is our own.
const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid() !== 0 })
try {
  const page = await browser.newPage()
  const foreign = []
  page.on('request', (request) => request.url().startsWith(address) || /^(data|blob):/.test(request.url()) || foreign.push(request.url()))
  await page.goto(address)
  const lines = await page.evaluate(predictInPage, { name: table.split('/').at(-1), rounds: Number(rounds) })
  if (foreign.length > 0) throw new Error(`requests elsewhere: ${foreign}`)
  console.log(lines.join('\n'))
} finally {
  await browser.close()
  server.close()
  server.closeAllConnections()
}
