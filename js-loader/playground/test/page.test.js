// The built page in Chromium: dropped files, the table, the threshold, the download, errors, policy, accessibility.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import { buildPage } from '../build.js'
import { CHROMIUM, drop, launch, openPage } from './support/browser.js'
import { CACHE, REPOSITORY, acceptedCase, bundleFiles, npy, parsed, plmhead, table } from './support/inputs.js'
import { serve } from './support/server.js'

const skip = CHROMIUM === undefined && 'no Chromium on this machine'
const EXAMPLES = join(REPOSITORY, 'examples')
const BUNDLE = join(CACHE, 'bundle')
const seenPages = []
let browser
let server

before(async () => {
  if (skip) return
  rmSync(BUNDLE, { recursive: true, force: true })
  mkdirSync(BUNDLE, { recursive: true })
  for (const [name, bytes] of Object.entries(bundleFiles())) writeFileSync(join(BUNDLE, name), bytes)
  await buildPage(join(CACHE, 'page'))
  server = await serve(join(CACHE, 'page'))
  browser = await launch()
})

after(async () => {
  await browser?.close()
  server?.close()
})

async function open(options) {
  const opened = await openPage(browser, server.address, options)
  opened.page.setDefaultTimeout(20000)
  seenPages.push(opened.seen)
  return opened
}

const isDone = (page) => page.waitForFunction(() => document.querySelector('#status').textContent.startsWith('Done'))
const isOpen = (page) => page.waitForSelector('#model-facts:not([hidden])')
const textOf = (page, selector) => page.textContent(selector)
const cells = (page) => page.$$eval('#rows tr[data-row]', (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)))
/** Until what was asked for is drawn. */
const drawn = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)))))

async function download(page) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#download')])
  return readFileSync(await file.path(), 'utf8')
}

