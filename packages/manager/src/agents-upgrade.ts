/**
 * Agents that were upgraded tell how it went, again and again until they hear that it was heard (spec: agent-protocol, part 7.2). Dogwatch upgrades no agent, yet an
 * agent may come from a manager that did.
 */

/** Who asks the agent; rejects when it does not answer. */
type Ask = (id: string, target: string, command: Buffer) => Promise<unknown>

const heard = Buffer.from(JSON.stringify({ command: 'clear_upgrade_result', parameters: {} }))
/** `u`. */
const queueMark = 0x75
const colon = 0x3a
const resultMark = '"upgrade_update_status"'

export class UpgradeResults {
  readonly #ask: Ask
  /** Agents that are being told: each once at a time. */
  readonly #told = new Set<string>()

  constructor(ask: Ask) {
    this.#ask = ask
  }

  /** Looks at an event that is durable; `body` is as in the journal. */
  take(agent: string, body: Uint8Array): void {
    if (body[0] !== queueMark || body[1] !== colon) return
    if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(resultMark)) return
    if (this.#told.has(agent)) return
    this.#told.add(agent)
    const done = (): void => void this.#told.delete(agent)
    // Without an answer the agent tells its result again, and is told again.
    this.#ask(agent, 'upgrade', heard).then(done, done)
  }
}
