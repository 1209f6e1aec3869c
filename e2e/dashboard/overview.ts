/** What the first alert looks like on the pages that sum up: it is counted on Overview and on Kubernetes, and each leads to it. */
import assert from 'node:assert/strict'
import { type DashboardStep, shownMsMax } from './steps.ts'

export const steps: readonly DashboardStep[] = [
  {
    says: 'Overview counts the first alert in its band, names its rule and its user, and leads to it',
    async run({ page, open }) {
      await open('/')
      const main = page.getByRole('main')
      const low = main.getByRole('button', { name: /^Low/ })
      await low.filter({ hasText: /^Low[1-9]/ }).waitFor({ timeout: shownMsMax })
      await main.getByText('Kubernetes request to create resource').first().waitFor({ timeout: shownMsMax })
      await low.click()
      await page.waitForURL(/q=rule\.level(\+|%20)%3C(\+|%20)7|q=rule\.level.*7/)
      await main
        .getByRole('link', { name: /Kubernetes request to create resource/ })
        .first()
        .click()
      await page
        .getByRole('dialog')
        .getByText('Kubernetes request to create resource')
        .first()
        .waitFor({ timeout: shownMsMax })
      await page.keyboard.press('Escape')
    },
  },
  {
    says: 'Kubernetes counts it, says who did what to which object, and a click there shows the events',
    async run({ page, open }) {
      await open('/kubernetes')
      await page
        .locator('.stat')
        .filter({ hasText: /^Events[1-9]/ })
        .waitFor({ timeout: shownMsMax })
      await page.getByRole('tab', { name: 'Who did what' }).click()
      const deed = page.getByRole('row', { name: /create.*deployments/ }).first()
      await deed.waitFor({ timeout: shownMsMax })
      await deed.click()
      await page.getByRole('button', { name: /^Filter data\.kubernetes\.verb: create/ }).waitFor()
      await page
        .getByRole('button', { name: /^Open the event/ })
        .first()
        .waitFor({ timeout: shownMsMax })
      assert.match(page.url(), /view=events/)
    },
  },
]
