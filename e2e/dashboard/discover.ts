/** Threat hunting: find an event, filter to it, open it, explain it; links that hold the whole state; hostile values are text. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { auditEvent } from './audit-event.ts'
import { foundEvents } from './found-events.ts'
import { type DashboardStep, shownMsMax } from './steps.ts'

/** Would be a formula, an element, a line end and a turned direction, were it anything but text. */
const hostileName = '=HYPERLINK("x")<img src=x onerror=alert(1)>\u202Egnp.\u0007'

export const steps: readonly DashboardStep[] = [
  {
    says: 'an event whose values are hostile is shown as text, with its odd signs made visible',
    async run({ page, sender, open }) {
      assert.equal((await sender.post(auditEvent({ user: 'mallory', name: hostileName }))).status, 200)
      await foundEvents(page, open, '/discover?q=data.user.username:mallory')
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Find in this event').fill('objectRef.name')
      const row = dialog.getByRole('row', { name: /^data\.objectRef\.name / })
      const text = (await row.textContent()) ?? ''
      assert.ok(
        text.includes('<img src=x onerror=alert(1)>') && text.includes('U+202E') && text.includes('U+0007'),
        text,
      )
      assert.equal(await page.locator('img').count(), 0)
    },
  },
  {
    says: 'a value of the event becomes a filter, which can be negated, disabled and removed',
    async run({ page }) {
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Find in this event').fill('user.username')
      await dialog.getByRole('button', { name: /^Filter for data\.user\.username/ }).click()
      await dialog.getByRole('button', { name: 'Close' }).click()
      const chip = page.getByRole('button', { name: /^Filter data\.user\.username: mallory/ })
      await chip.click()
      await page.getByRole('menuitem', { name: 'Negate' }).click()
      await page.getByText('No events match').waitFor({ timeout: shownMsMax })
      await page.getByRole('button', { name: /^Filter not data\.user\.username/ }).click()
      await page.getByRole('menuitem', { name: 'Disable' }).click()
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .waitFor({ timeout: shownMsMax })
      await page.getByRole('button', { name: /^Remove the filter not/ }).click()
      assert.equal(await page.getByRole('button', { name: /^Filter / }).count(), 0)
    },
  },
  {
    says: 'an event is explained: the rules that were tried, and where it ended',
    async run({ page }) {
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .click()
      await page.getByRole('tab', { name: 'Explain' }).click()
      await page.getByText(/^It ended in rule \d+/).waitFor({ timeout: shownMsMax })
      await page.getByRole('tab', { name: 'JSON' }).click()
      await page.locator('pre').filter({ hasText: 'audit.k8s.io/v1' }).first().waitFor()
      await page.getByRole('tab', { name: 'Rule' }).click()
      await page.getByText('As it stands in the ruleset now').waitFor()
    },
  },
  {
    says: 'the address holds it all: query, open event and tab are there again after a reload, and nobody has to log in',
    async run({ page }) {
      const address = page.url()
      assert.match(address, /q=data\.user\.username.*open=.*tab=rule/)
      await page.reload()
      await page.getByRole('dialog').getByText('As it stands in the ruleset now').waitFor({ timeout: shownMsMax })
      assert.equal(page.url(), address)
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'hidden' })
    },
  },
  {
    says: 'a mistake in the query is underlined at its place and told',
    async run({ page }) {
      const input = page.getByRole('combobox', { name: 'Query' })
      await input.fill('rule.level >= 3 and (data.verb:create')
      assert.equal(await input.getAttribute('aria-invalid'), 'true')
      assert.equal(await page.locator('.mistake').count(), 1)
    },
  },
  {
    says: 'fields and values are completed',
    async run({ page }) {
      const input = page.getByRole('combobox', { name: 'Query' })
      await input.fill('')
      await input.pressSequentially('data.user.usern')
      const option = page.getByRole('option', { name: 'data.user.username', exact: true })
      await option.waitFor({ timeout: shownMsMax })
      await input.press('ArrowDown')
      await input.press('Enter')
      assert.equal(await input.inputValue(), 'data.user.username:')
      await input.pressSequentially('mal')
      await page.getByRole('option', { name: 'mallory' }).waitFor({ timeout: shownMsMax })
      await input.press('Escape')
      await input.fill('data.user.username:mallory')
      await input.press('Enter')
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .waitFor({ timeout: shownMsMax })
    },
  },
  {
    says: 'a column is chosen, and the export has it, with a formula made harmless',
    async run({ page }) {
      await page.getByRole('button', { name: 'Columns' }).click()
      await page.getByLabel('Find a field').fill('objectRef.name')
      await page.getByRole('checkbox', { name: 'data.objectRef.name', exact: true }).check()
      await page.keyboard.press('Escape')
      await page.getByRole('columnheader', { name: /data\.objectRef\.name/ }).waitFor()
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: /^Export/ }).click(),
      ])
      const csv = readFileSync(await download.path(), 'utf8')
      assert.match(csv, /^\ufefftimestamp,.*data\.objectRef\.name\r\n/)
      assert.ok(csv.includes(`"'=HYPERLINK(""x"")`), csv)
    },
  },
  {
    says: 'a search is saved, and brings its query back',
    async run({ page, open }) {
      await page.getByRole('button', { name: 'Searches' }).click()
      await page.getByRole('textbox', { name: 'Name' }).fill('what mallory did')
      await page.getByRole('button', { name: 'Save', exact: true }).click()
      await page.getByRole('button', { name: /^what mallory did/ }).waitFor({ timeout: shownMsMax })
      await open('/discover')
      await page.getByRole('button', { name: 'Searches' }).click()
      await page.getByRole('button', { name: /^what mallory did/ }).click()
      await page.waitForURL(/q=data\.user\.username/)
      assert.equal(await page.getByRole('combobox', { name: 'Query' }).inputValue(), 'data.user.username:mallory')
    },
  },
  {
    says: 'live: an alert shows by itself the moment it comes',
    async run({ page, sender, open }) {
      await open('/discover?live=1&q=data.user.username:newcomer')
      await page.getByRole('button', { name: 'Following' }).waitFor()
      await page.getByText('No events match').waitFor({ timeout: shownMsMax })
      assert.equal((await sender.post(auditEvent({ user: 'newcomer', name: 'fresh' }))).status, 200)
      await page.locator('[data-fresh]').first().waitFor({ timeout: shownMsMax })
    },
  },
  {
    says: 'all events that are kept are found by data.apiVersion: exists, ordinary reads among them',
    async run({ page, sender, open }) {
      assert.equal((await sender.post(auditEvent({ user: 'reader', name: 'plain', verb: 'get' }))).status, 200)
      await foundEvents(page, open, '/discover?index=archives&q=data.apiVersion: exists and data.user.username:reader')
      await open('/discover?index=archives&q=data.apiVersion: exists')
      await page
        .getByRole('button', { name: /^Open the event/ })
        .nth(3)
        .waitFor({ timeout: shownMsMax })
    },
  },
  {
    says: 'events are sorted by level, and back, and the address holds it',
    async run({ page, open }) {
      await open('/discover')
      const level = page.getByRole('columnheader', { name: /^rule\.level/ })
      const button = level.getByRole('button', { name: /^rule\.level/ })
      await button.click()
      await page.waitForURL(/sort=-rule\.level/)
      const levels = async (): Promise<number[]> => {
        return (await page.locator('.grid-row .level').allTextContents()).map(Number)
      }
      await page.locator('[aria-sort="descending"]', { hasText: 'rule.level' }).waitFor({ timeout: shownMsMax })
      assert.equal(await level.getAttribute('aria-sort'), 'descending')
      const falling = await levels()
      assert.ok(falling.length > 1, 'no levels are shown')
      assert.deepEqual(
        falling,
        falling.toSorted((a, b) => b - a),
      )
      await button.click()
      await page.waitForURL(/sort=rule\.level/)
      await button.click()
      await page.locator('[aria-sort="descending"]', { hasText: 'Time' }).waitFor({ timeout: shownMsMax })
    },
  },
]
