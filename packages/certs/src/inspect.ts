/**
 * Reading certificates and keys as they are: ours, or made by the audit recipe's openssl commands (RSA, PKCS#1, PKCS#8 or EC PEM). Out come
 * what a TLS server needs, a summary for people, and warnings. What would make every handshake fail is a CertsError.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { CertsError, reasonOf } from './error.ts'
import { altNamesOf, missingAltNames, parseAltNames } from './names.ts'

/** Days before its end at which a certificate is warned about and renewed. */
export const expiryWarningDays = 30
/** OpenSSL's security level 2, Debian's default, refuses smaller ones. */
const rsaBitsMin = 2048
const dayMs = 86_400_000

export interface CertSummary {
  readonly path: string
  readonly subject: string
  readonly issuer: string
  /** `name` or `address`, as written in the certificate. */
  readonly altNames: readonly string[]
  /** ISO 8601, UTC. */
  readonly notBefore: string
  readonly notAfter: string
  /** Whole days until the end, negative after it. */
  readonly daysLeft: number
  /** SHA-256 of the certificate, hexadecimal with colons. */
  readonly fingerprint: string
  readonly serial: string
  readonly isAuthority: boolean
}

export type CertWarningCode =
  | 'EXPIRES_SOON'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'SAN_MISSING'
  | 'SAN_LACKS_NAME'
  | 'SHA1'
  | 'KEY_READABLE_BY_OTHERS'

export interface CertWarning {
  readonly code: CertWarningCode
  /** One line: which file, what about it, what to do. */
  readonly message: string
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Authorities that sign clients' certificates. */
  readonly clientCa?: string
}

export interface LoadTlsOptions extends TlsFiles {
  /** Names under which senders reach this server; each that the certificate lacks is a warning. */
  readonly names?: readonly string[]
  readonly now?: Date
}

/** PEM texts, ready for `tls.createSecureContext`. */
export interface LoadedTls {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string
  readonly summary: CertSummary
  readonly warnings: readonly CertWarning[]
}

/**
 * Reads certificate (leaf first, intermediates after it), key and client authorities from their files. CertsError CERT_UNREADABLE,
 * KEY_UNREADABLE, KEY_MISMATCH or KEY_WEAK says which file and why.
 */
export async function loadTls({ cert, key, clientCa, names, now = new Date() }: LoadTlsOptions): Promise<LoadedTls> {
  const { text, leaf } = await readCertificate(cert)
  const { pem, privateKey } = await readKey(key)
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CertsError(
      'KEY_MISMATCH',
      `${key} is not the key of ${cert} (subject ${oneLine(leaf.subject)}); give the key it was made with`,
    )
  }
  const bits = privateKey.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < rsaBitsMin) {
    throw new CertsError(
      'KEY_WEAK',
      `${key} has ${bits} bits; TLS needs ${rsaBitsMin} or more: make a new key and certificate`,
    )
  }
  const summary = summarise(cert, leaf, now)
  const warnings = [
    ...certificateWarnings(summary, leaf, now),
    ...nameWarnings(summary, leaf, names ?? []),
    ...(await modeWarnings(key)),
  ]
  const loaded = { cert: text, key: pem, summary, warnings }
  return clientCa === undefined ? loaded : { ...loaded, clientCa: (await readCertificate(clientCa)).text }
}

/** Summary of the first certificate of a file. CertsError CERT_UNREADABLE. */
export async function certSummary(path: string, now: Date): Promise<CertSummary> {
  return summarise(path, (await readCertificate(path)).leaf, now)
}

/** What a person should know about a certificate's dates. */
export function expiryWarnings({ path, notBefore, notAfter, daysLeft }: CertSummary, now: Date): CertWarning[] {
  if (now < new Date(notBefore)) {
    return [{ code: 'NOT_YET_VALID', message: `${path} is valid from ${notBefore} only; check this machine's clock` }]
  }
  if (daysLeft < 0) return [{ code: 'EXPIRED', message: `${path} expired at ${notAfter}; run: dogwatch certs renew` }]
  if (daysLeft > expiryWarningDays) return []
  return [
    { code: 'EXPIRES_SOON', message: `${path} expires in ${daysLeft} days, at ${notAfter}; run: dogwatch certs renew` },
  ]
}

