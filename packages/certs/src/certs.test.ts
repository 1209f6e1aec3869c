import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  certPaths,
  certsInit,
  certsIssue,
  certsRenew,
  certsShow,
  ensureCertificates,
  ensureToken,
  loadTls,
} from './index.ts'

const folders: string[] = []
async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'dogwatch-certs-'))
  folders.push(home)
  return home
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true })
})

const now = new Date('2026-11-20T12:00:00Z')
const dayMs = 86_400_000
const later = (days: number): Date => new Date(now.getTime() + days * dayMs)
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const openssl = (folder: string, args: string[]): string =>
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe', timeout: 20_000 }).toString()

describe('a new home', () => {
  let home = ''
  let paths = certPaths('')
  beforeAll(async () => {
    home = await newHome()
    paths = certPaths(home)
    await ensureCertificates(home, { names: ['siem.example.org', '192.0.2.7', '2001:db8::7'] })
  })

  test('has keys that only the owner reads and certificates that all may read', async () => {
    expect([await modeOf(paths.caKey), await modeOf(paths.serverKey)]).toEqual([0o600, 0o600])
    expect([await modeOf(paths.ca), await modeOf(paths.server)]).toEqual([0o644, 0o644])
    expect((await readdir(join(home, 'certs'))).sort()).toEqual(['ca.key', 'ca.pem', 'server.key', 'server.pem'])
  })

  test('names what was given and what was found', async () => {
    const { certificates } = await certsShow({ home })
    const server = certificates.find(({ path }) => path === paths.server)
    expect(server?.altNames).toEqual(
      expect.arrayContaining(['siem.example.org', '192.0.2.7', 'localhost', '127.0.0.1']),
    )
    const loaded = await loadTls({
      cert: paths.server,
      key: paths.serverKey,
      names: ['2001:db8::7', '[::1]', 'SIEM.example.org'],
    })
    expect(loaded.warnings).toEqual([])
    expect(loaded.summary.daysLeft).toBeGreaterThan(390)
    expect(loaded.summary.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  })

  test('is left alone by a second run', async () => {
    const before = await readFile(paths.server)
    const again = await ensureCertificates(home, { names: ['siem.example.org'] })
    expect([again.written, again.done]).toEqual([[], []])
    expect(await readFile(paths.server)).toEqual(before)
  })

  test('serves a TLS 1.3 handshake that trusts the authority, with a client certificate', async () => {
    await certsIssue({ home, kind: 'client', name: 'cluster-a' })
    const tls = await loadTls({ cert: paths.server, key: paths.serverKey, clientCa: paths.ca })
    const seen: { authorized: boolean; cn: unknown }[] = []
    const server = createServer({ cert: tls.cert, key: tls.key, ca: tls.clientCa, requestCert: true }, (socket) => {
      seen.push({ authorized: socket.authorized, cn: socket.getPeerCertificate().subject.CN })
      socket.end()
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const client = await new Promise<TLSSocket>((done, failed) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'siem.example.org',
        ca: tls.clientCa,
        cert: readFileSync(join(home, 'certs', 'client-cluster-a.pem')),
        key: readFileSync(join(home, 'certs', 'client-cluster-a.key')),
      })
      socket.once('secureConnect', () => done(socket)).once('error', failed)
    })
    expect([client.authorized, client.getProtocol()]).toEqual([true, 'TLSv1.3'])
    client.resume()
    await new Promise((done) => client.once('close', done))
    await new Promise((done) => server.close(done))
    expect(seen).toEqual([{ authorized: true, cn: 'cluster-a' }])
  })

  test.skipIf(!hasOpenssl)('satisfies openssl verify, also for purpose and name', () => {
    const args = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-verify_ip',
      '192.0.2.7',
      '-CAfile',
      'certs/ca.pem',
      'certs/server.pem',
    ]
    expect(openssl(home, args)).toContain('certs/server.pem: OK')
  })

  test('keeps its authority unless forced, and then keeps the old one beside', async () => {
    const before = await readFile(paths.ca, 'utf8')
    await expect(certsInit({ home })).rejects.toMatchObject({ code: 'CA_EXISTS' })
    expect(await readFile(paths.ca, 'utf8')).toBe(before)
    await certsInit({ home, force: true })
    expect(await readFile(paths.ca, 'utf8')).not.toBe(before)
    expect(await readFile(`${paths.ca}.old`, 'utf8')).toBe(before)
    expect(await modeOf(`${paths.caKey}.old`)).toBe(0o600)
    const ca = new X509Certificate(await readFile(paths.ca))
    expect(new X509Certificate(await readFile(paths.server)).verify(ca.publicKey)).toBe(true)
  })
})

