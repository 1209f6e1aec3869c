/**
 * The certificates of a home folder: `certs/ca.pem`, `ca.key`, `server.pem`, `server.key`, and `client-<name>.pem` with its key. Each verb
 * takes one plain object. A key is written before its certificate and kept when the certificate is renewed, so a crash between the two
 * leaves something that the next run completes. Expected failures are CertsErrors.
 */
import { randomBytes } from 'node:crypto'
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CertsError } from './error.ts'
import {
  type CertSummary,
  type CertWarning,
  certSummary,
  expiryWarningDays,
  expiryWarnings,
  readCertificate,
  readKey,
} from './inspect.ts'
import { type AltName, altNamesOf, foundAltNames, missingAltNames, parseAltNames, uniqueAltNames } from './names.ts'
import { createFile, publicMode, readIfThere, replaceFile, secretMode } from './secret-file.ts'

/** Validity of an authority, days (ten years). */
export const authorityDays = 3650
/** Validity of server and client certificates, days. */
export const leafDays = 397

export interface CertPaths {
  readonly ca: string
  readonly caKey: string
  readonly server: string
  readonly serverKey: string
}

/** Where a home keeps its certificates. */
export function certPaths(home: string): CertPaths {
  const folder = join(home, 'certs')
  return {
    ca: join(folder, 'ca.pem'),
    caKey: join(folder, 'ca.key'),
    server: join(folder, 'server.pem'),
    serverKey: join(folder, 'server.key'),
  }
}

export interface InitOptions {
  readonly home: string
  /** Names and addresses beside those found on this machine. */
  readonly names?: readonly string[]
  /** Replace an existing authority; the old files are kept beside with `.old`. */
  readonly force?: boolean
  readonly now?: Date
}

export interface CertsReport {
  /** Paths written. */
  readonly written: readonly string[]
  readonly certificates: readonly CertSummary[]
  readonly warnings: readonly CertWarning[]
}

/**
 * Makes an authority, and a server certificate unless one from elsewhere is there. An existing authority is an error (CA_EXISTS) unless
 * forced; then the server certificate is made anew too.
 */
export async function certsInit({
  home,
  names = [],
  force = false,
  now = new Date(),
}: InitOptions): Promise<CertsReport> {
  const paths = certPaths(home)
  const wanted = altNamesOf(names)
  const existing = [paths.ca, paths.caKey]
  const there = (await Promise.all(existing.map(readIfThere))).some((text) => text !== null)
  if (there && !force) {
    const message = `${paths.ca} or its key exists; every sender trusts this authority, so it is kept. To replace it: dogwatch certs init --force`
    throw new CertsError('CA_EXISTS', message)
  }
  for (const path of [...existing, paths.server, paths.serverKey]) await keepOld(path)
  await makeAuthority(paths, now, replaceFile)
  const written = [paths.caKey, paths.ca]
  if (force || (await presentServer(paths)) === null) {
    const request = { kind: 'server', commonName: 'dogwatch', altNames: serverNames(wanted), now } as const
    await writeLeaf(home, { ...request, path: paths.server, keyPath: paths.serverKey })
    written.push(paths.serverKey, paths.server)
  }
  return report(written, now)
}

export interface IssueOptions {
  readonly home: string
  readonly kind: 'server' | 'client'
  /** Client: the cluster's (or sender's) name, which becomes CN and SAN. Server: unused. */
  readonly name?: string
  /** Server: names and addresses beside those found and those the present certificate has. */
  readonly names?: readonly string[]
  /** Validity, days. */
  readonly days?: number
  /** Client: replace a certificate of that name. A server certificate made by another authority is replaced only with this. */
  readonly force?: boolean
  readonly now?: Date
}

/** Issues a server certificate with the names asked for, or a client certificate for one cluster. */
export async function certsIssue(options: IssueOptions): Promise<CertsReport> {
  const { home, kind, name, names = [], days = leafDays, force = false, now = new Date() } = options
  const paths = certPaths(home)
  if (kind === 'server') {
    const present = await presentServer(paths)
    if (present && !present.isOurs && !force) {
      throw new CertsError(
        'FILE_EXISTS',
        `${paths.server} was made by another authority and is kept; to replace it add --force`,
      )
    }
    if (present && !present.isOurs) for (const path of [paths.server, paths.serverKey]) await keepOld(path)
    const altNames = uniqueAltNames([...altNamesOf(names), ...serverNames(present?.isOurs ? present.altNames : [])])
    await writeLeaf(home, {
      kind,
      path: paths.server,
      keyPath: paths.serverKey,
      commonName: 'dogwatch',
      altNames,
      days,
      now,
    })
    return report([paths.serverKey, paths.server], now)
  }
  if (name === undefined || !/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(name)) {
    const message = `a client certificate needs a name of 1 to 63 letters, digits, ".", "_" or "-", such as the cluster's${name === undefined ? '' : `; got "${name}"`}`
    throw new CertsError('NAME_INVALID', message)
  }
  const path = join(home, 'certs', `client-${name}.pem`)
  const keyPath = join(home, 'certs', `client-${name}.key`)
  if (!force && (await readIfThere(path)) !== null) {
    throw new CertsError(
      'FILE_EXISTS',
      `${path} exists; to issue it anew add --force, to lengthen it: dogwatch certs renew`,
    )
  }
  await writeLeaf(home, { kind, path, keyPath, commonName: name, altNames: [{ type: 'dns', value: name }], days, now })
  return report([keyPath, path], now)
}

