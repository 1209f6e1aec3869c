import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type DoctorOptions, doctorText, runDoctor } from './doctor.ts'
import { type ReplayOptions, runReplay } from './replay.ts'
import { runSetup, setupPaths } from './setup.ts'
import { auditFiles, readLines, sharedFile } from './shared-data.ts'
import { splitBody } from './split.ts'
import { testCa, testCertificate, testKey } from './test-certificates.ts'

/** A receiver that answers what the test wants, and keeps what it got. */
let server: Server
let port = 0
let answers: { status: number; headers?: Record<string, string> }[] = []
let bodies: { path: string; headers: NodeJS.Dict<string | string[]>; body: Buffer }[] = []

beforeAll(async () => {
  server = createServer({ key: testKey, cert: testCertificate }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
      const isKnown = request.headers.authorization === 'Bearer right'
      const { status, headers = {} } = answers.shift() ?? { status: isKnown ? 200 : 401 }
      response.writeHead(status, headers).end(status === 200 ? 'Webhook received!' : 'no')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dogwatch-doctor-'))
  answers = []
  bodies = []
})
afterEach(() => rm(folder, { recursive: true }))

describe('doctor', () => {
  const manifest = 'spec:\n  containers:\n  - command:\n    - kube-apiserver\n'

  async function healthy(token = 'right', address = `127.0.0.1:${port}`): Promise<DoctorOptions> {
    await mkdir(join(folder, 'manifests'))
    await writeFile(join(folder, setupPaths.manifest), manifest)
    const setup = {
      server: address,
      cluster: 'prod',
      ca: testCa,
      policy: 'recommended',
      configMapBodies: false,
      root: folder,
    } as const
    await runSetup({ ...setup, credential: { kind: 'token', token } }, { say: () => {}, now: () => new Date() })
    await writeFile(join(folder, 's.pem'), testCertificate)
    await writeFile(join(folder, 's.key'), testKey)
    return {
      certificateFile: join(folder, 's.pem'),
      keyFile: join(folder, 's.key'),
      root: folder,
      now: () => new Date('2026-11-25T00:00:00Z'),
      lastEvents: async () => new Map([['prod', Date.parse('2026-11-24T23:59:00Z')]]),
    }
  }

  const statusOf = async (options: DoctorOptions) => {
    const report = await runDoctor(options)
    return { exitCode: report.exitCode, ...Object.fromEntries(report.checks.map(({ id, status }) => [id, status])) }
  }
  const fine = {
    exitCode: 0,
    certificate: 'ok',
    kubeconfig: 'ok',
    san: 'ok',
    reachability: 'ok',
    token: 'ok',
    manifest: 'ok',
    mounts: 'ok',
    policy: 'ok',
    'last-event': 'ok',
  }

  test('finds nothing wrong after setup, and posts an empty list as the API server would', async () => {
    expect(await statusOf(await healthy())).toEqual(fine)
    expect(bodies[0]?.path).toBe('/audit/prod?timeout=30s')
    expect(splitBody(bodies[0]?.body ?? Buffer.alloc(0), { cluster: 'x' })).toEqual({ events: [], rejected: [] })
  })

  const broken: [
    says: string,
    change: (options: DoctorOptions) => Promise<Partial<DoctorOptions>>,
    expected: object,
  ][] = [
    [
      'a certificate that cannot be read',
      async () => ({ certificateFile: '/nowhere' }),
      { exitCode: 1, certificate: 'failed', san: 'skipped' },
    ],
    [
      'a certificate that is none',
      async () => ({ certificateFile: join(folder, 's.key') }),
      { exitCode: 1, certificate: 'failed', san: 'skipped' },
    ],
    [
      'a key of another certificate',
      async () => {
        await writeFile(join(folder, 'other.pem'), testCa)
        return { certificateFile: join(folder, 'other.pem') }
      },
      { exitCode: 1, certificate: 'failed', san: 'failed' },
    ],
    [
      'an expired certificate',
      async () => ({ now: () => new Date('2300-01-01T00:00:00Z') }),
      { exitCode: 1, certificate: 'failed', 'last-event': 'warning' },
    ],
    [
      'a certificate that soon expires',
      async () => ({ now: () => new Date('2126-10-25T00:00:00Z') }),
      { certificate: 'warning', 'last-event': 'warning' },
    ],
    [
      'a missing kubeconfig',
      async () => ({ kubeconfigFile: '/nowhere' }),
      { exitCode: 1, kubeconfig: 'failed', san: 'skipped', reachability: 'skipped', token: 'skipped' },
    ],
    [
      'a manifest without flags',
      async () => {
        await writeFile(join(folder, setupPaths.manifest), manifest)
        return {}
      },
      { exitCode: 1, manifest: 'failed', mounts: 'skipped' },
    ],
    [
      'a file that is not mounted',
      async () => {
        await writeFile(
          join(folder, setupPaths.manifest),
          `${manifest}    - --audit-policy-file=/a.yaml\n    - --audit-webhook-config-file=/b.yaml\n`,
        )
        return {}
      },
      { exitCode: 1, manifest: 'ok', mounts: 'failed', policy: 'failed' },
    ],
    [
      'a policy file that is gone',
      async () => {
        await rm(join(folder, setupPaths.policy))
        return {}
      },
      { exitCode: 1, mounts: 'failed', policy: 'failed' },
    ],
    [
      'a policy without rules',
      async () => {
        await writeFile(join(folder, setupPaths.policy), 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n')
        return {}
      },
      { exitCode: 1, policy: 'failed' },
    ],
    ['no event yet', async () => ({ lastEvents: async () => new Map() }), { exitCode: 1, 'last-event': 'failed' }],
    [
      'a silent cluster',
      async () => ({ lastEvents: async () => new Map([['prod', Date.parse('2026-11-24T23:00:00Z')]]) }),
      { 'last-event': 'warning' },
    ],
    [
      'a machine that is no control plane node',
      async () => {
        await rm(join(folder, setupPaths.manifest))
        return {}
      },
      { manifest: 'skipped', mounts: 'skipped' },
    ],
  ]
  test.each(broken)('%s: is told apart', async (_, change, expected) => {
    const options = await healthy()
    expect(await statusOf({ ...options, ...(await change(options)) })).toEqual({ ...fine, ...expected })
  })

  test('a wrong token', async () => {
    expect(await statusOf(await healthy('wrong'))).toEqual({ ...fine, exitCode: 1, token: 'failed' })
  })

  test('a port on which nothing listens', async () => {
    expect(await statusOf(await healthy('right', '127.0.0.1:1'))).toEqual({
      ...fine,
      exitCode: 1,
      reachability: 'failed',
      token: 'skipped',
    })
  })

  test('says what to do for each failed check', async () => {
    const report = await runDoctor({ ...(await healthy('wrong')), certificateFile: '/nowhere' })
    for (const { status, advice } of report.checks) if (status === 'failed') expect(advice).not.toBe('')
    expect(doctorText(report)).toContain('FAILED  token: the receiver answers 401')
    expect(report.checks.find(({ id }) => id === 'token')?.advice).toContain('another token')
  })

  test('reads a status file', async () => {
    const { lastEvents: _, ...options } = await healthy()
    await writeFile(
      join(folder, 'status.json'),
      `{"clusters":{"prod":{"lastEventMs":${Date.parse('2026-11-24T23:59:00Z')}}}}`,
    )
    expect(await statusOf({ ...options, statusFile: join(folder, 'status.json') })).toMatchObject({
      'last-event': expect.stringMatching(/ok|warning/),
    })
  })
})

describe('replay', () => {
  const event = (n: number) => `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"${n}","verb":"get"}`

  async function replay(lines: readonly string[], more: Partial<ReplayOptions> = {}) {
    const file = join(folder, 'events.jsonl')
    await writeFile(file, lines.map((line) => `${line}\n`).join(''), 'latin1')
    return runReplay({
      file,
      url: `https://127.0.0.1:${port}/audit/prod`,
      token: 'right',
      ca: testCa,
      backoffMs: 1,
      random: () => 0,
      ...more,
    })
  }
  const received = () => bodies.flatMap(({ body }) => splitBody(body, { cluster: 'x' }).events)

  test('joins single events to batches of 400, with the headers of an API server', async () => {
    const summary = await replay(Array.from({ length: 801 }, (_, n) => event(n)))
    expect(summary).toMatchObject({
      bodies: 3,
      events: 801,
      delivered: 801,
      dropped: 0,
      retries: 0,
      skipped: 0,
      statuses: { 200: 3 },
    })
    expect(received().length).toBe(801)
    expect(bodies[0]?.path).toBe('/audit/prod?timeout=30s')
    expect(bodies[0]?.headers).toMatchObject({
      'user-agent': 'Go-http-client/1.1',
      'content-type': 'application/json',
      accept: 'application/json, */*',
      'accept-encoding': 'gzip',
    })
  })

  test('tries five times, then drops and counts', async () => {
    answers = Array.from({ length: 5 }, () => ({ status: 500 }))
    const summary = await replay([event(1)])
    expect(summary).toMatchObject({ delivered: 0, dropped: 1, retries: 4, statuses: { 500: 5 } })
    expect(summary.lastError).toContain('500')
    expect(new Set(bodies.map(({ body }) => body.toString())).size).toBe(1)
  })

  test('goes on after a failure', async () => {
    answers = [{ status: 503 }, { status: 401 }]
    expect(await replay([event(1)])).toMatchObject({ delivered: 1, retries: 2, statuses: { 200: 1, 401: 1, 503: 1 } })
  })

  test('repeats inside one try while Retry-After asks for it', async () => {
    answers = Array.from({ length: 7 }, () => ({ status: 429, headers: { 'Retry-After': '0' } }))
    expect(await replay([event(1)])).toMatchObject({ delivered: 1, retries: 7 })
  })

  test('counts a receiver that cannot be reached', async () => {
    const summary = await replay([event(1)], { url: 'https://127.0.0.1:1/' })
    expect(summary).toMatchObject({ delivered: 0, dropped: 1, statuses: { error: 5 } })
  })

  test('refuses a certificate that it does not trust, unless told to', async () => {
    const { ca: _, ...unknown } = { ca: testCa, token: 'right' }
    const file = join(folder, 'one.jsonl')
    await writeFile(file, event(1))
    const options = { file, url: `https://127.0.0.1:${port}/`, backoffMs: 1, ...unknown }
    expect(await runReplay(options)).toMatchObject({ delivered: 0, dropped: 1 })
    expect(await runReplay({ ...options, insecure: true })).toMatchObject({ delivered: 1 })
  })

  test('passes over lines that are no events', async () => {
    expect(await replay(['hello', event(1), '', '{"a":1}'])).toMatchObject({ delivered: 1, skipped: 2 })
  })

  test('stops when told to', async () => {
    expect(await replay([event(1)], { signal: AbortSignal.abort() })).toMatchObject({ bodies: 0 })
  })

  test('tells how far it is', async () => {
    const seen: number[] = []
    await replay(
      Array.from({ length: 801 }, (_, n) => event(n)),
      { parallel: 1, onProgress: ({ delivered }) => seen.push(delivered) },
    )
    expect(seen).toEqual([400, 800, 801])
  })

  test.skipIf(auditFiles() === null)('replays real bodies as they are', async () => {
    const file = sharedFile('apiserver-1.26-webhook.jsonl')
    const summary = await runReplay({
      file,
      url: `https://127.0.0.1:${port}/`,
      token: 'right',
      ca: testCa,
      backoffMs: 1,
    })
    expect(summary).toMatchObject({ bodies: 18, events: 983, delivered: 983 })
    expect(bodies.map(({ body }) => body.toString('latin1').trimEnd()).sort()).toEqual(
      readLines('apiserver-1.26-webhook.jsonl').sort(),
    )
  })
})