describe('renewal', () => {
  const cases: [says: string, days: number, written: number, warning: string | undefined][] = [
    ['leaves a young certificate', 300, 0, undefined],
    ['renews one that ends within 30 days', 370, 1, undefined],
    ['renews one that has expired', 500, 1, undefined],
  ]
  for (const [says, days, written, warning] of cases) {
    test(`${says}, with its key and names`, async () => {
      const home = await newHome()
      const { paths } = await ensureCertificates(home, { names: ['siem.example.org'], now })
      const key = await readFile(paths.serverKey, 'utf8')
      const renewed = await certsRenew({ home, now: later(days) })
      expect(renewed.written).toHaveLength(written)
      expect(renewed.warnings[0]?.code).toBe(warning)
      expect(await readFile(paths.serverKey, 'utf8')).toBe(key)
      const { certificates } = await certsShow({ home, now: later(days) })
      expect(certificates[1]?.altNames).toContain('siem.example.org')
    })
  }

  test('happens at a start too, also for a name that is new', async () => {
    const home = await newHome()
    await ensureCertificates(home, { now })
    expect((await ensureCertificates(home, { now: later(380) })).done[0]).toContain('days left')
    expect((await ensureCertificates(home, { now: later(380), names: ['new.example.org'] })).done[0]).toContain(
      'new.example.org',
    )
    expect((await ensureCertificates(home, { now: later(380) })).done).toEqual([])
  })

  test('is asked for 30 days ahead', async () => {
    const home = await newHome()
    await ensureCertificates(home, { now })
    const codes = async (days: number): Promise<string[]> =>
      (await certsShow({ home, now: later(days) })).warnings.map(({ code }) => code)
    expect([await codes(360), await codes(370), await codes(398)]).toEqual([[], ['EXPIRES_SOON'], ['EXPIRED']])
    expect((await certsShow({ home, now: later(-2) })).warnings[0]?.code).toBe('NOT_YET_VALID')
  })
})

describe('what a crash or a person left', () => {
  test('a key without its certificate is used', async () => {
    const home = await newHome()
    const { paths } = await ensureCertificates(home)
    const key = await readFile(paths.serverKey, 'utf8')
    await rm(paths.server)
    await ensureCertificates(home)
    expect(await readFile(paths.serverKey, 'utf8')).toBe(key)
    await loadTls({ cert: paths.server, key: paths.serverKey })
  })

  test('an authority without its key cannot sign, and the line says what to do', async () => {
    const home = await newHome()
    const { paths } = await ensureCertificates(home)
    await rm(paths.caKey)
    await ensureCertificates(home)
    await rm(paths.server)
    await expect(ensureCertificates(home)).rejects.toMatchObject({
      code: 'CA_KEY_MISSING',
      message: expect.stringContaining('ca.key'),
    })
  })

  test('a foreign server certificate is neither renewed nor replaced', async () => {
    const home = await newHome()
    const other = await newHome()
    const { paths } = await ensureCertificates(home, { now })
    const foreign = (await ensureCertificates(other, { now })).paths
    await copyFile(foreign.server, paths.server)
    await copyFile(foreign.serverKey, paths.serverKey)
    expect((await ensureCertificates(home, { now: later(390) })).written).toEqual([])
    await expect(certsIssue({ home, kind: 'server' })).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  })
})

