/** A role of one's own is made from a policy of one's own, for some things alone, and given to users and by role mapping. */
import { type DashboardStep, shownMsMax } from './steps.ts'

export const steps: readonly DashboardStep[] = [
  {
    says: 'a policy and a role of one’s own are made, and the role is there for a new user',
    async run({ page, open }) {
      const dialog = page.getByRole('dialog')
      await open('/users?view=policies')
      await page.getByRole('button', { name: 'New policy' }).click()
      await dialog.getByRole('textbox', { name: 'Name' }).fill('looks-at-rules')
      await dialog.getByRole('combobox', { name: 'Actions' }).fill('rules:read')
      await page.getByRole('option', { name: 'rules:read' }).click()
      await page.keyboard.press('Tab')
      await dialog.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('row', { name: /looks-at-rules/ }).waitFor({ timeout: shownMsMax })
      await open('/users?view=roles')
      await page.getByRole('button', { name: 'New role' }).click()
      await dialog.getByRole('textbox', { name: 'Name' }).fill('rule-reader')
      await dialog.getByRole('combobox', { name: 'Policies' }).fill('looks')
      await page.getByRole('option', { name: 'looks-at-rules' }).click()
      await page.keyboard.press('Tab')
      await dialog.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('row', { name: /rule-reader.*rules:read/ }).waitFor({ timeout: shownMsMax })
      await open('/users')
      await page.getByRole('button', { name: 'New user' }).click()
      await dialog.getByRole('combobox', { name: 'Roles' }).click()
      await page.getByRole('option', { name: 'rule-reader' }).waitFor({ timeout: shownMsMax })
      await page.keyboard.press('Escape')
    },
  },
  {
    says: 'a policy is for one group of agents alone',
    async run({ page, open }) {
      const dialog = page.getByRole('dialog')
      await open('/users?view=policies')
      await page.getByRole('button', { name: 'New policy' }).click()
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('web-agents')
      await dialog.getByRole('combobox', { name: 'Actions' }).fill('agent:read')
      await page.getByRole('option', { name: 'agent:read' }).click()
      const on = dialog.getByRole('combobox', { name: 'On', exact: true })
      await on.press('Backspace')
      await on.fill('agent:group:web')
      await on.press('Enter')
      await dialog.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('row', { name: /web-agents.*agent:group:web/ }).waitFor({ timeout: shownMsMax })
    },
  },
  {
    says: 'a role mapping gives a role, is changed, and is removed',
    async run({ page, open }) {
      const dialog = page.getByRole('dialog')
      await open('/users?view=mapping')
      await page.getByText('No mapping yet').waitFor({ timeout: shownMsMax })
      await page.getByRole('button', { name: 'New mapping' }).click()
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('web-people')
      await dialog.getByRole('combobox', { name: 'Roles' }).fill('read')
      await page.getByRole('option', { name: 'readonly', exact: true }).click()
      await page.keyboard.press('Tab')
      await dialog.getByRole('button', { name: 'Save' }).click()
      const row = page.getByRole('row', { name: /web-people.*readonly.*FIND/ })
      await row.waitFor({ timeout: shownMsMax })
      await row.click()
      await dialog.getByRole('button', { name: 'Remove' }).click()
      await dialog.getByRole('button', { name: 'Remove for good' }).click()
      await page.getByText('No mapping yet').waitFor({ timeout: shownMsMax })
    },
  },
]
