/**
 * Records of the kernel's audit, as auditd's plug-ins get them: lines in, whole events out, with the paths they concern
 * (spec: fim, part 5.2). Lines may come in any pieces and events interleaved. Bounds: an event's bytes, open events; what
 * is beyond them is dropped and counted.
 */
import { joinPath, tidyPath } from '../bytes.ts'

/** Largest event, in bytes. */
export const eventBytesMax = 64 * 1024
/** Most events that are open at a time. */
export const openEventsMax = 64
/** Longest line, in bytes. */
const lineBytesMax = 16 * 1024

/** Fields of a record, values decoded: quotes taken off, hexadecimal names turned into byte texts. */
export interface AuditRecord {
  readonly type: string
  /** `1732269605.123:4567`. */
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
}

/** One PATH record. */
export interface AuditPath {
  readonly item: number
  readonly name: string
  readonly inode: string
  /** As stat has it: major and minor packed as the C library packs them. */
  readonly dev: string
  /** `PARENT`, `CREATE`, `DELETE`, `NORMAL`, `UNKNOWN`, or ''. */
  readonly nametype: string
  readonly isFolder: boolean
}

/** One event: everything with the same id. */
export interface AuditEvent {
  readonly id: string
  /** The SYSCALL record; null where the event has none. */
  readonly syscall: ReadonlyMap<string, string> | null
  readonly keys: readonly string[]
  readonly cwd: string
  readonly paths: readonly AuditPath[]
  /** `op` and `dir` of a CONFIG_CHANGE record. */
  readonly configChange: { readonly op: string; readonly dir: string } | null
}

/** Values of these are hexadecimal unless they stand in quotes. */
const hexFields = new Set(['name', 'exe', 'cwd', 'dir', 'key', 'comm', 'proctitle'])

/** Reads one line; null when it is no audit record. */
export function parseRecord(line: string): AuditRecord | null {
  const head = /^(?:node=\S+ )?type=(\S+) msg=audit\(([^)]*)\):/.exec(line)
  if (head === null) return null
  const [all, type = '', id = ''] = head
  // Behind a group separator stand the same values as names; those we look up ourselves.
  const separator = line.indexOf('\x1d')
  const body = line.slice(all.length, separator === -1 ? undefined : separator)
  const fields = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of body.matchAll(/(?<![^ ])([\w-]+)=(?:"([^"]*)"|([^ "]*))/g)) {
    if (fields.has(name)) continue
    fields.set(name, quoted ?? (hexFields.has(name) ? fromHex(bare) : bare))
  }
  return { type, id, fields }
}

function fromHex(text: string): string {
  return text.length >= 2 && text.length % 2 === 0 && /^[0-9A-Fa-f]+$/.test(text)
    ? Buffer.from(text, 'hex').toString('latin1')
    : text
}

interface OpenEvent {
  readonly records: AuditRecord[]
  bytes: number
}

/** Puts lines together to events. `emit` is called with each event that is whole. */
export class AuditReader {
  readonly #emit: (event: AuditEvent) => void
  readonly #open = new Map<string, OpenEvent>()
  #rest = ''
  #isSkippingLine = false
  /** What was dropped, by reason. */
  readonly dropped = { tooLong: 0, tooManyOpen: 0 }

  constructor(emit: (event: AuditEvent) => void) {
    this.#emit = emit
  }

