/** Tokens of the clusters that post with one: read from their files, made where a file is missing. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { ensureToken } from '@dogwatch/certs'
import type { ClusterConfig } from '@dogwatch/config'

export interface ClusterToken {
  readonly cluster: string
  readonly token: string
  readonly path: string
  readonly created: boolean
}

/** Random bytes of a new token. */
const tokenBytes = 32
/** Shortest token taken from a file, in characters; longest, since it is a header's value. */
const tokenLengthMin = 16
const tokenLengthMax = 4096

/** The file that `ensureToken` of the certificates' room keeps. */
const usualTokenFile = 'etc/webhook.token'

/** The token of one cluster. Error when its file holds none. */
export async function clusterToken(home: string, { name, tokenFile }: ClusterConfig): Promise<ClusterToken> {
  if (tokenFile === usualTokenFile) return { cluster: name, ...(await ensureToken(home)) }
  const path = isAbsolute(tokenFile) ? tokenFile : join(home, tokenFile)
  const present = readToken(path)
  if (present !== null) return { cluster: name, token: checked(present, path), path, created: false }
  const token = randomBytes(tokenBytes).toString('base64url')
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
  return { cluster: name, token, path, created: true }
}

function readToken(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

function checked(token: string, path: string): string {
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= tokenLengthMin && token.length <= tokenLengthMax) return token
  throw new Error(
    `${path} must hold one line of ${tokenLengthMin} to ${tokenLengthMax} printable characters; remove the file to get a new token`,
  )
}