const bad: [says: string, code: string, arrange: (paths: { cert: string; key: string }) => Promise<unknown>][] = [
  ['a certificate that is not there', 'CERT_UNREADABLE', ({ cert }) => rm(cert)],
  ['a certificate that is no PEM', 'CERT_UNREADABLE', ({ cert }) => writeFile(cert, 'hello')],
  [
    'a certificate cut in the middle',
    'CERT_UNREADABLE',
    async ({ cert }) => writeFile(cert, (await readFile(cert)).subarray(0, 300)),
  ],
  ['a key that is not there', 'KEY_UNREADABLE', ({ key }) => rm(key)],
  ['a key that is no key', 'KEY_UNREADABLE', ({ cert, key }) => copyFile(cert, key)],
  [
    'an encrypted key',
    'KEY_UNREADABLE',
    async ({ key }) =>
      writeFile(
        key,
        createPrivateKey(await readFile(key)).export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'x',
        }),
      ),
  ],
  [
    'the key of another certificate',
    'KEY_MISMATCH',
    async ({ key }) => copyFile(certPaths(await ensured()).caKey, key),
  ],
]
async function ensured(): Promise<string> {
  const home = await newHome()
  await ensureCertificates(home)
  return home
}
describe('loadTls names the file and the reason for', () => {
  for (const [says, code, arrange] of bad) {
    test(says, async () => {
      const { server: cert, serverKey: key } = certPaths(await ensured())
      await arrange({ cert, key })
      await expect(loadTls({ cert, key })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/server\.(pem|key)/),
      })
    })
  }
})