export interface RenewOptions {
  readonly home: string
  /** Renew what ends within so many days; default 30. */
  readonly withinDays?: number
  readonly now?: Date
}

/** Renews server and client certificates that end soon, with the same keys and names. Those of other authorities are warned about. */
export async function certsRenew({
  home,
  withinDays = expiryWarningDays,
  now = new Date(),
}: RenewOptions): Promise<CertsReport> {
  const due = (await homeCertificates(home, now)).filter(
    ({ daysLeft, isAuthority }) => !isAuthority && daysLeft <= withinDays,
  )
  const written: string[] = []
  for (const { path } of due) {
    if (await renewLeaf(home, path, now)) written.push(path)
  }
  return report(written, now, await homeCertificates(home, now))
}

/** All certificates of the home, or those in the files given. */
export async function certsShow(options: {
  home: string
  files?: readonly string[]
  now?: Date
}): Promise<CertsReport> {
  const { home, files, now = new Date() } = options
  const certificates = files
    ? await Promise.all(files.map((path) => certSummary(path, now)))
    : await homeCertificates(home, now)
  return report([], now, certificates)
}

export interface EnsureOptions {
  /** Names and addresses that the server certificate must have, beside those found. */
  readonly names?: readonly string[]
  readonly now?: Date
}

export interface EnsureReport extends CertsReport {
  readonly paths: CertPaths
  /** A line for each thing done, empty on an ordinary start. */
  readonly done: readonly string[]
}

/**
 * Makes what is missing and renews our own server certificate when it ends within 30 days or lacks a name. Files from elsewhere are left as
 * they are. CA_KEY_MISSING when something must be signed and only `ca.pem` is there.
 */
export async function ensureCertificates(
  home: string,
  { names = [], now = new Date() }: EnsureOptions = {},
): Promise<EnsureReport> {
  const paths = certPaths(home)
  const written: string[] = []
  const done: string[] = []
  const wanted = serverNames(altNamesOf(names))
  const present = await presentServer(paths)
  const reason = present ? renewalReason(present, wanted, now) : 'there was none'
  if (reason !== null || (await readIfThere(paths.ca)) === null) {
    if (await ensureAuthority(paths, now)) {
      written.push(paths.caKey, paths.ca)
      done.push(`made an authority of our own: ${paths.ca}`)
    }
  }
  if (reason !== null) {
    const altNames = uniqueAltNames([...wanted, ...(present?.altNames ?? [])])
    await writeLeaf(home, {
      kind: 'server',
      path: paths.server,
      keyPath: paths.serverKey,
      commonName: 'dogwatch',
      altNames,
      now,
    })
    written.push(paths.server)
    done.push(`made a server certificate (${reason}): ${paths.server}`)
  }
  const shown = await Promise.all([paths.ca, paths.server].map((path) => certSummary(path, now)))
  return { ...(await report(written, now, shown)), paths, done }
}

interface PresentServer {
  readonly altNames: readonly AltName[]
  /** Signed by the authority of this home, whose key is here too. */
  readonly isOurs: boolean
  readonly notAfter: Date
}

/** The server certificate that is there with its key, or null when either is missing. */
async function presentServer(paths: CertPaths): Promise<PresentServer | null> {
  if ((await readIfThere(paths.server)) === null || (await readIfThere(paths.serverKey)) === null) return null
  const { leaf } = await readCertificate(paths.server)
  const hasCa = (await readIfThere(paths.ca)) !== null && (await readIfThere(paths.caKey)) !== null
  const isOurs = hasCa && leaf.verify((await readCertificate(paths.ca)).leaf.publicKey)
  return { altNames: parseAltNames(leaf.subjectAltName), isOurs, notAfter: leaf.validToDate }
}

function renewalReason(
  { isOurs, altNames, notAfter }: PresentServer,
  wanted: readonly AltName[],
  now: Date,
): string | null {
  if (!isOurs) return null
  const daysLeft = (notAfter.getTime() - now.getTime()) / 86_400_000
  if (daysLeft <= expiryWarningDays)
    return daysLeft < 0 ? 'the old one had expired' : `the old one had ${Math.floor(daysLeft)} days left`
  const [missing] = missingAltNames(wanted, altNames)
  return missing ? `the old one did not name ${missing.value}` : null
}

