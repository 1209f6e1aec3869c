/**
 * What a step of the dashboard's story is given. A file for each page exports its steps; `../dashboard.ts` lists them in the order of the story, and all
 * walk in one browser, as one person would.
 */
import type { Page } from 'playwright-core'
import type { AuditSender } from '../audit-sender.ts'
import type { Checks } from '../checks.ts'

export interface Story {
  readonly page: Page
  readonly checks: Checks
  /** Posts to the manager's webhook, as an API server would. */
  readonly sender: AuditSender
  readonly home: string
  /** Of the manager's API: `https://localhost:PORT`. */
  readonly origin: string
  readonly password: string
  /** Where the manager takes agents, and enrols them. */
  readonly agentPorts: { readonly agents: number; readonly enrol: number }
  /** Goes to a path below `/app`, as `/rules?tq=sshd`, by address, and waits for its title. */
  open(path: string): Promise<void>
}

/** A piece of the story. Checks that a page does what it is for; whatever it needs it makes itself, or takes from the steps before. */
export interface DashboardStep {
  readonly says: string
  run(story: Story): Promise<void>
  /** A refusal that the step provokes: the console’s error about an address like this is not one of the page’s. */
  readonly expects?: RegExp
}

/** Longest wait for something to show, in milliseconds. */
export const shownMsMax = 15_000