async function seriousFindings(page) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes[0].html}`)
}

async function threshold(page) {
  return Number(await page.getAttribute('#handle', 'aria-valuenow'))
}

/** The place of a threshold on the screen, by the axis of the histogram. */
async function pointOf(page, p) {
  await page.locator('#histogram').scrollIntoViewIfNeeded()
  return page.evaluate((at) => {
    const box = document.querySelector('#histogram').getBoundingClientRect()
    const width = document.querySelector('#histogram').viewBox.baseVal.width
    const axis = document.querySelector('#histogram .axis')
    const [from, to] = ['x1', 'x2'].map((name) => Number(axis.getAttribute(name)))
    return { x: box.left + (from + at * (to - from)) * box.width / width, y: box.top + box.height / 2 }
  }, p)
}

test('a bundle and a table: probabilities, threshold by mouse and keys, the CSV of the command line; offline once it is open', { skip }, async () => {
  const { context, page } = await open({ acceptDownloads: true })
  await drop(page, bundleFiles())
  await isOpen(page)
  assert.match(await textOf(page, '#facts'), /passed: 8 inputs, same bits.*passed: 6 sequences, largest difference \d\.\de\S\d+, allowed/)
  await context.setOffline(true)
  const { rows, csv } = table()
  await page.evaluate(() => {
    globalThis.values = new Set()
    new MutationObserver(() => globalThis.values.add(document.querySelector('#bar').value)).observe(document.querySelector('#bar'), { attributes: true })
  })
  await drop(page, { 'given.csv': csv })
  await isDone(page)
  const steps = await page.evaluate(() => [...globalThis.values])
  assert.ok(steps.filter((value) => value > 0 && value < 1).length >= 3, `progress: ${steps}`)
  await drawn(page)
  const first = await cells(page)
  assert.deepEqual(first[0].slice(0, 2), ['1', rows[0][0]])
  assert.match(await textOf(page, '#bad-warning'), new RegExp(`^1 of ${rows.length} records`))

  const [from, to] = [await pointOf(page, await threshold(page)), await pointOf(page, 0.62)]
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, { steps: 5 })
  await page.mouse.up()
  assert.ok(Math.abs(await threshold(page) - 0.62) < 0.01, `dragged to ${await threshold(page)}`)
  const dragged = await threshold(page)
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('PageDown')
  await drawn(page)
  const inForce = await threshold(page)
  assert.equal(inForce, Math.round((dragged - 0.11) * 1000) / 1000)
  assert.equal(await page.inputValue('#threshold'), String(inForce))
  assert.equal(await page.inputValue('#preset'), '')
  // Keys faster than frames: none is lost.
  await page.evaluate(() => ['ArrowRight', 'PageUp', 'ArrowLeft', 'PageDown', 'ArrowLeft'].forEach((key) => {
    document.querySelector('#handle').dispatchEvent(new KeyboardEvent('keydown', { key }))
  }))
  await drawn(page)
  assert.equal(await threshold(page), Math.round((inForce - 0.01) * 1000) / 1000)
  await page.keyboard.press('ArrowRight')
  await drawn(page)

  const own = parsed(await download(page))
  const path = join(CACHE, 'given.csv')
  writeFileSync(path, csv)
  const theirs = parsed(plmhead('predict', BUNDLE, path, '--format', 'csv', '--on-error', 'report', '--threshold', String(inForce)))
  compareTables(own, theirs)
  assert.ok(new Set(own.slice(1).map((row) => row[2])).size >= 2, 'both labels occur')
  await context.close()
})

/** Equal but for the last digits of numbers, which depend on the runtime. */
function compareTables(own, theirs) {
  assert.equal(own.length, theirs.length)
  assert.deepEqual(own[0], theirs[0])
  const isNumber = own[0].map((name) => /^(probability|decision)/.test(name))
  own.forEach((row, i) => row.forEach((cell, j) => {
    if (i === 0 || !isNumber[j] || cell === '') return assert.equal(cell, theirs[i][j])
    assert.ok(Math.abs(Number(cell) - Number(theirs[i][j])) <= 1e-4, `row ${i}: ${cell}, ${theirs[i][j]}`)
  }))
}

test('a head and embeddings: the numbers of the command line, to the last bit', { skip }, async () => {
  const { context, page } = await open({ acceptDownloads: true })
  await page.setInputFiles('#model-input', ['head.npz', 'head_config.json'].map((name) => join(EXAMPLES, name)))
  await isOpen(page)
  assert.match(await textOf(page, '#facts'), /Golden checknone: no encoder to check/)
  await page.setInputFiles('#matrix-file', join(EXAMPLES, 'X.npy'))
  await isDone(page)
  const own = parsed(await download(page))
  const theirs = plmhead('score', join(EXAMPLES, 'head'), join(EXAMPLES, 'X.npy')).trimEnd().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(own[0], ['id', 'sequence', 'predicted_label', 'probability', 'decision'])
  const numbers = own.slice(1).map(([id, , label, probability, decision]) => [id, label, probability, decision].map(Number))
  assert.deepEqual(numbers, theirs.map(({ row, label, probability, decision }) => [row, label, probability, decision]))
  await context.close()
})

const bitsOf = (text) => {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Number(text))
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}

test('assay presets and a softmax head: labels and bits of the conformance suite', { skip }, async () => {
  const { context, page } = await open({ acceptDownloads: true })
  const { pair, matrix, predictions } = acceptedCase('label/assay-type')
  await drop(page, { ...pair, 'X.npy': matrix }) // together: the model is opened first
  await isDone(page)
  await drawn(page)
  const presets = predictions.filter(({ assay_type: assay, labels }) => assay !== null && labels !== undefined)
  assert.ok(presets.length >= 4)
  for (const { assay_type: assay, labels } of presets) {
    const names = await page.$$eval('#preset option', (options) => options.map(({ textContent }) => textContent))
    await page.selectOption('#preset', { index: names.findIndex((name) => name.startsWith(`${assay} (`)) })
    const own = parsed(await download(page)).slice(1)
    assert.deepEqual(own.map((row) => row[2]), labels.map(({ v }) => v), assay)
  }

  const softmax = acceptedCase('batch/softmax-r33')
  await drop(page, { ...softmax.pair, 'X.npy': softmax.matrix })
  await page.waitForFunction(() => document.querySelector('#facts').textContent.includes('none: softmax'))
  await isDone(page)
  await drawn(page)
  assert.equal(await page.isVisible('#threshold-controls'), false)
  assert.equal(await page.isVisible('#handle'), false)
  const [names, ...rows] = parsed(await download(page))
  const of = (part) => rows.flatMap((row) => row.filter((_, i) => names[i].startsWith(part)).map(bitsOf))
  const [{ decision, probability, labels }] = softmax.predictions
  assert.deepEqual(of('decision'), decision)
  assert.deepEqual(of('probability'), probability)
  assert.deepEqual(rows.map((row) => row[2]), labels.map(({ v }) => v))
  await page.selectOption('#shown-class', { index: 1 })
  await drawn(page)
  assert.equal((await cells(page))[0][1], Number(rows[0][4]).toFixed(4))
  await context.close()
})

test('100,000 rows: few of them in the document; sorted, filtered, scrolled to the end', { skip }, async () => {
  const { context, page } = await open()
  await drop(page, { 'head.npz': readFileSync(join(EXAMPLES, 'head.npz')), 'head_config.json': readFileSync(join(EXAMPLES, 'head_config.json')) })
  await isOpen(page)
  const columns = Number(/\(rows, (\d+)\)/.exec(await textOf(page, '#matrix-shape'))[1])
  const rows = 100000
  let state = 1
  const values = Float32Array.from({ length: rows * columns }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1)
  const path = join(CACHE, 'large.npy')
  writeFileSync(path, npy(values, [rows, columns]))
  await page.setInputFiles('#matrix-file', path)
  await isDone(page)
  await drawn(page)
  const lines = plmhead('score', join(EXAMPLES, 'head'), path).trimEnd().split('\n').map((line) => JSON.parse(line))
  const shown = (row) => [row.toLocaleString('en'), lines[row].probability.toFixed(4), String(lines[row].label), lines[row].decision.toFixed(4)]
  assert.deepEqual((await cells(page))[0], shown(0))
  assert.ok((await page.$$('#rows tr')).length < 60)
  assert.equal(await page.getAttribute('#table', 'aria-rowcount'), String(rows + 1))
  await page.evaluate(() => { document.querySelector('#scroller').scrollTop = 1e9 })
  await drawn(page)
  assert.deepEqual((await cells(page)).at(-1), shown(rows - 1))

  await page.click('th[data-column=probability] button')
  await drawn(page)
  const best = lines.map(({ probability }, row) => [probability, row]).sort(([a, i], [b, j]) => b - a || i - j)
  assert.deepEqual((await cells(page))[0], shown(best[0][1]))
  assert.equal(await page.getAttribute('th[data-column=probability]', 'aria-sort'), 'descending')
  await page.selectOption('#only', { index: 2 })
  await drawn(page)
  const positive = lines.filter(({ label }) => label === 1).length
  assert.equal(await textOf(page, '#shown'), `${positive.toLocaleString('en')} of 100,000 rows`)
  assert.match(await textOf(page, '#count'), new RegExp(`^${positive.toLocaleString('en')} of 100,000`))
  await context.close()
})

/** As from a clipboard, in place of what is there. */
function paste(page, text) {
  return page.evaluate((given) => {
    const field = document.querySelector('#text')
    field.focus()
    field.select()
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', given)
    const isLeft = field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    if (isLeft) field.setRangeText(given, 0, field.value.length, 'end')
  }, text)
}

test('pasted text: FASTA, CSV and bare lines; stopped and begun again', { skip }, async () => {
  const { context, page } = await open()
  await drop(page, bundleFiles())
  await isOpen(page)
  const { rows, csv, fasta } = table()
  const tables = []
  for (const text of [fasta, csv, rows.map(([, sequence]) => sequence).join('\n')]) {
    await paste(page, text)
    await page.press('#text', 'Control+Enter')
    await page.waitForFunction(() => document.querySelector('#work').hidden === false)
    await isDone(page)
    await drawn(page)
    tables.push((await cells(page)).map((row) => row.slice(-4)))
  }
  assert.deepEqual(tables[1], tables[0])
  assert.deepEqual(tables[2], tables[0])
  await page.fill('#filter', rows[4][1].slice(0, 60))
  await drawn(page)
  assert.equal((await cells(page))[0][0], '5')

  await drop(page, { 'many.fasta': fasta.repeat(40) })
  await page.waitForFunction(() => document.querySelector('#rows').children.length > 3)
  await page.click('#stop')
  await page.waitForFunction(() => document.querySelector('#status').textContent === 'Stopped')
  await paste(page, fasta)
  await page.click('#predict')
  await isDone(page)
  await drawn(page)
  assert.deepEqual((await cells(page)).map((row) => row.slice(-4)), tables[0])
  await context.close()
})

test('by keyboard alone, with names for a screen reader', { skip }, async () => {
  const { context, page } = await open()
  await page.setInputFiles('#folder-input', BUNDLE)
  await isOpen(page)
  const reached = new Set()
  const walk = async (most) => {
    for (let i = 0; i < most; i += 1) {
      await page.keyboard.press('Tab')
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent))
    }
  }
  await walk(6)
  await page.focus('#text')
  await page.keyboard.type(table().rows[0][1])
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await isDone(page)
  await drawn(page)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'results-title')
  await walk(14)
  for (const name of ['choose-folder', 'choose-model', 'text', 'predict', 'choose-table', 'column', 'handle', 'preset', 'threshold', 'download', 'filter', 'only', 'scroller', 'Probability']) {
    assert.ok(reached.has(name), `${name} is reached by the tab key: ${[...reached]}`)
  }
  const slider = page.getByRole('slider', { name: 'Threshold' })
  await slider.focus()
  await page.keyboard.press('End')
  await drawn(page)
  assert.equal(await slider.getAttribute('aria-valuetext'), '1: 0 of 1 predicted 1')
  await page.keyboard.press('Home')
  await drawn(page)
  assert.equal(await slider.getAttribute('aria-valuetext'), '0: 1 of 1 predicted 1')
  await page.getByRole('combobox', { name: 'Threshold of' }).selectOption({ index: 0 })
  await drawn(page)
  assert.equal(await threshold(page), JSON.parse(readFileSync(join(BUNDLE, 'head_config.json'))).decision.threshold)
  await page.getByRole('button', { name: 'Decision' }).focus()
  await page.keyboard.press('Enter')
  await drawn(page)
  assert.equal(await page.getAttribute('th[data-column=decision]', 'aria-sort'), 'descending')
  await context.close()
})

test('nothing leaves: page and worker are refused every other host', { skip }, async () => {
  let asked = 0
  const foreign = createServer((_, response) => {
    asked += 1
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end()
  })
  await new Promise((resolve) => foreign.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${foreign.address().port}/`
  const { context, page, seen } = await openPage(browser, server.address)
  await page.setInputFiles('#model-input', ['head.npz', 'head_config.json'].map((name) => join(EXAMPLES, name)))
  await isOpen(page)
  const leak = (url) => fetch(url, { method: 'POST', body: 'EVQL' }).then(() => 'sent', () => 'refused')
  const workers = page.workers()
  assert.equal(workers.length, 1)
  assert.equal(await workers[0].evaluate(leak, address), 'refused')
  assert.equal(await page.evaluate(leak, address), 'refused')
  assert.equal(await page.evaluate((url) => navigator.sendBeacon(url, 'EVQL') && new Promise((resolve) => {
    const image = new Image()
    image.onload = () => resolve('loaded')
    image.onerror = () => resolve('refused')
    image.src = `${url}EVQL`
  }), address), 'refused')
  assert.equal(asked, 0)
  assert.ok(seen.violations.length >= 3)
  foreign.close()
  await context.close()
})