function serverNames(given: readonly AltName[]): AltName[] {
  return uniqueAltNames([...given, ...foundAltNames()])
}

/** True when it had to be made. */
async function ensureAuthority(paths: CertPaths, now: Date): Promise<boolean> {
  const cert = await readIfThere(paths.ca)
  const key = await readIfThere(paths.caKey)
  if (cert !== null && key !== null) return false
  if (cert !== null) {
    const message = `${paths.ca} is there but not ${paths.caKey}, so nothing can be signed: put the key back, or put server.pem and server.key made elsewhere beside it`
    throw new CertsError('CA_KEY_MISSING', message)
  }
  await makeAuthority(paths, now, createFile)
  return true
}

async function makeAuthority(paths: CertPaths, now: Date, write: typeof createFile): Promise<void> {
  const { authorityCertificate, newKey } = await import('./authority.ts')
  const replaces = write === replaceFile
  const key = (replaces ? null : await readIfThere(paths.caKey)) ?? newKey()
  if (replaces || (await readIfThere(paths.caKey)) === null) await write(paths.caKey, key, secretMode)
  const commonName = `Dogwatch CA ${randomBytes(4).toString('hex')}`
  await write(paths.ca, await authorityCertificate(key, commonName, authorityDays, now), publicMode)
}

interface LeafPlan {
  readonly kind: 'server' | 'client'
  readonly path: string
  readonly keyPath: string
  readonly commonName: string
  readonly altNames: readonly AltName[]
  readonly days?: number
  readonly now: Date
}

/** Signs a certificate for the key that is there, or for a new one. */
async function writeLeaf(home: string, { keyPath, path, days = leafDays, ...request }: LeafPlan): Promise<void> {
  const { leafCertificate, newKey } = await import('./authority.ts')
  const authority = await readAuthority(certPaths(home))
  if ((await readIfThere(keyPath)) === null) await createFile(keyPath, newKey(), secretMode)
  const { pem } = await readKey(keyPath)
  await replaceFile(path, await leafCertificate(pem, authority, { ...request, days }), publicMode)
}

async function readAuthority(paths: CertPaths): Promise<{ certPem: string; keyPem: string }> {
  if ((await readIfThere(paths.ca)) === null) {
    throw new CertsError('CA_MISSING', `${paths.ca} is not there; make an authority first: dogwatch certs init`)
  }
  if ((await readIfThere(paths.caKey)) === null) {
    throw new CertsError(
      'CA_KEY_MISSING',
      `${paths.caKey} is not there, so nothing can be signed; put it back or run: dogwatch certs init --force`,
    )
  }
  const { text, leaf } = await readCertificate(paths.ca)
  const { pem, privateKey } = await readKey(paths.caKey)
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CertsError(
      'KEY_MISMATCH',
      `${paths.caKey} is not the key of ${paths.ca}; put the right one back or run: dogwatch certs init --force`,
    )
  }
  return { certPem: text, keyPem: pem }
}

/** False when the certificate is not of this home's authority, or has no key here. */
async function renewLeaf(home: string, path: string, now: Date): Promise<boolean> {
  const keyPath = path.replace(/\.pem$/, '.key')
  const { leaf } = await readCertificate(path)
  const authority = await readAuthority(certPaths(home))
  const { leaf: ca } = await readCertificate(certPaths(home).ca)
  if (!leaf.verify(ca.publicKey) || (await readIfThere(keyPath)) === null) return false
  const client = /client-(.+)\.pem$/.exec(path)?.[1]
  const { leafCertificate } = await import('./authority.ts')
  const { pem } = await readKey(keyPath)
  const request = {
    kind: client === undefined ? 'server' : 'client',
    commonName: client ?? 'dogwatch',
    altNames: parseAltNames(leaf.subjectAltName),
    days: leafDays,
    now,
  } as const
  await replaceFile(path, await leafCertificate(pem, authority, request), publicMode)
  return true
}

async function homeCertificates(home: string, now: Date): Promise<CertSummary[]> {
  const folder = join(home, 'certs')
  const names = await readdir(folder).catch(() => [])
  const known = names.filter((name) => /^(?:ca|server|client-.+)\.pem$/.test(name)).sort()
  return Promise.all(known.map((name) => certSummary(join(folder, name), now)))
}

async function report(
  written: readonly string[],
  now: Date,
  certificates?: readonly CertSummary[],
): Promise<CertsReport> {
  const shown =
    certificates ??
    (await Promise.all(written.filter((path) => path.endsWith('.pem')).map((path) => certSummary(path, now))))
  return { written, certificates: shown, warnings: shown.flatMap((summary) => expiryWarnings(summary, now)) }
}

/** A copy, so that the file itself can be replaced in one step. */
async function keepOld(path: string): Promise<void> {
  if ((await readIfThere(path)) !== null) await copyFile(path, `${path}.old`)
}
