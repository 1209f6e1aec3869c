/**
 * The shared configuration that the manager pushes as one merged file (spec: agent-protocol, part 8). In go its pieces,
 * out comes whether it is whole; files are written below `etc/shared` by their checked names. Bound: `sharedMax` bytes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isSharedName, type ManagerControl, md5, mergedName, splitMerged } from '@dogwatch/protocol'

/** Largest merged file, in bytes: the 32 MiB that a manager of ours shares of a group, and the names of its files. */
export const sharedMax = 36 * 1024 * 1024

export class SharedFiles {
  readonly #dir: string
  #receiving: { readonly md5: string; readonly chunks: Buffer[]; length: number } | null = null

  constructor(dir: string) {
    this.#dir = dir
    mkdirSync(dir, { recursive: true, mode: 0o750 })
  }

  /** MD5 of what is here, for keep-alives; null when nothing is. */
  get sum(): string | null {
    try {
      return md5(readFileSync(join(this.#dir, mergedName)))
    } catch {
      return null
    }
  }

  /** The shared agent.conf; null when there is none. */
  get agentConf(): string | null {
    try {
      return readFileSync(join(this.#dir, 'agent.conf'), 'latin1')
    } catch {
      return null
    }
  }

  /** Takes what the manager says. True when a new configuration is complete. */
  take(control: ManagerControl): boolean {
    if (control.kind === 'file-begin') {
      this.#receiving = control.name === mergedName ? { md5: control.md5, chunks: [], length: 0 } : null
    } else if (control.kind === 'file-piece' && this.#receiving !== null) {
      this.#receiving.length += control.bytes.length
      if (this.#receiving.length > sharedMax) this.#receiving = null
      else this.#receiving.chunks.push(Buffer.from(control.bytes))
    } else if (control.kind === 'file-end') return this.#finish()
    return false
  }

  #finish(): boolean {
    const receiving = this.#receiving
    this.#receiving = null
    if (receiving === null) return false
    const merged = Buffer.concat(receiving.chunks)
    if (md5(merged) !== receiving.md5 || this.sum === receiving.md5) return false
    const files = (splitMerged(merged) ?? []).filter(({ name }) => isSharedName(name))
    for (const { name, bytes } of files) this.#write(name, bytes)
    this.#removeOthers('', new Set([mergedName, ...files.map(({ name }) => name)]))
    this.#write(mergedName, merged)
    return true
  }

  /** What is shared no longer, is no longer in effect. */
  #removeOthers(folder: string, kept: ReadonlySet<string>): void {
    for (const entry of readdirSync(join(this.#dir, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (kept.has(name)) continue
      if (entry.isDirectory() && [...kept].some((one) => one.startsWith(`${name}/`))) this.#removeOthers(name, kept)
      else rmSync(join(this.#dir, name), { recursive: true, force: true })
    }
  }

  #write(name: string, content: Uint8Array): void {
    const file = join(this.#dir, name)
    mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
    writeFileSync(`${file}.new`, content, { mode: 0o640 })
    renameSync(`${file}.new`, file)
  }
}