async function dragByFinger(context, page, from, to) {
  const fingers = await context.newCDPSession(page)
  const send = (type, ...touchPoints) => fingers.send('Input.dispatchTouchEvent', { type, touchPoints })
  await send('touchStart', from)
  for (const share of [0.25, 0.5, 0.75, 1]) await send('touchMove', { x: from.x + share * (to.x - from.x), y: from.y })
  await send('touchEnd')
}

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    test(`looks and accessibility: ${width} pixels, ${colorScheme}; the threshold by touch`, { skip }, async () => {
      const { context, page } = await open({ viewport: { width, height }, colorScheme, hasTouch: true, isMobile: width < 500 })
      const picture = (name) => page.screenshot({ path: join(CACHE, `${width}-${colorScheme}-${name}.png`), fullPage: true })
      await drop(page, { 'head.npz': 'PK' })
      await page.waitForSelector('#model-error .fault')
      await picture('error')
      const findings = await seriousFindings(page)
      await drop(page, bundleFiles())
      await isOpen(page)
      await drop(page, { 'given.csv': table().csv })
      await isDone(page)
      await dragByFinger(context, page, await pointOf(page, 0.6), await pointOf(page, 0.3))
      await drawn(page)
      assert.ok(Math.abs(await threshold(page) - 0.3) < 0.02, `touched to ${await threshold(page)}`)
      findings.push(...await seriousFindings(page))
      await picture('result')
      await page.selectOption('#only', 'bad')
      await drawn(page)
      assert.match((await cells(page))[0].at(-1), /^SEQUENCE_LETTER found '\*'.*remove the stop mark$/)
      findings.push(...await seriousFindings(page))
      assert.deepEqual(findings, [])
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width)
      await context.close()
    })
  }
}

