/**
 * The dashboard in a real browser, as a newcomer meets it: log in with the printed password, see the first event arrive, find it, open it, explain it, and
 * whatever the pages are for; then every page of the menu at two widths and in both schemes: no error in the console, nothing that keeps somebody out,
 * nothing cut off. `DOGWATCH_SCREENSHOTS=1` writes pictures of all pages into docs/screenshots.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { menu } from '../packages/dashboard/src/menu.ts'
import { repositoryRoot } from '../scripts/repository.ts'
import { AuditSender } from './audit-sender.ts'
import { type Checks, messageOf } from './checks.ts'
import { steps as agent } from './dashboard/agent.ts'
import { findChromium, launchBrowser } from './dashboard/browser.ts'
import { steps as busyDay } from './dashboard/busy-day.ts'
import { steps as discover } from './dashboard/discover.ts'
import { steps as firstRun } from './dashboard/first-run.ts'
import { steps as overview } from './dashboard/overview.ts'
import { steps as ruleset } from './dashboard/ruleset.ts'
import { steps as status } from './dashboard/status.ts'
import { type DashboardStep, type Story, shownMsMax } from './dashboard/steps.ts'
import { steps as users } from './dashboard/users.ts'
import { caOf, freePorts, startManager, temporaryHome, tokenOf } from './manager-process.ts'

/** The story, in order. To add a page: a file in dashboard/, and its steps here. */
const story: readonly DashboardStep[] = [
  ...firstRun,
  ...overview,
  ...discover,
  ...ruleset,
  ...agent,
  ...users,
  ...status,
  ...busyDay,
]

const configuration = `<ossec_config>
  <global><logall_json>yes</logall_json></global>
  <remote><local_ip>127.0.0.1</local_ip></remote>
</ossec_config>
`

/** Most that a first load may bring, in bytes gzipped. */
const scriptBytesMax = 260 * 1024
const styleBytesMax = 45 * 1024

/** How pages are looked at: both widths and both schemes, each with the other once. Pictures are taken of all four. */
const looks = [
  { width: 1440, scheme: 'light', isChecked: true },
  { width: 390, scheme: 'dark', isChecked: true },
  { width: 1440, scheme: 'dark', isChecked: false },
  { width: 390, scheme: 'light', isChecked: false },
] as const
/** Pages that are one page with other words: two looks of each are enough. */
const alike: ReadonlySet<string> = new Set(['gdpr', 'hipaa', 'nist', 'tsc', 'decoders', 'lists'])
/** Pictures do not tell where the repository lies on the machine that made them. */
const withoutPlace = `{
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const { currentNode: node } = texts
    if (node.data.includes(${JSON.stringify(repositoryRoot)}))
      node.data = node.data.replaceAll(${JSON.stringify(repositoryRoot)}, '/opt/dogwatch')
  }
}`
const dist = join(repositoryRoot, 'packages/dashboard/dist')

export async function run(checks: Checks): Promise<void> {
  const program = findChromium()
  if (program === null) return checks.skip('the dashboard in a browser', 'chromium is not installed')
  const home = temporaryHome()
  const more = await freePorts()
  const agentPorts = { agents: more.webhook, enrol: more.api }
  const ports = { ...(await freePorts()), ...agentPorts }
  // All that pages show is on: the archives, and agents.
  mkdirSync(join(home, 'etc'))
  writeFileSync(join(home, 'etc/ossec.conf'), configuration)
  const manager = await startManager({ home, ports, through: 'node' })
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, 1)
  const origin = `https://localhost:${ports.api}`
  const password = /First user: admin {3}password: (\S+)/.exec(manager.output())?.[1] ?? ''
  const browser = await launchBrowser(program)
  try {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: true })
    const page = await context.newPage()
    page.setDefaultTimeout(shownMsMax)
    const troubles = consoleTroubles(page)
    await login(checks, page, origin, password)
    const open = (path: string) => openPage(page, origin, path)
    const told: Story = { page, checks, sender, home, origin, password, agentPorts, open }
    for (const { says, run: take, expects } of story) {
      await checks.check(says, async () => {
        const before = troubles.length
        await take(told).catch(async (error: unknown) => {
          throw new Error(`${messageOf(error)}\nat ${page.url()}\n${await shownText(page)}`)
        })
        if (expects !== undefined) {
          const own = troubles
            .splice(before)
            .filter((trouble) => !(trouble.includes('Failed to load') && expects.test(trouble)))
          assert.deepEqual(own, [])
        }
      })
    }
    await checks.check('none of this was an error in the browser’s console', () => assert.deepEqual(troubles, []))
    await firstLoad(checks)
    const state = await context.storageState()
    await context.close()
    await everyPage(checks, browser, state, origin)
    await logout(checks, browser, state, origin)
  } finally {
    await browser.close()
    sender.close()
  }
  await checks.check('SIGTERM ends the manager in order', async () => {
    assert.equal(await manager.stop(), 0)
  })
}

async function login(checks: Checks, page: Page, origin: string, password: string): Promise<void> {
  await checks.must(
    'the address of the banner leads to the login, and the printed password opens the page',
    async () => {
      await page.goto(`${origin}/`)
      await page.getByLabel('User name').fill('admin')
      await page.locator('input[type=password]').fill(password)
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
      assert.match(page.url(), /\/app\/?$/)
    },
  )
}

