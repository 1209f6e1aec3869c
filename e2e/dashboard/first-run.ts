/** The first minutes: the page turns green when the first event arrives, and leads to it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type DashboardStep, shownMsMax } from './steps.ts'

export const steps: readonly DashboardStep[] = [
  {
    says: 'the page of the first event shows a line, and turns green when the event of that line arrives',
    async run({ page, open }) {
      await open('/first-event')
      const line = (await page.locator('pre').first().textContent()) ?? ''
      assert.match(line, /^curl .*Authorization: Bearer \$\(cat .*webhook\.token\)/)
      await page.getByText('Waiting for an alert').waitFor({ timeout: shownMsMax })
      const shell = spawnSync('sh', ['-c', line], { encoding: 'utf8', timeout: 20_000 })
      assert.equal(shell.stdout.trim(), 'Webhook received!', shell.stderr)
      await page.getByText('It has arrived').waitFor({ timeout: shownMsMax })
      await page.getByRole('link', { name: 'Open it' }).click()
      await page
        .getByRole('dialog')
        .getByText('Kubernetes request to create resource')
        .first()
        .waitFor({ timeout: shownMsMax })
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    },
  },
]
