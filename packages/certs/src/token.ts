/** The default cluster's webhook token: `<home>/etc/webhook.token`, owner only. Made once; what is there is used as it is. */
import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { CertsError, reasonOf } from './error.ts'
import { createFile, readIfThere, secretMode } from './secret-file.ts'

/** Random bytes of a new token; written as base64url. */
const tokenBytes = 32
/** Shortest token that is taken from a file, in characters. */
const tokenLengthMin = 16

export interface Token {
  readonly token: string
  readonly path: string
  readonly created: boolean
}

/** The token of the home, made when there is none. CertsError TOKEN_INVALID when the file holds something a header cannot carry. */
export async function ensureToken(home: string): Promise<Token> {
  const path = join(home, 'etc', 'webhook.token')
  const present = await readToken(path)
  if (present !== null) return { token: present, path, created: false }
  const token = randomBytes(tokenBytes).toString('base64url')
  try {
    await createFile(path, `${token}\n`, secretMode)
    return { token, path, created: true }
  } catch (error) {
    // Another process was quicker: its token counts.
    const other = error instanceof CertsError && error.code === 'FILE_EXISTS' ? await readToken(path) : null
    if (other === null) throw error
    return { token: other, path, created: false }
  }
}

async function readToken(path: string): Promise<string | null> {
  let text: string | null
  try {
    text = await readIfThere(path)
  } catch (error) {
    throw new CertsError('TOKEN_INVALID', `${path} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
  if (text === null) return null
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < tokenLengthMin) {
    const message = `${path} must hold one line of at least ${tokenLengthMin} printable characters; remove the file to get a new token`
    throw new CertsError('TOKEN_INVALID', message)
  }
  await chmod(path, secretMode)
  return token
}
