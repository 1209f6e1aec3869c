/**
 * Rootcheck entries and host information: texts that are compared with what the agent said before (spec: engine, parts 16.4, 16.5). Only digests of the texts
 * are kept, so that what is remembered has a bound in bytes too: agents choose how long a text is.
 */
import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { claim, digest, put } from './store.ts'

/** Most entries kept of each kind; the oldest go. */
const entriesMax = 200_000

/** Form of a snapshot whose texts are digests; without it they are whole. */
const digestsForm = 'digests'

/** Members of `entries`, and keys and values of `hosts`, are digests. */
export class RootcheckState {
  readonly entries = new Set<string>()
  readonly hosts = new Map<string, string>()

  snapshot(): unknown {
    return { form: digestsForm, entries: [...this.entries], hosts: [...this.hosts] }
  }

  restore(data: unknown): void {
    const { form, entries, hosts } = data as { form?: string; entries: string[]; hosts: [string, string][] }
    const known = form === digestsForm ? (text: string) => text : digest
    for (const entry of entries) this.entries.add(known(entry))
    for (const [host, line] of hosts) this.hosts.set(known(host), known(line))
  }

  decodeRootcheck(event: Event, decoder: EventDecoder): boolean {
    claim(event, decoder, 'rootcheck')
    const key = digest(`${event.agentId} ${event.fullLog}`)
    event.isNewEntry = !this.entries.has(key)
    if (event.isNewEntry) {
      if (this.entries.size >= entriesMax) this.entries.delete(this.entries.values().next().value as string)
      this.entries.add(key)
    }
    put(event, 'title', titleOf(event.fullLog))
    put(event, 'file', fileOf(event.fullLog))
    return true
  }

  decodeHostInfo(event: Event, decoder: EventDecoder): boolean {
    const match = /^Host: ([^ ,]+).*?open ports: .*$/s.exec(event.fullLog)
    if (match?.[1] === undefined) return false
    const host = digest(match[1])
    const line = digest(event.fullLog)
    const before = this.hosts.get(host)
    if (before === line) return false
    if (before === undefined && this.hosts.size >= entriesMax)
      this.hosts.delete(this.hosts.keys().next().value as string)
    this.hosts.set(host, line)
    claim(event, decoder, before === undefined ? 'hostinfo_new' : 'hostinfo_modified')
    return true
  }
}

function titleOf(text: string): string {
  const brace = text.indexOf(' {')
  let title = brace === -1 ? text : text.slice(0, brace)
  const audit = title.indexOf('System Audit: ')
  const dash = title.indexOf(' - ')
  if (audit !== -1 && (dash === -1 || audit < dash)) title = title.slice(audit + 'System Audit: '.length)
  const stop = title.indexOf('. ')
  if (stop !== -1) title = title.slice(0, stop + 1)
  return title.replace(/File '[^']*' /, 'File ')
}

function fileOf(text: string): string | undefined {
  const labelled = text.indexOf('File: ')
  if (labelled !== -1) {
    const rest = text.slice(labelled + 6)
    const stop = rest.indexOf('. ')
    return stop === -1 ? rest.replace(/\.$/, '') : rest.slice(0, stop)
  }
  const quoted = /[Ff]ile '/.exec(text)
  if (quoted === null) return undefined
  const rest = text.slice(quoted.index + 6)
  const close = rest.indexOf("' ")
  if (close !== -1) return rest.slice(0, close)
  return rest.endsWith("'") ? rest.slice(0, -1) : undefined
}
