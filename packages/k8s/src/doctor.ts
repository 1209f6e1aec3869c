/**
 * Why nothing arrives: one check after the other along the way from the API server to us, each with what to do. Checks that lack their input
 * are skipped and say so. Never throws.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { parse } from 'yaml'
import { connections, isAccepted, type PostTarget, post } from './post.ts'
import { setupPaths } from './setup.ts'
import { manifestFacts } from './static-pod.ts'
import { isRecord, type JsonRecord, listOf, recordOf, textIn } from './untrusted.ts'

export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Check {
  readonly id:
    | 'certificate'
    | 'kubeconfig'
    | 'san'
    | 'reachability'
    | 'token'
    | 'manifest'
    | 'mounts'
    | 'policy'
    | 'last-event'
  readonly status: CheckStatus
  /** What was found. */
  readonly detail: string
  /** What to do; empty when nothing. */
  readonly advice: string
}

export interface DoctorOptions {
  /** PEM files of the receiver. */
  readonly certificateFile?: string
  readonly keyFile?: string
  /** Where /etc/kubernetes is found, and how the node sees it. Default both `/etc/kubernetes`. */
  readonly root?: string
  readonly nodeRoot?: string
  /** Default: where setup writes it. */
  readonly kubeconfigFile?: string
  readonly policyFile?: string
  readonly manifestFile?: string
  /** When each cluster last sent something, in ms since the epoch; from the manager, or a status file. */
  readonly lastEvents?: () => Promise<ReadonlyMap<string, number>>
  /** A JSON file `{"clusters": {"<name>": {"lastEventMs": <n>}}}`, used when `lastEvents` is absent. */
  readonly statusFile?: string
  readonly now: () => Date
  /** Time for the connection and for the answer. Default 5,000 ms. */
  readonly timeoutMs?: number
  /** Called after each check. */
  readonly onCheck?: (check: Check) => void
}

export interface DoctorReport {
  /** 0 when nothing failed, 1 otherwise; warnings do not count. */
  readonly exitCode: 0 | 1
  readonly checks: readonly Check[]
}

/** A certificate that ends within this time is worth a warning. */
const expiryWarningDays = 30
/** A cluster that has been silent for this long is worth a warning: even an idle one renews leases and is read. */
const silentMinutes = 15
const dayMs = 86_400_000

/** Runs all checks in order. */
export async function runDoctor(options: DoctorOptions): Promise<DoctorReport> {
  const checks: Check[] = []
  const add = (check: Check) => {
    checks.push(check)
    options.onCheck?.(check)
  }
  const root = options.root ?? '/etc/kubernetes'
  const certificate = await readText(options.certificateFile)
  add(checkCertificate(options, certificate, await readText(options.keyFile)))
  const kubeconfigFile = options.kubeconfigFile ?? join(root, setupPaths.webhook)
  const kubeconfig = readKubeconfig(await readText(kubeconfigFile), kubeconfigFile)
  add(kubeconfig.check)
  const { target } = kubeconfig
  add(checkNames(target, certificate))
  const reach = target === undefined ? undefined : await reachability(target, options.timeoutMs ?? 5_000)
  add(reach ?? skipped('reachability', 'no webhook kubeconfig'))
  add(
    target !== undefined && reach?.status === 'ok'
      ? await checkToken(target, options.timeoutMs ?? 5_000)
      : skipped('token', 'the receiver was not reached'),
  )
  for (const check of await manifestChecks(options, root)) add(check)
  const policyFile = options.policyFile ?? (await activePolicyFile(options, root)) ?? join(root, setupPaths.policy)
  add(checkPolicy(await readText(policyFile), policyFile))
  add(await checkLastEvents(options))
  return { exitCode: checks.some(({ status }) => status === 'failed') ? 1 : 0, checks }
}

/** The checks as lines for a terminal. */
export function doctorText({ checks }: DoctorReport): string {
  const signs = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ', skipped: 'skipped' }
  return checks
    .map(
      ({ id, status, detail, advice }) =>
        `${signs[status]} ${id}: ${detail}${advice === '' ? '' : `\n        → ${advice}`}\n`,
    )
    .join('')
}

function found(id: Check['id'], status: CheckStatus, detail: string, advice = ''): Check {
  return { id, status, detail, advice }
}

function skipped(id: Check['id'], why: string): Check {
  return found(id, 'skipped', why)
}

