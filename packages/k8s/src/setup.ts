/**
 * Set-up on a control plane node: writes policy and webhook kubeconfig and patches the static-pod manifest of kube-apiserver. Shows what it
 * would change, keeps the old files outside the manifests folder (the kubelet starts whatever lies in there), and replaces files atomically.
 * Expected failures are problems in the report; only errors of the file system are thrown.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { recipePolicy, recommendedPolicy } from './audit-policy.ts'
import { type Distribution, instructionsFor } from './instructions.ts'
import { patchManifest } from './static-pod.ts'
import { unifiedDiff } from './unified-diff.ts'
import {
  clusterNamePattern,
  type WebhookCredential,
  webhookKubeconfig,
  webhookUrl,
  withoutCredentials,
} from './webhook-kubeconfig.ts'

export interface SetupOptions {
  /** Address of the receiver as the API server reaches it: host, host:port or https URL. No cluster DNS name: static pods use the host's resolver. */
  readonly server: string
  readonly cluster: string
  /** PEM of the CA; needed unless `insecure`. */
  readonly ca?: string
  readonly credential?: WebhookCredential
  /** The recipe's form of the kubeconfig. */
  readonly insecure?: boolean
  readonly policy: 'recommended' | 'recipe'
  /** Record the bodies of config maps; see `PolicyOptions`. */
  readonly configMapBodies: boolean
  /** Where /etc/kubernetes is found. Default `/etc/kubernetes`. */
  readonly root?: string
  /** The same folder as the node sees it (differs when it is mounted elsewhere). Default `/etc/kubernetes`. */
  readonly nodeRoot?: string
  readonly replacePolicy?: boolean
  readonly replaceWebhook?: boolean
  readonly dryRun?: boolean
  /** Print the steps for this distribution, and do not look for a manifest (kubeadm and minikube have one). */
  readonly distribution?: Distribution
}

export interface SetupIo {
  /** One piece of text for the person in front of it; may hold several lines. */
  readonly say: (text: string) => void
  /** Names the backup. */
  readonly now: () => Date
}

export interface SetupFile {
  readonly path: string
  readonly state: 'created' | 'changed' | 'unchanged'
  /** Where the old file is kept; only of files that were changed. */
  readonly backup?: string
}

export interface SetupReport {
  readonly ok: boolean
  readonly dryRun: boolean
  readonly url: string
  readonly files: readonly SetupFile[]
  readonly changes: readonly string[]
  readonly notes: readonly string[]
  readonly problems: readonly string[]
  /** Unified diffs of all files, credentials hidden. */
  readonly diff: string
  readonly instructions?: string
}

interface Planned {
  readonly path: string
  readonly before: string | null
  readonly after: string
  readonly mode: number
}

const folderName = 'dogwatch'
/** Files below `root`. */
export const setupPaths = {
  policy: `${folderName}/audit-policy.yaml`,
  webhook: `${folderName}/audit-webhook.yaml`,
  backup: `${folderName}/backup`,
  manifest: 'manifests/kube-apiserver.yaml',
} as const

/** Plans, shows, and unless `dryRun` does it. */
export async function runSetup(options: SetupOptions, io: SetupIo): Promise<SetupReport> {
  const root = options.root ?? '/etc/kubernetes'
  const nodeRoot = options.nodeRoot ?? '/etc/kubernetes'
  const url = webhookUrl(options.server, options.cluster, options.insecure !== true || options.credential !== undefined)
  const problems = optionProblems(options, url)
  if (url === undefined || problems.length > 0) return finish(options, io, url ?? '', [], [], [], problems, undefined)

  const policy = options.policy === 'recipe' ? recipePolicy() : recommendedPolicy(options)
  const planned: Planned[] = [
    await plan(join(root, setupPaths.policy), policy, 0o644),
    await plan(join(root, setupPaths.webhook), webhookKubeconfig(options), 0o600),
  ]
  const changes: string[] = []
  const notes: string[] = []
  const manifestPath = join(root, setupPaths.manifest)
  const usesManifest =
    options.distribution === undefined || options.distribution === 'kubeadm' || options.distribution === 'minikube'
  const manifest = usesManifest ? await readOrNull(manifestPath) : null
  const facts = { policyFile: join(nodeRoot, setupPaths.policy), webhookFile: join(nodeRoot, setupPaths.webhook), url }
  if (manifest !== null) {
    const patched = patchManifest(manifest, {
      folder: join(nodeRoot, folderName),
      ...facts,
      replacePolicy: options.replacePolicy === true,
      replaceWebhook: options.replaceWebhook === true,
    })
    problems.push(...patched.problems.map((problem) => `${manifestPath}: ${problem}`))
    notes.push(...patched.notes)
    changes.push(...patched.changes)
    planned.push({ path: manifestPath, before: manifest, after: patched.text, mode: 0o600 })
  } else if (usesManifest && options.distribution !== 'minikube') {
    notes.push(
      `no manifest at ${manifestPath}: the two files are written, switching on is up to you (--distribution NAME prints the steps)`,
    )
  }
  const instructions =
    manifest === null && options.distribution !== undefined ? instructionsFor(options.distribution, facts) : undefined
  return finish(options, io, url, planned, changes, notes, problems, instructions)
}

