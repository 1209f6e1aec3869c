/**
 * `etc/client.keys`, the list of who may connect (spec: agent-protocol, parts 1.5 and 2). A new agent is a line at its end; only what removes or changes a line
 * replaces the file. It is read again when somebody else changed it.
 *
 * In: the file. Out: entries by id, the highest id ever used; what was written is durable when a call returns. Wrong: a line that cannot be read is kept as it is; a
 * file that cannot be read or written throws the system's error, and holds then what it held before.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { replaceFile } from '@dogwatch/outputs'
import { formatAgentId, type KeyEntry, keyLine, parseKeyLine } from '@dogwatch/protocol'

export class ClientKeys {
  readonly #path: string
  readonly #purges: boolean
  #lines: string[] = []
  #entries = new Map<string, KeyEntry>()
  #idMax = 0
  #stamp = ''
  #reads = 0
  /** How the file ends: `open` lacks the last newline, `torn` has a line that was cut while it was written. */
  #end: 'whole' | 'open' | 'torn' = 'whole'

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

  /** How often the whole file was read: while it stays, entries came and went only by calls of `add` and `insert`. */
  get reads(): number {
    return this.#reads
  }

  /** Takes a new agent in; the file has it when this returns. `idMin` is the lowest id that is free for sure. */
  add({ name, ip }: Pick<KeyEntry, 'name' | 'ip'>, idMin: number): KeyEntry {
    for (;;) {
      const entry = { id: formatAgentId(Math.max(idMin, this.#idMax + 1)), name, ip, key: newAgentKey() }
      if (this.#append(entry)) return entry
      // Somebody else has written in this moment, and may have used the id.
      this.#read()
    }
  }

  /** Takes an agent in under an id that is free among the agents, with its key or, for null, a new one. A removed agent's line with that id goes. */
  insert({ name, ip }: Pick<KeyEntry, 'name' | 'ip'>, id: number, key: string | null): KeyEntry {
    this.refresh()
    const entry = { id: formatAgentId(id), name, ip, key: key ?? newAgentKey() }
    const others = this.#lines.filter((line) => {
      const read = parseKeyLine(line)
      return read.kind !== 'removed' || Number(read.id) !== id
    })
    const isAppended = others.length === this.#lines.length && this.#append(entry)
    if (!isAppended) this.#write([...others, keyLine(entry)])
    return entry
  }

  /** Gives an agent a new key, and the name and address that it asks for now. */
  renew(id: string, { name, ip }: Pick<KeyEntry, 'name' | 'ip'>): KeyEntry {
    this.refresh()
    const entry = { id, name, ip, key: newAgentKey() }
    this.#write(this.#lines.map((line) => (idOf(line) === id ? keyLine(entry) : line)))
    return entry
  }

  /** Removes agents; gives the ids of those that there were. The file is written once, however many they are. */
  remove(ids: readonly string[], purges: boolean = this.#purges): string[] {
    this.refresh()
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

  /** Writes one line behind the others; false when the file is not the one that was read, and then nothing is written. */
  #append(entry: KeyEntry): boolean {
    if (this.#stamp === '' || this.#end === 'torn') {
      this.#write([...this.#lines, keyLine(entry)])
      return true
    }
    const fd = openSync(this.#path, 'a', 0o640)
    try {
      const before = fstatSync(fd)
      if (stampOf(before) !== this.#stamp) return false
      const line = Buffer.from(`${this.#end === 'open' ? '\n' : ''}${keyLine(entry)}\n`, 'utf8')
      try {
        for (let at = 0; at < line.length; ) at += writeSync(fd, line, at, line.length - at)
        fdatasyncSync(fd)
      } catch (error) {
        // Half a line would be a key that nobody has.
        ftruncateSync(fd, before.size)
        throw error
      }
      this.#end = 'whole'
      this.#stamp = stampOf(fstatSync(fd))
    } finally {
      closeSync(fd)
    }
    this.#lines.push(keyLine(entry))
    this.#entries.set(entry.id, entry)
    this.#idMax = Math.max(this.#idMax, Number(entry.id))
    return true
  }

  #write(lines: readonly string[]): void {
    replaceFile(this.#path, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8'))
    this.#read()
  }

  #read(): void {
    this.#reads++
    this.#stamp = this.#stampNow()
    const text = this.#stamp === '' ? '' : readFileSync(this.#path, 'utf8')
    this.#lines = text.split('\n').filter((line) => line !== '')
    const isOpen = text !== '' && !text.endsWith('\n')
    this.#end = !isOpen ? 'whole' : isCut(this.#lines.at(-1) ?? '') ? 'torn' : 'open'
    this.#entries = new Map()
    for (const line of this.#lines) {
      const read = parseKeyLine(line)
      if (read.kind === 'none') continue
      const id = read.kind === 'agent' ? read.entry.id : read.id
      this.#idMax = Math.max(this.#idMax, Number(id))
      if (read.kind === 'agent') this.#entries.set(id, read.entry)
    }
    if (this.#end !== 'torn') return
    // Its id stays taken; it leaves the file with the next line that is written.
    const id = idOf(this.#lines.pop() ?? '')
    if (id !== null) this.#entries.delete(id)
  }

  /** Tells one state of the file from another; empty when there is none. */
  #stampNow(): string {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    return stat === undefined ? '' : stampOf(stat)
  }
}

function stampOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`
}

/** Whether a last line without its newline is one of ours that a power cut has shortened: the keys of managers have 64 characters (part 1.5). */
function isCut(line: string): boolean {
  const read = parseKeyLine(line)
  return read.kind === 'agent' && read.entry.key.length < keyLength
}

/** Lower-case hex characters of a key (part 1.5). */
const keyLength = 64

function newAgentKey(): string {
  return randomBytes(keyLength / 2).toString('hex')
}

function idOf(line: string): string | null {
  const read = parseKeyLine(line)
  return read.kind === 'agent' ? read.entry.id : null
}