describe.skipIf(!hasOpenssl)('certificates made with openssl, as the audit recipe does', () => {
  const config = [
    '[ req ]',
    'prompt = no',
    'distinguished_name = dn',
    '[ dn ]',
    'O = Example',
    'CN = 192.0.2.9',
    '[ v3_req ]',
    'authorityKeyIdentifier=keyid,issuer',
    'basicConstraints = CA:FALSE',
    'keyUsage = digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment',
    'subjectAltName = @alt',
    '[ alt ]',
    'IP.1 = 192.0.2.9',
  ].join('\n')
  let folder = ''
  beforeAll(async () => {
    folder = await newHome()
    await writeFile(join(folder, 'csr.conf'), config)
    openssl(folder, [
      'req',
      '-x509',
      '-new',
      '-nodes',
      '-newkey',
      'rsa:2048',
      '-keyout',
      'rootCA.key',
      '-out',
      'rootCA.pem',
      '-batch',
      '-subj',
      '/C=US/O=Example',
    ])
    openssl(folder, [
      'req',
      '-new',
      '-nodes',
      '-newkey',
      'rsa:2048',
      '-keyout',
      'server.key',
      '-out',
      'server.csr',
      '-config',
      'csr.conf',
    ])
    const sign = ['x509', '-req', '-in', 'server.csr', '-CA', 'rootCA.pem', '-CAkey', 'rootCA.key', '-CAcreateserial']
    openssl(folder, [...sign, '-out', 'server.crt', '-extfile', 'csr.conf', '-extensions', 'v3_req'])
    openssl(folder, [...sign, '-out', 'nosan.crt'])
    openssl(folder, ['rsa', '-in', 'server.key', '-traditional', '-out', 'pkcs1.key'])
    openssl(folder, ['ecparam', '-name', 'prime256v1', '-genkey', '-out', 'ec.key'])
    openssl(folder, [
      'req',
      '-x509',
      '-new',
      '-key',
      'ec.key',
      '-out',
      'ec.crt',
      '-batch',
      '-subj',
      '/CN=ec',
      '-addext',
      'subjectAltName=DNS:ec',
    ])
    openssl(folder, [
      'req',
      '-x509',
      '-new',
      '-nodes',
      '-newkey',
      'rsa:1024',
      '-keyout',
      'weak.key',
      '-out',
      'weak.crt',
      '-batch',
      '-subj',
      '/CN=w',
    ])
  }, 60_000)

  const forms: [says: string, cert: string, key: string, codes: string[]][] = [
    ['are loaded as they are, with a word about their 30 days', 'server.crt', 'server.key', ['EXPIRES_SOON']],
    ['are loaded with a PKCS#1 key', 'server.crt', 'pkcs1.key', ['EXPIRES_SOON']],
    ['are loaded with an EC key and its parameters', 'ec.crt', 'ec.key', ['EXPIRES_SOON', 'SAN_LACKS_NAME']],
    ['are warned about without a SAN', 'nosan.crt', 'server.key', ['EXPIRES_SOON', 'SAN_MISSING']],
  ]
  for (const [says, cert, key, codes] of forms) {
    test(says, async () => {
      await chmod(join(folder, key), 0o600)
      const loaded = await loadTls({
        cert: join(folder, cert),
        key: join(folder, key),
        clientCa: join(folder, 'rootCA.pem'),
        names: ['192.0.2.9'],
      })
      expect(loaded.warnings.map(({ code }) => code)).toEqual(codes)
    })
  }

  test('are refused with a key that OpenSSL would not serve', async () => {
    await expect(loadTls({ cert: join(folder, 'weak.crt'), key: join(folder, 'weak.key') })).rejects.toMatchObject({
      code: 'KEY_WEAK',
    })
  })

  test('sign a server certificate of ours when they are put into the home', async () => {
    const home = await newHome()
    const paths = certPaths(home)
    await mkdir(join(home, 'certs'))
    await copyFile(join(folder, 'rootCA.pem'), paths.ca)
    await copyFile(join(folder, 'rootCA.key'), paths.caKey)
    await ensureCertificates(home)
    expect(openssl(home, ['verify', '-purpose', 'sslserver', '-CAfile', 'certs/ca.pem', 'certs/server.pem'])).toContain(
      'OK',
    )
  })
})

describe('names', () => {
  const refused = ['https://siem', 'siem:8080', 'a b', '', '1.2.3', 'fe80::1%eth0', '../x']
  for (const name of refused) {
    test(`refuses ${JSON.stringify(name)}`, async () => {
      await expect(certsInit({ home: await newHome(), names: [name] })).rejects.toMatchObject({ code: 'NAME_INVALID' })
    })
  }
  test('refuses a client name that would leave the folder', async () => {
    const home = await ensured()
    await expect(certsIssue({ home, kind: 'client', name: '../../x' })).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })
})

describe('the webhook token', () => {
  test('is made once, 32 bytes as base64url, for the owner only', async () => {
    const home = await newHome()
    const made = await ensureToken(home)
    expect(made.token).toMatch(/^[\w-]{43}$/)
    expect(await modeOf(made.path)).toBe(0o600)
    expect(await ensureToken(home)).toEqual({ ...made, created: false })
  })
  test('is the same for processes that start at once', async () => {
    const home = await newHome()
    const all = await Promise.all(Array.from({ length: 8 }, () => ensureToken(home)))
    expect(new Set(all.map(({ token }) => token)).size).toBe(1)
    expect(await readdir(join(home, 'etc'))).toEqual(['webhook.token'])
  })
  for (const text of ['', 'short', 'two words that are long enough', 'naïve-naïve-naïve-naïve']) {
    test(`is refused when the file holds ${JSON.stringify(text)}`, async () => {
      const home = await newHome()
      await mkdir(join(home, 'etc'))
      await writeFile(join(home, 'etc', 'webhook.token'), text)
      await expect(ensureToken(home)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    })
  }
})
