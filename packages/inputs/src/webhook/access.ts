/**
 * Who may send for which cluster. In go method-independent parts of a request (path, Authorization header, names in a verified client
 * certificate), out comes the cluster or why not. Judged before any body byte is read.
 */
import { createHash, hash, timingSafeEqual } from 'node:crypto'

/** A credential that a cluster accepts. */
export type WebhookAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** A certificate of the client authority whose CN or a DNS name of its SAN is one of `names`; default the cluster's name. */
  | { readonly kind: 'certificate'; readonly names?: readonly string[] }

export interface WebhookCluster {
  /** 1 to 63 letters, digits, `.`, `_` or `-`; stands in the path and on every event. */
  readonly name: string
  /** Any of them suffices. */
  readonly auth: readonly WebhookAuth[]
}

export interface Credentials {
  readonly authorization: string | undefined
  /** Names in the client's certificate, empty when there is none that our authority signed. */
  readonly certificateNames: () => readonly string[]
}

export type Access =
  | { readonly cluster: string }
  | { readonly refused: 'no_path' | 'unknown_cluster' | 'unauthorized'; readonly cluster?: string }

export interface AccessTable {
  /** `path` is the request target; what follows `?` is not looked at (API servers add `?timeout=30s`). */
  judge(path: string, credentials: Credentials): Access
  readonly wantsCertificates: boolean
}

const clusterName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
/** Longest token that is hashed, characters. */
const tokenLengthMax = 4096

interface Compiled {
  readonly name: string
  readonly isOpen: boolean
  readonly tokenHashes: readonly Buffer[]
  readonly certificateNames: ReadonlySet<string>
}

/**
 * Builds the table. `/` belongs to `defaultCluster`, unless the sender shows the credential of another one: kubeconfigs name no cluster, but
 * tokens and certificates are per cluster. RangeError for a name that cannot stand in a path, one that repeats, or an unknown default.
 */
export function createAccessTable(clusters: readonly WebhookCluster[], defaultCluster: string): AccessTable {
  for (const { name } of clusters)
    if (!clusterName.test(name))
      throw new RangeError(`cluster name "${name}" must be 1 to 63 letters, digits, ".", "_" or "-"`)
  const table = new Map(clusters.map((cluster) => [cluster.name, compile(cluster)] as const))
  if (table.size !== clusters.length) throw new RangeError('two clusters have the same name')
  const first = table.get(defaultCluster)
  if (!first) throw new RangeError(`the default cluster "${defaultCluster}" is not configured`)
  const others = [...table.values()].filter((cluster) => cluster !== first)

  return {
    wantsCertificates: [...table.values()].some(({ certificateNames }) => certificateNames.size > 0),
    judge(target, credentials) {
      const query = target.indexOf('?')
      const path = query === -1 ? target : target.slice(0, query)
      const tokenHash = tokenHashOf(credentials.authorization)
      if (path === '/' || path === '') {
        const known = holds(first, tokenHash, credentials)
          ? first
          : others.find((cluster) => holds(cluster, tokenHash, credentials))
        if (known) return { cluster: known.name }
        return first.isOpen ? { cluster: first.name } : { refused: 'unauthorized', cluster: first.name }
      }
      const name = /^\/audit\/([^/]+)\/?$/.exec(path)?.[1]
      if (name === undefined) return { refused: 'no_path' }
      const cluster = table.get(name)
      if (!cluster) return { refused: 'unknown_cluster' }
      if (cluster.isOpen || holds(cluster, tokenHash, credentials)) return { cluster: name }
      return { refused: 'unauthorized', cluster: name }
    },
  }
}

function compile({ name, auth }: WebhookCluster): Compiled {
  return {
    name,
    isOpen: auth.some(({ kind }) => kind === 'none'),
    tokenHashes: auth.flatMap((one) => (one.kind === 'token' ? [createHash('sha256').update(one.token).digest()] : [])),
    certificateNames: new Set(
      auth.flatMap((one) => (one.kind === 'certificate' ? (one.names ?? [name]) : [])).map((one) => one.toLowerCase()),
    ),
  }
}

/** Hashes are compared, in constant time, so that neither length nor content of a token shows in the time it takes. */
function holds(
  { tokenHashes, certificateNames }: Compiled,
  tokenHash: Buffer | null,
  { certificateNames: shown }: Credentials,
): boolean {
  if (tokenHash) for (const expected of tokenHashes) if (timingSafeEqual(expected, tokenHash)) return true
  return certificateNames.size > 0 && shown().some((name) => certificateNames.has(name.toLowerCase()))
}

function tokenHashOf(authorization: string | undefined): Buffer | null {
  if (authorization === undefined || authorization.length > tokenLengthMax || !/^bearer +/i.test(authorization))
    return null
  return hash('sha256', authorization.slice(7).trim(), 'buffer')
}