function optionProblems(options: SetupOptions, url: string | undefined): string[] {
  const problems: string[] = []
  if (url === undefined) problems.push(`server "${options.server}" is no host, host:port or https URL`)
  if (!clusterNamePattern.test(options.cluster))
    problems.push(`cluster "${options.cluster}" may hold letters, digits, "-", "_" and ".", up to 63`)
  if (options.insecure !== true && !/-----BEGIN CERTIFICATE-----/.test(options.ca ?? '')) {
    problems.push('no CA certificate: give one, or choose the insecure form of the recipe')
  }
  if (url !== undefined && /\.(?:svc|cluster\.local)(?::\d+)?(?:\/|$)/.test(url)) {
    problems.push(
      `${url} is a name of the cluster's own DNS, which an API server in a static pod cannot resolve: use an address or a NodePort`,
    )
  }
  return problems
}

async function finish(
  options: SetupOptions,
  io: SetupIo,
  url: string,
  planned: readonly Planned[],
  changes: readonly string[],
  notes: readonly string[],
  problems: readonly string[],
  instructions: string | undefined,
): Promise<SetupReport> {
  const dryRun = options.dryRun === true
  const diff = planned.map(diffOf).join('')
  if (diff !== '') io.say(diff)
  for (const note of notes) io.say(`note: ${note}`)
  for (const problem of problems) io.say(`problem: ${problem}`)
  const isWritten = problems.length === 0 && !dryRun
  const files: SetupFile[] = []
  for (const one of planned)
    files.push(isWritten ? await write(one, options.root ?? '/etc/kubernetes', io.now()) : stateOf(one))
  if (problems.length > 0) io.say('nothing was changed')
  else if (dryRun) io.say(diff === '' ? 'nothing would change' : 'dry run: nothing was changed')
  else if (diff === '') io.say('everything is in place already')
  else
    for (const file of files)
      if (file.state !== 'unchanged')
        io.say(`${file.state}: ${file.path}${file.backup === undefined ? '' : ` (old: ${file.backup})`}`)
  if (instructions !== undefined) io.say(instructions)
  const report = { ok: problems.length === 0, dryRun, url, files, changes, notes, problems, diff }
  return instructions === undefined ? report : { ...report, instructions }
}

function diffOf({ path, before, after }: Planned): string {
  return unifiedDiff(
    withoutCredentials(before ?? ''),
    withoutCredentials(after),
    before === null ? '/dev/null' : path,
    path,
  )
}

function stateOf({ path, before, after }: Planned): SetupFile {
  return { path, state: before === null ? 'created' : before === after ? 'unchanged' : 'changed' }
}

async function plan(path: string, after: string, mode: number): Promise<Planned> {
  return { path, before: await readOrNull(path), after, mode }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  }
}

/** Writes one file, its old form kept first. */
async function write(planned: Planned, root: string, now: Date): Promise<SetupFile> {
  const { path, before, after, mode } = planned
  const { state } = stateOf(planned)
  if (state === 'unchanged') return { path, state }
  await mkdir(join(root, folderName), { recursive: true, mode: 0o755 })
  const old = before === null ? null : await stat(path)
  let backup: string | undefined
  if (before !== null) {
    const folder = join(root, setupPaths.backup)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    backup = join(folder, `${basename(path)}.${now.toISOString().replaceAll(':', '-')}`)
    await writeDurably(backup, before, 0o600)
  }
  await replace(path, after, root, old?.mode ?? mode, old === null ? null : { uid: old.uid, gid: old.gid })
  return backup === undefined ? { path, state } : { path, state, backup }
}

/** Whole or not at all; the new file is made in our own folder, since a kubelet starts what it finds beside a manifest. */
async function replace(
  path: string,
  text: string,
  root: string,
  mode: number,
  owner: { uid: number; gid: number } | null,
): Promise<void> {
  const name = `.${basename(path)}.${randomBytes(6).toString('hex')}`
  const temporary = join(root, folderName, name)
  try {
    await writeDurably(temporary, text, mode & 0o777)
    if (owner !== null && process.getuid?.() === 0) await chown(temporary, owner.uid, owner.gid)
    try {
      await rename(temporary, path)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error
      // The manifests folder is a file system of its own: a name with a dot in front is not started.
      const near = join(dirname(path), name)
      await writeDurably(near, text, mode & 0o777)
      await rename(near, path)
    }
    await syncFolder(dirname(path))
  } finally {
    await rm(temporary, { force: true })
  }
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'w', mode)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await chmod(path, mode)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
