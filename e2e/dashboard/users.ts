/** A role of one's own is made from a policy of one's own, and given to a user. */
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
]
