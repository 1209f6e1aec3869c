/**
 * Making certificates: an authority's own, and leaves that it signs. In go keys in PEM and a subject, out comes PEM. Loaded on demand, since
 * the X.509 library takes longer to load than anything else here. A key that cannot be read is a CertsError KEY_UNREADABLE.
 */
// The X.509 library refuses to load without this polyfill, and it must come first.
import 'reflect-metadata'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  webcrypto,
} from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { CertsError } from './error.ts'
import type { AltName } from './names.ts'

/** What a leaf is for. */
export type LeafKind = 'server' | 'client'

export interface LeafRequest {
  readonly kind: LeafKind
  readonly commonName: string
  readonly altNames: readonly AltName[]
  readonly days: number
  readonly now: Date
}

const dayMs = 86_400_000
/** Clocks of API servers run behind now and then: certificates begin this much in the past. */
const backdateMs = 3_600_000

/** A new ECDSA P-256 private key, PKCS#8 PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A self-signed authority for the key, in PEM. It may sign leaves only (path length 0). */
export async function authorityCertificate(
  keyPem: string,
  commonName: string,
  days: number,
  now: Date,
): Promise<string> {
  const keys = await importKeys(keyPem)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: [{ O: ['Dogwatch'] }, { CN: [commonName] }],
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(now.getTime() + days * dayMs),
      signingAlgorithm: { name: keys.privateKey.algorithm.name, hash: 'SHA-256' },
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return pemOf(certificate)
}

/** A leaf for the key, signed by the authority, in PEM. It never outlives the authority. */
export async function leafCertificate(
  leafKeyPem: string,
  authority: { readonly certPem: string; readonly keyPem: string },
  { kind, commonName, altNames, days, now }: LeafRequest,
): Promise<string> {
  const issuer = new X509Certificate(authority.certPem)
  const signing = await importKeys(authority.keyPem)
  const leaf = await importKeys(leafKeyPem)
  const isRsa = leaf.publicKey.algorithm.name.startsWith('RSA')
  const usage = KeyUsageFlags.digitalSignature | (isRsa ? KeyUsageFlags.keyEncipherment : 0)
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: [{ O: ['Dogwatch'] }, { CN: [commonName.slice(0, 64)] }],
      issuer: issuer.subjectName.toJSON(),
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(Math.min(now.getTime() + days * dayMs, issuer.notAfter.getTime())),
      publicKey: leaf.publicKey,
      signingKey: signing.privateKey,
      signingAlgorithm: { name: signing.privateKey.algorithm.name, hash: 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(usage, true),
        new ExtendedKeyUsageExtension([kind === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(altNames.map(({ type, value }) => ({ type, value }))),
        await SubjectKeyIdentifierExtension.create(leaf.publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return pemOf(certificate)
}

/** Web Crypto wants PKCS#8 and the algorithm said beforehand; Node reads every PEM form and knows the algorithm. */
async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(pem)
  const algorithm = algorithmOf(key)
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const publicKey = await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify'])
  return { privateKey, publicKey }
}

function algorithmOf(key: KeyObject): { name: string; hash: string } | { name: string; namedCurve: string } {
  const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (key.asymmetricKeyType === 'ec' && namedCurve !== undefined) return { name: 'ECDSA', namedCurve }
  throw new CertsError(
    'KEY_UNREADABLE',
    `keys of type ${key.asymmetricKeyType} cannot sign here; use RSA or ECDSA (P-256, P-384, P-521)`,
  )
}

/** 16 random bytes, positive and with no leading zero (RFC 5280, 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`
}
