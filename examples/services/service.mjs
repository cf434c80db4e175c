// node service.mjs ARTIFACT PORT: probabilities and labels for rows of embeddings
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { isInputError } from 'plmhead'
import { loadFile } from 'plmhead/node'

const most = 16 * 2 ** 20 // bytes of a request
const head = loadFile(process.argv[2], { requireVerified: true })

function score(body) {
  const { x } = JSON.parse(body)
  const { probability, labels } = head.score(x)
  const k = head.classes.length
  return { probabilities: labels.map((_, row) => [...probability.subarray(row * k, (row + 1) * k)]), labels }
}

const server = createServer(async (request, response) => {
  const answer = (status, object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(object))
  if (request.method !== 'POST' || request.url !== '/score') return answer(404, {})
  if (!(Number(request.headers['content-length']) <= most)) return answer(413, { message: `more than ${most} bytes` })
  try {
    answer(200, score(await text(request)))
  } catch (error) {
    if (isInputError(error)) answer(400, { code: error.code, where: error.where, message: error.message })
    else answer(422, { message: 'expected {"x": [[number, ...], ...]}' })
  }
})
server.listen(Number(process.argv[3]), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
