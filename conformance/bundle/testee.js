// The JavaScript reader of bundles as a testee: a folder a line in, an answer a line out (see run.py). A folder of regular
// files is opened in three ways: as a folder, as files that a person chose, and behind an address.
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fromFiles, fromUrl, openBundle } from '../../js-loader/src/encode/index.js'
import { fromFolder } from '../../js-loader/src/encode/node.js'

// The packages are beside the loader.
const runtime = createRequire(new URL('../../js-loader/package.json', import.meta.url))('onnxruntime-node')

const server = createServer((request, response) => {
  try {
    response.end(readFileSync(decodeURIComponent(request.url)))
  } catch {
    response.writeHead(404).end()
  }
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))

async function refusalOf(source) {
  try {
    await (await openBundle(source, { runtime })).release()
    return [null, null]
  } catch (error) {
    if (typeof error.code !== 'string' || typeof error.where !== 'string') throw error
    return [error.code, error.where]
  }
}

function sourcesOf(folder) {
  const entries = readdirSync(folder, { withFileTypes: true })
  if (!entries.every((entry) => entry.isFile())) return [fromFolder(folder)]
  const files = entries.map(({ name }) => {
    const file = new File([readFileSync(join(folder, name))], name)
    return Object.defineProperty(file, 'webkitRelativePath', { value: `${basename(folder)}/${name}` })
  })
  return [fromFolder(folder), fromFiles(files), fromUrl(`http://127.0.0.1:${server.address().port}${folder}`)]
}

for await (const folder of createInterface({ input: process.stdin })) {
  const answers = []
  for (const source of sourcesOf(folder)) answers.push(await refusalOf(source))
  console.log(JSON.stringify(answers))
}
server.close()
server.closeAllConnections()