/** Text of the file; an Error when it cannot be read; undefined without a path. */
async function readText(path: string | undefined): Promise<string | Error | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function checkCertificate(
  options: DoctorOptions,
  pem: string | Error | undefined,
  key: string | Error | undefined,
): Check {
  if (pem === undefined) return skipped('certificate', 'no certificate file given')
  const advice = 'make a new one with "dogwatch certs renew"'
  if (pem instanceof Error) return found('certificate', 'failed', pem.message, `give read access, or ${advice}`)
  const certificate = certificateIn(pem)
  if (certificate === undefined)
    return found('certificate', 'failed', `${options.certificateFile} holds no certificate`, advice)
  if (key instanceof Error)
    return found('certificate', 'failed', key.message, 'give the manager read access to its key')
  if (key !== undefined && !fits(certificate, key)) {
    return found('certificate', 'failed', `${options.keyFile} is not the key of ${options.certificateFile}`, advice)
  }
  const now = options.now().getTime()
  const days = Math.floor((Date.parse(certificate.validTo) - now) / dayMs)
  if (days < 0) return found('certificate', 'failed', `expired on ${certificate.validTo}`, advice)
  if (Date.parse(certificate.validFrom) > now) {
    return found('certificate', 'failed', `not valid before ${certificate.validFrom}`, 'set the clock of this machine')
  }
  if (days < expiryWarningDays)
    return found('certificate', 'warning', `expires in ${days} days, on ${certificate.validTo}`, advice)
  return found('certificate', 'ok', `valid until ${certificate.validTo}`)
}

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

interface Target extends PostTarget {
  readonly host: string
  readonly port: number
  readonly serverName: string | undefined
}

/** The receiver that a webhook kubeconfig names, through its current context. */
function readKubeconfig(text: string | Error | undefined, path: string): { check: Check; target?: Target } {
  const fail = (detail: string) => ({
    check: found('kubeconfig', 'failed', detail, 'write it with "dogwatch k8s setup --server <address>"'),
  })
  if (text === undefined || text instanceof Error) return fail(text?.message ?? `${path} is missing`)
  const config = yamlIn(text)
  if (config === undefined) return fail(`${path} is no YAML object`)
  const named = (list: unknown, name: unknown) =>
    listOf(list)
      .map(recordOf)
      .find((entry) => entry?.name === name)
  const context = recordOf(named(config.contexts, config['current-context'])?.context)
  if (context === undefined) return fail(`${path}: current-context names no context`)
  const cluster = recordOf(named(config.clusters, context.cluster)?.cluster)
  const server = textIn(cluster?.server)
  if (cluster === undefined || server === undefined || !URL.canParse(server))
    return fail(`${path}: the context's cluster has no server URL`)
  const url = new URL(server)
  if (url.protocol !== 'https:')
    return fail(`${path}: server is ${url.protocol}//, but audit events go over https only`)
  const user = recordOf(named(config.users, context.user)?.user)
  const data = (from: JsonRecord | undefined, name: string) => {
    const value = textIn(from?.[name])
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString()
  }
  const ca = data(cluster, 'certificate-authority-data')
  const cert = data(user, 'client-certificate-data')
  const key = data(user, 'client-key-data')
  const token = textIn(user?.token)
  const insecure = cluster['insecure-skip-tls-verify'] === true
  const target: Target = {
    url: server,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
    serverName: textIn(cluster['tls-server-name']),
    insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
  }
  const check = insecure
    ? found(
        'kubeconfig',
        'warning',
        `${server}, without checking the certificate`,
        'run setup again without the insecure form',
      )
    : found('kubeconfig', 'ok', server)
  return { check, target }
}

function yamlIn(text: string): JsonRecord | undefined {
  try {
    const value: unknown = parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function checkNames(target: Target | undefined, pem: string | Error | undefined): Check {
  if (target === undefined) return skipped('san', 'no webhook kubeconfig')
  const certificate = typeof pem === 'string' ? certificateIn(pem) : undefined
  if (certificate === undefined) return skipped('san', 'no certificate to look at')
  const name = target.serverName ?? target.host
  const covers = isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name, { subject: 'never' })
  if (covers !== undefined) return found('san', 'ok', `the certificate covers ${name}`)
  const names = certificate.subjectAltName ?? 'no names at all (a common name does not count)'
  return found(
    'san',
    target.insecure === true ? 'warning' : 'failed',
    `the certificate does not cover ${name}; it has ${names}`,
    `issue one that does: "dogwatch certs issue --san ${name}", then restart the manager`,
  )
}

const connectAdvice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start the manager, or correct port and address in the kubeconfig',
  ETIMEDOUT: 'packets are dropped on the way: open the port in firewalls and security groups',
  EHOSTUNREACH: 'there is no route: is the address right, is the machine up?',
  ENETUNREACH: 'there is no route: is the address right?',
  ENOTFOUND:
    "the name is unknown here; static pods use the host's resolver, so use an address or a name the node knows",
  EAI_AGAIN: 'the name server does not answer; use an address',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate has other names: see the check "san"',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the receiver's certificate is not from the CA in the kubeconfig: run setup again with the right CA",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the receiver's certificate is not from the CA in the kubeconfig: run setup again with the right CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the receiver's certificate is not from the CA in the kubeconfig: run setup again with the right CA",
  CERT_SIGNATURE_FAILURE:
    "the receiver's certificate is not from the CA in the kubeconfig: run setup again with the right CA",
  CERT_HAS_EXPIRED: 'renew it: "dogwatch certs renew"',
  ECONNRESET:
    'what listens there closes the connection: is it the webhook port, and does it want a client certificate?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there speaks no TLS: is it the webhook port?',
  EPROTO: 'what listens there speaks no TLS: is it the webhook port?',
}

