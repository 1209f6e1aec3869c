/** The end-to-end scenarios, by the name one gives to `npm run e2e -- NAME`. */
import type { Checks } from './checks.ts'

/** One scenario of the whole system: real processes, real sockets. */
export interface Scenario {
  readonly name: string
  readonly says: string
  /** Whether it is part of `npm test`; longer ones have only their verb. */
  readonly inTest: boolean
  readonly load: () => Promise<{ readonly run: (checks: Checks) => Promise<void> }>
}

/** To add one: a file that exports `run(checks)`, and a line here. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'first-alert',
    says: 'from npm start on an empty home to the first alert',
    inTest: true,
    load: () => import('./first-alert.ts'),
  },
  {
    name: 'durable',
    says: 'nothing lost and nothing twice, with kill -9 at random moments',
    inTest: true,
    load: () => import('./durable.ts'),
  },
  {
    name: 'api',
    says: 'log in, find the alert of an event, be refused what is not allowed',
    inTest: true,
    load: () => import('./api.ts'),
  },
  {
    name: 'dashboard',
    says: 'the page in a browser: from the first login to every page of the menu',
    inTest: true,
    load: () => import('./dashboard.ts'),
  },
  {
    name: 'agent',
    says: 'three agents: enrolment by password, the sshd alert, who changed a file, TLS and who cuts it off',
    inTest: true,
    load: () => import('./agent.ts'),
  },
  {
    name: 'agent-trouble',
    says: 'what is kept when a manager, a network, a disk or a key fails',
    inTest: true,
    load: () => import('./agent-trouble.ts'),
  },
  {
    name: 'agent-faults-short',
    says: 'events of 50 agents, each once, with three kills and six cuts',
    inTest: true,
    load: async () => ({ run: (await import('./agent-faults.ts')).runShort }),
  },
  {
    name: 'agent-faults',
    says: 'events of 50 agents, each once, with kill -9 and connections that break',
    inTest: false,
    load: () => import('./agent-faults.ts'),
  },
]
