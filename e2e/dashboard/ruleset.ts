/** A rule of one's own: refused while it is wrong, tested, in force, and seen in the next alert. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { auditEvent } from './audit-event.ts'
import { foundEvents } from './found-events.ts'
import { type DashboardStep, shownMsMax } from './steps.ts'

const file = 'story_rules.xml'
const says = 'Somebody made a deployment in the shop'
const rule = (level: string) => `<group name="story,k8s_audit,">
  <rule id="100900" level="${level}">
    <if_sid>110002</if_sid>
    <field name="user.username">^shopkeeper$</field>
    <description>${says}</description>
  </rule>
</group>
`

export const steps: readonly DashboardStep[] = [
  {
    says: 'a rule that is wrong is refused: the problem is told, and marked where it is in the text',
    async run({ page, open }) {
      await open('/rules')
      await page.getByRole('button', { name: 'New file' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Name of the file').fill(file)
      await write(page, rule('very high'))
      await dialog.getByRole('button', { name: 'Review changes' }).click()
      await dialog.locator('.changes-line[data-sign="+"]').filter({ hasText: 'very high' }).waitFor()
      await dialog.getByRole('button', { name: 'Save and reload' }).click()
      await dialog
        .getByText(/^Line 2: /)
        .first()
        .waitFor({ timeout: shownMsMax })
      await dialog.locator('.cm-lint-marker-error').first().waitFor()
    },
    expects: /\/rules\/files\/story_rules\.xml/,
  },
  {
    says: 'mended, it is saved and in force at once',
    async run({ page }) {
      const dialog = page.getByRole('dialog')
      await write(page, rule('13'))
      await dialog.getByRole('button', { name: 'Review changes' }).click()
      await dialog.getByRole('button', { name: 'Save and reload' }).click()
      await page.getByText(`${file} is saved and in force`).waitFor({ timeout: shownMsMax })
      await dialog.getByRole('button', { name: 'Close' }).click()
    },
  },
  {
    says: 'Ruleset test says which rule an event would raise, and why not another',
    async run({ page, open }) {
      await open('/ruleset-test')
      const line =
        'Dec 10 01:02:02 host sshd[1234]: Failed password for invalid user admin from 192.0.2.7 port 1066 ssh2'
      await page.getByRole('textbox', { name: 'Logs, one a line' }).fill(line)
      await page.getByRole('button', { name: 'Test', exact: true }).click()
      await page.getByRole('heading', { name: 'Rule 5710' }).waitFor({ timeout: shownMsMax })
      await page.getByText('Explain', { exact: true }).click()
      await page.getByText(/^It ended in rule 5710/).waitFor({ timeout: shownMsMax })
    },
  },
  {
    says: 'the next event of that kind raises the new rule, and Overview counts it as high',
    async run({ page, sender, open }) {
      assert.equal((await sender.post(auditEvent({ user: 'shopkeeper', name: 'till' }))).status, 200)
      await foundEvents(page, open, '/discover?q=rule.id:100900')
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .click()
      await page.getByRole('dialog').getByText(says).first().waitFor({ timeout: shownMsMax })
      await page.keyboard.press('Escape')
      await open('/')
      await page
        .getByRole('button', { name: /^High/ })
        .filter({ hasText: /^High[1-9]/ })
        .waitFor({ timeout: shownMsMax })
    },
  },
]

/** Puts a text in the place of all that stands in the editor, as one who pastes it. */
async function write(page: Page, text: string): Promise<void> {
  const editor = page.getByRole('dialog').locator('.cm-content')
  await editor.click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.evaluate(`{
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', ${JSON.stringify(text)})
    const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
    document.querySelector('[role=dialog] .cm-content').dispatchEvent(paste)
  }`)
}
