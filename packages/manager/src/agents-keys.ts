/**
 * `etc/client.keys`, the list of who may connect (spec: agent-protocol, parts 1.5 and 2). It is replaced as a whole, and read again when somebody else changed it.
 *
 * In: the file. Out: entries by id, the highest id ever used. Wrong: a line that cannot be read is kept as it is and told about; a file that cannot be read or
 * written throws the system's error.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { replaceFile } from '@dogwatch/outputs'
import { formatAgentId, type KeyEntry, keyLine, parseKeyLine } from '@dogwatch/protocol'

export class ClientKeys {
  readonly #path: string
  readonly #purges: boolean
  #lines: string[] = []
  #entries = new Map<string, KeyEntry>()
  #idMax = 0
  #stamp = ''

  /** `purges`: removed agents leave the file; else their line stays, marked. */
  constructor(path: string, purges: boolean) {
    this.#path = path
    this.#purges = purges
    this.#read()
  }

  get entries(): ReadonlyMap<string, KeyEntry> {
    return this.#entries
  }

  /** The highest id in the file, those of removed agents too. */
  get idMax(): number {
    return this.#idMax
  }

  /** Takes a new agent in; the file has it when this returns. `idMin` is the lowest id that is free for sure. */
  add({ name, ip }: Pick<KeyEntry, 'name' | 'ip'>, idMin: number): KeyEntry {
    const entry = { id: formatAgentId(Math.max(idMin, this.#idMax + 1)), name, ip, key: newAgentKey() }
    this.#write([...this.#lines, keyLine(entry)])
    return entry
  }

  /** Takes an agent in under an id that is free among the agents, with its key or, for null, a new one. A removed agent's line with that id goes. */
  insert({ name, ip }: Pick<KeyEntry, 'name' | 'ip'>, id: number, key: string | null): KeyEntry {
    const entry = { id: formatAgentId(id), name, ip, key: key ?? newAgentKey() }
    const others = this.#lines.filter((line) => {
      const read = parseKeyLine(line)
      return read.kind !== 'removed' || Number(read.id) !== id
    })
    this.#write([...others, keyLine(entry)])
    return entry
  }

  /** Gives an agent a new key, and the name and address that it asks for now. */
  renew(id: string, { name, ip }: Pick<KeyEntry, 'name' | 'ip'>): KeyEntry {
    const entry = { id, name, ip, key: newAgentKey() }
    this.#write(this.#lines.map((line) => (idOf(line) === id ? keyLine(entry) : line)))
    return entry
  }

  /** Removes agents; gives the ids of those that there were. The file is written once, however many they are. */
  remove(ids: readonly string[], purges: boolean = this.#purges): string[] {
    const removed = new Set(ids.filter((id) => this.#entries.has(id)))
    if (removed.size === 0) return []
    const lines = this.#lines.flatMap((line) => {
      const id = idOf(line)
      const entry = id === null || !removed.has(id) ? undefined : this.#entries.get(id)
      if (entry === undefined) return [line]
      return purges ? [] : [`${entry.id} !${entry.name} ${entry.ip} ${entry.key}`]
    })
    this.#write(lines)
    return [...removed]
  }

  /** Reads the file again when it is another one than before; true when it was. */
  refresh(): boolean {
    if (this.#stampNow() === this.#stamp) return false
    this.#read()
    return true
  }

  #write(lines: readonly string[]): void {
    replaceFile(this.#path, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8'))
    this.#read()
  }

  #read(): void {
    this.#stamp = this.#stampNow()
    const text = this.#stamp === '' ? '' : readFileSync(this.#path, 'utf8')
    this.#lines = text.split('\n').filter((line) => line !== '')
    this.#entries = new Map()
    for (const line of this.#lines) {
      const read = parseKeyLine(line)
      if (read.kind === 'none') continue
      const id = read.kind === 'agent' ? read.entry.id : read.id
      this.#idMax = Math.max(this.#idMax, Number(id))
      if (read.kind === 'agent') this.#entries.set(id, read.entry)
    }
  }

  /** Tells one state of the file from another; empty when there is none. */
  #stampNow(): string {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
  }
}

/** 64 lower-case hex characters. */
function newAgentKey(): string {
  return randomBytes(32).toString('hex')
}

function idOf(line: string): string | null {
  const read = parseKeyLine(line)
  return read.kind === 'agent' ? read.entry.id : null
}