  /** Takes the next bytes of the stream. */
  push(bytes: Buffer): void {
    const text = this.#rest + bytes.toString('latin1')
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      if (this.#isSkippingLine) this.#isSkippingLine = false
      else this.#line(text.slice(start, end))
      start = end + 1
    }
    this.#rest = text.slice(start)
    if (this.#rest.length <= lineBytesMax) return
    if (!this.#isSkippingLine) this.dropped.tooLong++
    this.#isSkippingLine = true
    this.#rest = ''
  }

  /** Ends what is open: nothing came for a while, or the stream ended. */
  flush(): void {
    for (const id of [...this.#open.keys()]) this.#close(id)
  }

  /** How many events wait for their end. */
  get openCount(): number {
    return this.#open.size
  }

  #line(line: string): void {
    const record = parseRecord(line)
    if (record === null) return
    if (record.type === 'EOE') {
      this.#close(record.id)
      return
    }
    let open = this.#open.get(record.id)
    if (open === undefined) {
      if (this.#open.size >= openEventsMax) {
        const oldest = this.#open.keys().next().value
        if (oldest !== undefined) this.#close(oldest)
        this.dropped.tooManyOpen++
      }
      open = { records: [], bytes: 0 }
      this.#open.set(record.id, open)
    }
    open.bytes += line.length
    if (open.bytes <= eventBytesMax) open.records.push(record)
    // A record of an event of its own has no end of its own.
    if (record.type === 'CONFIG_CHANGE' && open.records.length === 1 && !record.fields.has('items'))
      this.#close(record.id)
  }

  #close(id: string): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#open.delete(id)
    if (open.bytes > eventBytesMax) this.dropped.tooLong++
    else this.#emit(toEvent(id, open.records))
  }
}

function toEvent(id: string, records: readonly AuditRecord[]): AuditEvent {
  const first = (type: string): AuditRecord | undefined => records.find((record) => record.type === type)
  const syscall = first('SYSCALL')?.fields ?? null
  const change = first('CONFIG_CHANGE')?.fields
  const keyText = syscall?.get('key') ?? change?.get('key') ?? ''
  return {
    id,
    syscall,
    keys: keyText === '(null)' ? [] : keyText.split('\x01').filter((key) => key !== ''),
    cwd: first('CWD')?.fields.get('cwd') ?? '',
    paths: records.filter(({ type }) => type === 'PATH').map(({ fields }) => toPath(fields)),
    configChange:
      change === undefined ? null : { op: change.get('op') ?? '', dir: change.get('dir') ?? change.get('path') ?? '' },
  }
}

function toPath(fields: ReadonlyMap<string, string>): AuditPath {
  const [major = '0', minor = '0'] = (fields.get('dev') ?? '').split(':')
  const name = fields.get('name') ?? ''
  return {
    item: Number(fields.get('item') ?? 0),
    name: name === '(null)' ? '' : name,
    inode: fields.get('inode') ?? '',
    dev: packDevice(Number.parseInt(major, 16), Number.parseInt(minor, 16)),
    nametype: fields.get('nametype') ?? '',
    isFolder: (Number.parseInt(fields.get('mode') ?? '0', 8) & 0o170000) === 0o040000,
  }
}

/** Major and minor number as `st_dev` has them (makedev(3)). */
function packDevice(major: number, minor: number): string {
  if (!Number.isInteger(major) || !Number.isInteger(minor)) return '0'
  const [high, low] = [BigInt(major), BigInt(minor)]
  return String(((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn))
}

/** A path that an event concerns. */
export interface ConcernedPath {
  readonly path: string
  readonly isFolder: boolean
  readonly inode: string
  readonly dev: string
  /** The record of the folder that a bare name was joined to; null when the name needed none. */
  readonly parent: { readonly path: string; readonly inode: string } | null
}

/**
 * The paths of all records that are not a parent’s, absolute. Of a bare name the kernel gives the parent in a record of
 * its own; where a program worked relative to an open folder, that record names the working directory instead, which its
 * inode gives away: compare it before the path is believed.
 */
export function concernedPaths({ cwd, paths }: AuditEvent): ConcernedPath[] {
  const parents = paths.filter(({ nametype }) => nametype === 'PARENT')
  const others = paths.filter(({ nametype, name }) => nametype !== 'PARENT' && name !== '')
  const absolute = (name: string): string => tidyPath(name.startsWith('/') ? name : joinPath(cwd, name))
  // The kernel gives the parents of a rename in either order: those that whole names already have are not a bare name's.
  const named = new Set(
    others.filter(({ name }) => name.includes('/')).map(({ name }) => absolute(joinPath(name, '..'))),
  )
  const free = parents.filter(({ name }) => !named.has(absolute(name)))
  const ofBare = free.length > 0 ? free : parents
  return others.map((record) => {
    const { name, isFolder, inode, dev } = record
    const base = { isFolder, inode, dev }
    if (name.includes('/')) return { ...base, path: absolute(name), parent: null }
    const parent = (record.nametype === 'CREATE' ? ofBare[1] : undefined) ?? ofBare[0]
    if (parent === undefined || parent.name === '') return { ...base, path: absolute(name), parent: null }
    const folder = absolute(parent.name)
    return { ...base, path: joinPath(folder, name), parent: { path: folder, inode: parent.inode } }
  })
}
