/** An agent joins: its logins and its files are on the pages. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAgent } from '../agent-process.ts'
import { until } from '../checks.ts'
import { temporaryHome } from '../manager-process.ts'
import { foundEvents } from './found-events.ts'
import { type DashboardStep, shownMsMax } from './steps.ts'

const agentMsMax = 30_000
const address = '203.0.113.9'

export const steps: readonly DashboardStep[] = [
  {
    says: 'an agent that joins is on the page of agents, and a refused login that it tells of is found',
    async run({ page, open, agentPorts }) {
      const home = temporaryHome()
      const watched = join(home, 'watched')
      const log = join(home, 'auth.log')
      for (const folder of ['etc', 'watched']) mkdirSync(join(home, folder))
      for (const name of ['prices.conf', 'old.conf', 'hosts']) writeFileSync(join(watched, name), 'price = 1\n')
      writeFileSync(log, '')
      const text = `<client><server><address>127.0.0.1</address></server><notify_time>2</notify_time></client>
  <localfile><location>${log}</location><log_format>syslog</log_format></localfile>
  <syscheck><directories realtime="yes" report_changes="yes">${watched}</directories></syscheck>`
      writeFileSync(join(home, 'etc/ossec.conf'), `<ossec_config>\n  ${text}\n</ossec_config>\n`)
      const ports = ['--port', `${agentPorts.agents}`, '--port-enrol', `${agentPorts.enrol}`]
      const agent = startAgent(home, ['--manager', '127.0.0.1', ...ports, '--name', 'web-1'])
      await agent.connected()
      await until('the first scan', agentMsMax, () => (agent.output().includes('files compared') ? true : undefined))
      appendFileSync(join(watched, 'prices.conf'), 'price = 2\n')
      writeFileSync(join(watched, 'new.conf'), 'new\n')
      for (let port = 40_001; port < 40_013; port++) {
        const who = port % 3 === 0 ? 'root' : 'invalid user admin'
        appendFileSync(
          log,
          `Nov 24 10:00:00 web sshd[812]: Failed password for ${who} from ${address} port ${port} ssh2\n`,
        )
      }
      await open('/agents')
      await page.getByRole('row', { name: /web-1/ }).first().waitFor({ timeout: shownMsMax })
      await foundEvents(page, open, `/discover?q=data.srcip:${address} and agent.name:web-1`)
    },
  },
  {
    says: 'a file that changed is on the page of file integrity, and in the inventory with its hash and its events',
    async run({ page, open }) {
      await foundEvents(page, open, '/discover?q=syscheck.event:modified and agent.name:web-1')
      await open('/fim')
      await page
        .getByText(/prices\.conf/)
        .first()
        .waitFor({ timeout: shownMsMax })
      await open('/fim?view=inventory')
      await page.getByRole('row', { name: /hosts/ }).first().waitFor({ timeout: shownMsMax })
      await page
        .getByRole('row', { name: /prices\.conf/ })
        .first()
        .click()
      const dialog = page.getByRole('dialog')
      await dialog
        .getByText(/^[0-9a-f]{64}$/)
        .first()
        .waitFor({ timeout: shownMsMax })
      await dialog.locator('.fim-events a').first().waitFor({ timeout: shownMsMax })
      await page.keyboard.press('Escape')
    },
  },
]