/** The file's text and its first certificate; CertsError CERT_UNREADABLE. */
export async function readCertificate(
  path: string,
): Promise<{ readonly text: string; readonly leaf: X509Certificate }> {
  const text = await readText(path, 'CERT_UNREADABLE')
  if (!text.includes('-----BEGIN')) {
    throw new CertsError('CERT_UNREADABLE', `${path} holds no PEM certificate (no "-----BEGIN CERTIFICATE-----" line)`)
  }
  try {
    return { text, leaf: new X509Certificate(text) }
  } catch (error) {
    throw new CertsError('CERT_UNREADABLE', `${path} holds no certificate that can be read: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

/** The file's text and its private key, in any PEM form; CertsError KEY_UNREADABLE. */
export async function readKey(path: string): Promise<{ readonly pem: string; readonly privateKey: KeyObject }> {
  const pem = await readText(path, 'KEY_UNREADABLE')
  if (/ENCRYPTED/.test(pem)) {
    throw new CertsError(
      'KEY_UNREADABLE',
      `${path} is encrypted; write it without a passphrase: openssl pkey -in ${path} -out server.key`,
    )
  }
  try {
    return { pem, privateKey: createPrivateKey(pem) }
  } catch (error) {
    throw new CertsError(
      'KEY_UNREADABLE',
      `${path} holds no private key that can be read (PEM expected): ${reasonOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

function summarise(path: string, certificate: X509Certificate, now: Date): CertSummary {
  const notAfter = certificate.validToDate
  return {
    path,
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    altNames: parseAltNames(certificate.subjectAltName).map(({ value }) => value),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: notAfter.toISOString(),
    daysLeft: Math.floor((notAfter.getTime() - now.getTime()) / dayMs),
    fingerprint: certificate.fingerprint256,
    serial: certificate.serialNumber,
    isAuthority: certificate.ca,
  }
}

function certificateWarnings(summary: CertSummary, certificate: X509Certificate, now: Date): CertWarning[] {
  const sha1 = /sha1/i.test(certificate.signatureAlgorithm ?? '')
  const isSelfSigned = certificate.subject === certificate.issuer
  const refused: CertWarning[] =
    sha1 && !isSelfSigned
      ? [
          {
            code: 'SHA1',
            message: `${summary.path} is signed with SHA-1, which API servers refuse; sign it anew with SHA-256`,
          },
        ]
      : []
  return [...expiryWarnings(summary, now), ...refused]
}

function nameWarnings({ path }: CertSummary, certificate: X509Certificate, names: readonly string[]): CertWarning[] {
  const present = parseAltNames(certificate.subjectAltName)
  if (present.length === 0) {
    const message = `${path} has no subject alternative name, so API servers refuse it unless they skip verification; run: dogwatch certs issue`
    return [{ code: 'SAN_MISSING', message }]
  }
  return missingAltNames(altNamesOf(names), present).map(({ value }) => ({
    code: 'SAN_LACKS_NAME',
    message: `${path} does not name ${value}, so senders that use this ${isIP(value) ? 'address' : 'name'} refuse it; run: dogwatch certs issue --name ${value}`,
  }))
}

async function modeWarnings(path: string): Promise<CertWarning[]> {
  const { mode } = await stat(path)
  if ((mode & 0o007) === 0) return []
  return [
    {
      code: 'KEY_READABLE_BY_OTHERS',
      message: `${path} can be read by every user of this machine; run: chmod 600 ${path}`,
    },
  ]
}

async function readText(path: string, code: 'CERT_UNREADABLE' | 'KEY_UNREADABLE'): Promise<string> {
  try {
    return await readFile(path, 'latin1')
  } catch (error) {
    throw new CertsError(code, `${path} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

/** Node puts one attribute a line. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ')
}
