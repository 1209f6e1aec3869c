/** Status measures what rules cost, over the events that are there. */
import { type DashboardStep, shownMsMax } from './steps.ts'

export const steps: readonly DashboardStep[] = [
  {
    says: 'Status measures what rules and decoders cost, and leads to the rule',
    async run({ page, open }) {
      await open('/status')
      await page.getByRole('button', { name: 'Measure' }).click()
      await page.getByText(/^Over the newest .* µs each/).waitFor({ timeout: shownMsMax * 2 })
      await page.getByRole('link', { name: '110003' }).click()
      await page.waitForURL(/rules\?.*rule=.*110003/)
    },
  },
]
