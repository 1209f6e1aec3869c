/**
 * Small files that must be whole or absent: written beside, synced, then put in place. In go a path, bytes and a mode; a failure is a
 * CertsError FILE_UNWRITABLE, or FILE_EXISTS where nothing may be replaced.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CertsError, reasonOf } from './error.ts'

/** Keys, tokens: owner only. */
export const secretMode = 0o600
/** Certificates are public. */
export const publicMode = 0o644

/** Writes a new file; refuses (FILE_EXISTS) when there is one, also when another process made it a moment ago. */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  const beside = await writeBeside(path, text, mode)
  try {
    await link(beside, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new CertsError('FILE_EXISTS', `${path} exists and is left as it is`)
    throw new CertsError('FILE_UNWRITABLE', `${path} cannot be written: ${reasonOf(error)}`, { cause: error })
  } finally {
    await unlink(beside)
  }
  await syncFolder(dirname(path))
}

/** Writes a file, replacing what was there in one step. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const beside = await writeBeside(path, text, mode)
  try {
    await rename(beside, path)
  } catch (error) {
    await unlink(beside).catch(() => undefined)
    throw new CertsError('FILE_UNWRITABLE', `${path} cannot be written: ${reasonOf(error)}`, { cause: error })
  }
  await syncFolder(dirname(path))
}

/** The file's text, or null when there is none; any other failure goes on to the caller. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

async function writeBeside(path: string, text: string, mode: number): Promise<string> {
  const folder = dirname(path)
  const beside = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 })
    const file = await open(beside, 'wx', mode)
    try {
      // The mode given to open() is cut by the umask; this one is not.
      await file.chmod(mode)
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    return beside
  } catch (error) {
    await unlink(beside).catch(() => undefined)
    throw new CertsError('FILE_UNWRITABLE', `${path} cannot be written: ${reasonOf(error)}`, { cause: error })
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
