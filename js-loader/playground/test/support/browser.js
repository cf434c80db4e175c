// Debian's Chromium, and a page of it that notes every request, every complaint and every breach of the page's policy.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

export function launch() {
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking']
  return chromium.launch({ executablePath: CHROMIUM, args })
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {string} address
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function openPage(browser, address, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const seen = { foreign: [], violations: [], console: [] }
  context.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(address) && !url.startsWith(`blob:${address}`)) seen.foreign.push(url)
  })
  context.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) seen.violations.push(message.text())
    else if (['error', 'warning'].includes(message.type())) seen.console.push(message.text())
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => seen.console.push(String(error)))
  await page.exposeFunction('noteViolation', (text) => seen.violations.push(text))
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => globalThis.noteViolation(`${violatedDirective} ${blockedURI}`))
  })
  await page.goto(address)
  return { context, page, seen }
}

/**
 * Drops files onto the page, as a hand does: names and bytes.
 * @param {import('playwright-core').Page} page
 * @param {Record<string, Buffer | string>} files
 */
export async function drop(page, files) {
  const given = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')])
  await page.evaluate((entries) => {
    const transfer = new DataTransfer()
    for (const [name, text] of entries) {
      transfer.items.add(new File([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))], name))
    }
    for (const type of ['dragenter', 'dragover', 'drop']) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
    }
  }, given)
}
