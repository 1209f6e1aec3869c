/** Opens a search until it has found something: the store is a moment behind the files. */
import { type Story, shownMsMax } from './steps.ts'

export async function foundEvents(page: Story['page'], open: Story['open'], path: string): Promise<void> {
  await open(path)
  const row = page.getByRole('button', { name: /^Open the event/ }).first()
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await page.getByText(/^\d+ events?$/).waitFor({ timeout: shownMsMax })
    if (await row.isVisible()) return
    await page.waitForTimeout(500)
    await page.getByRole('button', { name: 'Refresh' }).click()
  }
  await row.waitFor({ timeout: shownMsMax })
}