/** A TLS connection with the trust of the kubeconfig. Checked from here: the API server stands on its node's network. */
function reachability(target: Target, timeoutMs: number): Promise<Check> {
  const { host, port, ca, cert, key, serverName, insecure } = target
  return new Promise((resolve) => {
    const name = serverName ?? host
    const socket = connect({
      host,
      port,
      rejectUnauthorized: insecure !== true,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(name) ? {} : { servername: name }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
    const end = (check: Check) => {
      socket.destroy()
      resolve(check)
    }
    socket.setTimeout(timeoutMs, () =>
      end(
        found('reachability', 'failed', `${host}:${port}: no answer within ${timeoutMs} ms`, connectAdvice.ETIMEDOUT),
      ),
    )
    socket.on('secureConnect', () =>
      end(found('reachability', 'ok', `${host}:${port} answers with ${socket.getProtocol() ?? 'TLS'}`)),
    )
    socket.on('error', (error: Error & { code?: string }) => {
      const advice = connectAdvice[error.code ?? ''] ?? 'look at the log of the manager'
      end(found('reachability', 'failed', `${host}:${port}: ${error.message}`, advice))
    })
  })
}

const emptyList = Buffer.from('{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[]}\n')

/** Posts a list without events with the kubeconfig's own credential. */
async function checkToken(target: Target, timeoutMs: number): Promise<Check> {
  const agent = connections(target, 1)
  const answer = await post(target, agent, emptyList, timeoutMs)
  agent.destroy()
  if ('error' in answer)
    return found('token', 'failed', answer.error, connectAdvice[answer.code] ?? 'look at the log of the manager')
  const { status, body } = answer
  if (isAccepted(status)) return found('token', 'ok', `an empty list was accepted with ${status}`)
  const said = `the receiver answers ${status}${body.trim() === '' ? '' : `: ${body.trim().slice(0, 200)}`}`
  if (status === 401 || status === 403) {
    return found(
      'token',
      'failed',
      said,
      "the kubeconfig has another token or certificate than the cluster's: run setup again and restart the API server",
    )
  }
  if (status === 404) return found('token', 'failed', said, 'the path is wrong: it should be /audit/<cluster>')
  if (status === 429 || status === 503)
    return found('token', 'failed', said, 'the receiver is full: look at the disk and the metrics of the manager')
  return found('token', 'failed', said, 'is it the webhook port of the manager? Look at its log')
}

async function manifestChecks(options: DoctorOptions, root: string): Promise<Check[]> {
  const path = options.manifestFile ?? join(root, setupPaths.manifest)
  const text = await readText(path)
  const advice = 'run "dogwatch k8s setup" on this control plane node'
  if (text === undefined || text instanceof Error) {
    const why = `no manifest at ${path}: run doctor on a control plane node, or look at the flags of the API server by hand`
    return [skipped('manifest', why), skipped('mounts', why)]
  }
  const facts = manifestFacts(text)
  if (typeof facts === 'string')
    return [found('manifest', 'failed', `${path}: ${facts}`, advice), skipped('mounts', 'the manifest cannot be read')]
  const wanted = ['audit-policy-file', 'audit-webhook-config-file']
  const missing = wanted.filter((name) => (facts.flags.get(name) ?? '') === '')
  const manifest =
    missing.length > 0
      ? found(
          'manifest',
          'failed',
          `without ${missing.map((name) => `--${name}`).join(' and ')}: nothing is sent`,
          advice,
        )
      : found('manifest', 'ok', wanted.map((name) => `--${name}=${facts.flags.get(name)}`).join(', '))
  const files = wanted.flatMap((name) => facts.flags.get(name) ?? [])
  const problems: string[] = []
  for (const file of files) {
    const mount = facts.mounts
      .filter(({ mountPath }) => file === mountPath || file.startsWith(`${mountPath.replace(/\/$/, '')}/`))
      .sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
    if (mount === undefined) {
      problems.push(`${file} is not mounted into the pod`)
      continue
    }
    if (mount.hostPath === undefined) continue
    const onNode = mount.hostPath + file.slice(mount.mountPath.length)
    const nodeRoot = options.nodeRoot ?? '/etc/kubernetes'
    const here = onNode.startsWith(`${nodeRoot}/`) ? join(root, onNode.slice(nodeRoot.length)) : onNode
    if ((await readText(here)) instanceof Error) problems.push(`${onNode} cannot be read on the node`)
  }
  if (files.length === 0) return [manifest, skipped('mounts', 'no audit files are named')]
  return [
    manifest,
    problems.length === 0
      ? found('mounts', 'ok', 'both files are mounted and there')
      : found('mounts', 'failed', `${problems.join('; ')}: the API server does not start`, advice),
  ]
}

/** The policy that the API server reads, where its manifest tells. */
async function activePolicyFile(options: DoctorOptions, root: string): Promise<string | undefined> {
  const text = await readText(options.manifestFile ?? join(root, setupPaths.manifest))
  const facts = typeof text === 'string' ? manifestFacts(text) : 'none'
  const path = typeof facts === 'string' ? undefined : facts.flags.get('audit-policy-file')
  const nodeRoot = options.nodeRoot ?? '/etc/kubernetes'
  return path?.startsWith(`${nodeRoot}/`) ? join(root, path.slice(nodeRoot.length)) : path
}

const levels: ReadonlySet<unknown> = new Set(['None', 'Metadata', 'Request', 'RequestResponse'])

function checkPolicy(text: string | Error | undefined, path: string): Check {
  const advice = 'write one with "dogwatch k8s setup"'
  if (text === undefined || text instanceof Error)
    return found('policy', 'failed', text?.message ?? `${path} is missing`, advice)
  const policy = yamlIn(text)
  if (policy === undefined) return found('policy', 'failed', `${path} is no YAML object`, advice)
  if (policy.kind !== 'Policy' || policy.apiVersion !== 'audit.k8s.io/v1') {
    return found(
      'policy',
      'failed',
      `${path}: kind ${String(policy.kind)} of ${String(policy.apiVersion)}, not Policy of audit.k8s.io/v1`,
      advice,
    )
  }
  const rules = listOf(policy.rules)
  if (rules.length === 0) return found('policy', 'failed', `${path} has no rules, which an API server refuses`, advice)
  const bad = rules.findIndex((rule) => !levels.has(recordOf(rule)?.level))
  if (bad >= 0)
    return found('policy', 'failed', `${path}: rule ${bad + 1} has no level, or one that there is not`, advice)
  if (rules.every((rule) => recordOf(rule)?.level === 'None'))
    return found('policy', 'failed', `${path} records nothing: all rules say None`, advice)
  return found('policy', 'ok', `${rules.length} rules`)
}

async function checkLastEvents(options: DoctorOptions): Promise<Check> {
  const clusters = await lastEventsOf(options)
  if (clusters === undefined) return skipped('last-event', 'the manager was not asked, or keeps no status file')
  if (clusters.size === 0) {
    return found(
      'last-event',
      'failed',
      'no cluster has sent an event yet',
      'the API server reads its flags at its start: is it running again? Look for "audit" in its log',
    )
  }
  const now = options.now().getTime()
  const ages = [...clusters].map(([name, at]) => ({ name, minutes: Math.max(0, Math.floor((now - at) / 60_000)) }))
  const detail = ages.map(({ name, minutes }) => `${name}: ${minutes} min ago`).join(', ')
  const isSilent = ages.some(({ minutes }) => minutes >= silentMinutes)
  return found(
    'last-event',
    isSilent ? 'warning' : 'ok',
    detail,
    isSilent ? 'compare apiserver_audit_error_total{plugin="webhook"} at /metrics of that API server' : '',
  )
}

async function lastEventsOf(options: DoctorOptions): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    if (options.lastEvents !== undefined) return await options.lastEvents()
    const text = await readText(options.statusFile)
    if (typeof text !== 'string') return undefined
    const status: unknown = JSON.parse(text)
    const clusters = recordOf(recordOf(status)?.clusters) ?? {}
    return new Map(
      Object.entries(clusters).flatMap(([name, value]) => {
        const at = recordOf(value)?.lastEventMs
        return typeof at === 'number' ? [[name, at] as const] : []
      }),
    )
  } catch {
    return undefined
  }
}