/** What a browser loads before anything is seen: the page's scripts and styles with what they import at once. */
async function firstLoad(checks: Checks): Promise<void> {
  const page = readFileSync(join(dist, 'index.html'), 'utf8')
  const files = [...page.matchAll(/(?:src|href)="\/app\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, path = '']) => path)
  // Nobody sees anything before the page they asked for is there too: the largest of the pages counts.
  const bytes = (path: string) => gzipSync(readFileSync(join(dist, path))).length
  const whole = (start: readonly string[]) => [...importedWith(start)].reduce((sum, path) => sum + bytes(path), 0)
  const scripts = files.filter((path) => path.endsWith('.js'))
  const styles = files.filter((path) => path.endsWith('.css')).reduce((sum, path) => sum + bytes(path), 0)
  const built = new Set(readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`))
  const overview = [...importedNames(scripts)].find((path) => /OverviewPage-/.test(path))
  const first = whole(overview === undefined || !built.has(overview) ? scripts : [...scripts, overview])
  await checks.check('the first load is small', () => {
    assert.ok(first <= scriptBytesMax, `${first} bytes of scripts, at most ${scriptBytesMax}`)
    assert.ok(styles <= styleBytesMax, `${styles} bytes of styles, at most ${styleBytesMax}`)
    return `${Math.round(first / 1024)} KB of scripts, ${Math.round(styles / 1024)} KB of styles, gzipped`
  })
}

/** The files with all that they import statically. */
function importedWith(files: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const take = (path: string) => {
    if (seen.has(path)) return
    seen.add(path)
    const text = readFileSync(join(dist, path), 'utf8')
    for (const [, name = ''] of text.matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g)) take(`assets/${name}`)
  }
  for (const path of files) take(path)
  return seen
}

/** Names of scripts that the files mention, imported now or later. */
function importedNames(files: readonly string[]): ReadonlySet<string> {
  const names = files.flatMap((path) => [...readFileSync(join(dist, path), 'utf8').matchAll(/[\w-]+Page-[\w-]+\.js/g)])
  return new Set(names.map(([name]) => `assets/${name}`))
}

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

/** Each page of the menu, as wide as a desk and as narrow as a hand, light and dark. */
async function everyPage(checks: Checks, browser: Browser, storageState: StorageState, origin: string): Promise<void> {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const pictures = process.env.DOGWATCH_SCREENSHOTS === '1' ? join(repositoryRoot, 'docs/screenshots') : null
  if (pictures !== null) mkdirSync(pictures, { recursive: true })
  // Side by side: what a page waits for, another can use.
  await Promise.all(looks.filter(({ isChecked }) => isChecked || pictures !== null).map(walk))

  async function walk({ width, scheme, isChecked }: (typeof looks)[number]): Promise<void> {
    const context = await browser.newContext({
      viewport: { width, height: width === 390 ? 844 : 900 },
      colorScheme: scheme,
      storageState,
      ignoreHTTPSErrors: true,
      // For axe, which is put into the page; what the policy does with the page’s own is seen in the story.
      bypassCSP: true,
    })
    const page = await context.newPage()
    page.setDefaultTimeout(shownMsMax)
    const troubles = consoleTroubles(page)
    for (const { id, path, label } of menu) {
      await checks.check(
        `${label}, ${width} px wide and ${scheme}: no error, nothing that keeps anybody out`,
        async () => {
          await openPage(page, origin, path)
          await settled(page)
          if (pictures !== null && (isChecked || !alike.has(id))) {
            await page.evaluate(withoutPlace)
            await page.screenshot({ path: join(pictures, `${id}-${width}-${scheme}.png`) })
          }
          assert.deepEqual(await axeFindings(page, axe), [])
          const sideways = await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth')
          assert.ok(sideways <= 0, `the page is ${sideways} px wider than the window`)
          assert.deepEqual(troubles.splice(0), [])
        },
      )
    }
    await context.close()
  }
}

async function logout(checks: Checks, browser: Browser, storageState: StorageState, origin: string): Promise<void> {
  await checks.check('who logs out is out: the cookie that was there before opens nothing any more', async () => {
    const context = await browser.newContext({ storageState, ignoreHTTPSErrors: true })
    const page = await context.newPage()
    page.setDefaultTimeout(shownMsMax)
    await openPage(page, origin, '/first-event')
    await page.getByRole('button', { name: /^User admin/ }).click()
    await page.getByRole('menuitem', { name: 'Log out everywhere' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await context.close()
    const thief = await browser.newContext({ storageState, ignoreHTTPSErrors: true })
    const other = await thief.newPage()
    await other.goto(`${origin}/app/`)
    await other.getByRole('button', { name: 'Log in' }).waitFor({ timeout: shownMsMax })
    await thief.close()
  })
}

async function openPage(page: Page, origin: string, path: string): Promise<void> {
  await page.goto(`${origin}/app${path}`)
  await page.getByRole('heading', { level: 1 }).first().waitFor({ timeout: shownMsMax })
}

/** What is asked for has come, and is drawn. */
async function settled(page: Page): Promise<void> {
  await page.waitForFunction(`document.querySelector('.mantine-Skeleton-root, .page-loading') === null`)
  await page.waitForTimeout(150)
}

function consoleTroubles(page: Page): string[] {
  const found: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      found.push(`${message.type()}: ${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => found.push(error.stack ?? error.message))
  return found
}

/** Serious and critical findings, each with the first elements it is about. */
async function axeFindings(page: Page, axe: string): Promise<readonly string[]> {
  await page.evaluate(axe)
  return page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, help, nodes }) => impact + ' ' + id + ': ' + help + ' — ' +
      nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + ' ' + failureSummary.slice(0, 200)).join(' | ')))`)
}

/** What stands on the page, for the report of a failure. */
async function shownText(page: Page): Promise<string> {
  return (await page.evaluate<string>('document.body.innerText').catch(() => '')).slice(0, 1500)
}