test('threads, where the host sends the headers for them', { skip }, async () => {
  const isolated = await serve(join(CACHE, 'page'), { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' })
  const { context, page, seen } = await openPage(browser, isolated.address)
  seenPages.push(seen)
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
  await drop(page, bundleFiles())
  await isOpen(page)
  await drop(page, { 'given.csv': table().csv })
  await isDone(page)
  assert.equal(await page.workers()[0].evaluate(() => crossOriginIsolated), true)
  await context.close()
  isolated.close()
})

test('results that are there before the page knows its width', { skip }, async () => {
  const { context, page, seen } = await openPage(browser, server.address)
  seenPages.push(seen)
  await page.addInitScript(() => { globalThis.ResizeObserver = class { observe() {} } })
  await page.reload()
  await drop(page, bundleFiles())
  await isOpen(page)
  await drop(page, { 'given.csv': table().csv })
  await isDone(page)
  await drawn(page)
  const widths = await page.$$eval('#histogram .bar', (bars) => bars.map((bar) => Number(bar.getAttribute('width'))))
  assert.ok(widths.length > 0 && widths.every((width) => width > 0), String(widths))
  await context.close()
})

test('over all of that: no breach of the policy, no foreign request, no complaint', { skip }, () => {
  assert.deepEqual(seenPages.flatMap(({ violations }) => violations), [])
  assert.deepEqual(seenPages.flatMap(({ foreign }) => foreign), [])
  assert.deepEqual(seenPages.flatMap(({ console }) => console).filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED')), [])
  assert.ok(seenPages.length > 0)
})
