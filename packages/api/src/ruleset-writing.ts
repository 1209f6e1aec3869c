/**
 * Writing files of the ruleset: the user's own, in `etc/rules`, `etc/decoders` and `etc/lists` of the home. A file is compiled with all the others before it
 * is written, and the ruleset is loaded anew behind it; where that is refused, what was there before is put back. What comes with the product is never changed.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Problem } from '@dogwatch/schema'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import type { RulesetDesk } from './ruleset-desk.ts'

export type FileKind = 'rules' | 'decoders' | 'lists'

/** Names that a file may have: no folder, nothing hidden. */
export const fileNamePatterns: Readonly<Record<FileKind, string>> = {
  rules: '^[A-Za-z0-9][\\w.-]{0,100}\\.xml$',
  decoders: '^[A-Za-z0-9][\\w.-]{0,100}\\.xml$',
  lists: '^[A-Za-z0-9][\\w.-]{0,100}$',
}

/** Bytes of a file (spec: api, part 1). */
export const uploadLengthMax = 10 << 20

export interface RulesetWriting {
  /** Gives the warnings. Throws ApiError with the problems when the ruleset would have errors. */
  put(kind: FileKind, name: string, text: Buffer, mayOverwrite: boolean): Promise<readonly Problem[]>
  remove(kind: FileKind, name: string): Promise<readonly Problem[]>
}

export function openRulesetWriting(parts: ApiParts, desk: RulesetDesk): RulesetWriting {
  // One after the other, so that each is checked against what the one before has left.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {}) // whoever asked is told
    return next
  }

  function placeOf(kind: FileKind, name: string): string {
    if (!new RegExp(fileNamePatterns[kind]).test(name))
      throw new ApiError(400, `${name} cannot be the name of a file here`, 1006)
    const path = join(parts.manager.home, 'etc', kind, name)
    const files = parts.rulesetFiles()
    const inUse = kind === 'lists' ? files.lists.map((list) => list.path) : files[kind]
    if (inUse.some((other) => basename(other) === name && dirname(other) !== dirname(path)) && !existsSync(path)) {
      throw new ApiError(403, `${name} comes with the product and is not changed; write your own file beside it`, 1210)
    }
    return path
  }

  async function change(kind: FileKind, path: string, text: Buffer | null): Promise<readonly Problem[]> {
    const { files, problems } = await desk.check({ kind, path, text: text?.toString('latin1') ?? null })
    if (problems.some(({ severity }) => severity === 'error')) {
      throw new ApiError(400, 'the ruleset would have errors; nothing was changed', 1908, {
        problems: problems.slice(0, 100),
      })
    }
    const before = existsSync(path) ? readFileSync(path) : null
    replaceFile(path, text)
    const { accepted, problems: found } = await parts.reload()
    if (!accepted) {
      replaceFile(path, before)
      await parts.reload()
      throw new ApiError(400, 'the ruleset was refused; what was there before is in use again', 1914, {
        problems: found.slice(0, 100),
      })
    }
    return files > 0 ? problems.slice(0, 100) : found.slice(0, 100)
  }

  return {
    put: (kind, name, text, mayOverwrite) =>
      inTurn(async () => {
        const path = placeOf(kind, name)
        if (existsSync(path) && !mayOverwrite) throw new ApiError(400, `${name} is there; say overwrite=true`, 1905)
        return change(kind, path, text)
      }),
    remove: (kind, name) =>
      inTurn(async () => {
        const path = placeOf(kind, name)
        if (!existsSync(path)) throw new ApiError(404, `there is no file ${name} of your own`, 1906)
        return change(kind, path, null)
      }),
  }
}

/** Replaces a file as a whole, durably; null takes it away. */
export function replaceFile(path: string, text: Buffer | null): void {
  if (text === null) {
    rmSync(path, { force: true })
    return
  }
  // A dot in front: a folder of rules is read by the names in it, and this one is none of them.
  const temporary = join(dirname(path), `.${basename(path)}.tmp`)
  const file = openSync(temporary, 'w', 0o640)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
