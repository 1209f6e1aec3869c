/**
 * Managers that have been spoken to in TLS: with them it is never given up again, whoever on the line says that they know none. Kept in `queue/tls-managers`, a line
 * each. Can go wrong: the file cannot be read or written; then what is known holds until the agent ends.
 */
import { readFileSync } from 'node:fs'
import { writeDurably } from './durable-file.ts'

/** Most managers that are remembered; more are in no configuration. */
const managersMax = 100

export class TlsManagers {
  readonly #file: string
  readonly #names: Set<string>

  constructor(file: string) {
    this.#file = file
    this.#names = new Set(linesOf(file).slice(-managersMax))
  }

  /** `name` is address and port, as the configuration has them. */
  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** Throws the system's error when it cannot be kept. */
  add(name: string): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    writeDurably(this.#file, [...this.#names].map((one) => `${one}\n`).join(''))
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}
