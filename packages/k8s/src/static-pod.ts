/**
 * The static-pod manifest of kube-apiserver: flags, volume and mount for auditing added as text at places that the YAML tree names, so that
 * comments, order and spacing stay byte for byte. Applying it twice changes nothing. What is already there and differs is said, not overwritten.
 */
import { type Document, isMap, isPair, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'

export interface ManifestPatch {
  /** Paths as the node sees them. */
  readonly folder: string
  readonly policyFile: string
  readonly webhookFile: string
  /** Take the place of another audit policy that is there. */
  readonly replacePolicy: boolean
  /** Take the place of another audit webhook that is there; an API server has only one. */
  readonly replaceWebhook: boolean
}

export interface PatchedManifest {
  readonly text: string
  /** What was added or changed, for people. */
  readonly changes: readonly string[]
  /** What was found and left alone. */
  readonly notes: readonly string[]
  /** Why nothing could be done; then `text` is the text that came in. */
  readonly problems: readonly string[]
  /** Policy file that the API server will read: ours, or the one that was there and was kept. */
  readonly policyFile: string
}

export const volumeName = 'dogwatch-audit'
/** Events are sent at the latest after this time; the default of the API server is 30 s. */
const batchWait = '5s'

interface Edit {
  readonly at: number
  readonly until: number
  readonly text: string
}

/** Adds auditing to the manifest's text. */
export function patchManifest(text: string, patch: ManifestPatch): PatchedManifest {
  const refuse = (problem: string): PatchedManifest => ({
    text,
    changes: [],
    notes: [],
    problems: [problem],
    policyFile: patch.policyFile,
  })
  const document = parseDocument(text)
  if (document.errors.length > 0)
    return refuse(`the manifest is no valid YAML: ${document.errors[0]?.message.split('\n')[0] ?? ''}`)
  const found = apiServerOf(document)
  if (typeof found === 'string') return refuse(found)
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const edits: Edit[] = []
  const changes: string[] = []
  const notes: string[] = []
  const problems: string[] = []
  const flags = flagsOf(found.command)

  const setFlag = (name: string, value: string, mayReplace: boolean | null, refusal: string): string => {
    const old = flags.get(name)
    const line = `--${name}=${value}`
    if (old === undefined) {
      edits.push(appendItem(text, found.command, [line], eol))
      changes.push(`flag ${line}`)
    } else if (old.value !== value && mayReplace === true) {
      edits.push({ at: old.start, until: old.end, text: line })
      changes.push(`flag ${line} (was ${old.value})`)
    } else if (old.value !== value) {
      if (mayReplace === null) notes.push(refusal)
      else problems.push(refusal)
      return old.value
    }
    return value
  }

  const oldPolicy = flags.get('audit-policy-file')?.value
  const policyFile = setFlag(
    'audit-policy-file',
    patch.policyFile,
    patch.replacePolicy ? true : null,
    `the policy ${oldPolicy} is kept, since other receivers may rely on it; ours is written beside it (--replace-policy uses ours)`,
  )
  const oldWebhook = flags.get('audit-webhook-config-file')?.value
  setFlag(
    'audit-webhook-config-file',
    patch.webhookFile,
    patch.replaceWebhook,
    `the API server already sends audit events by ${oldWebhook}, and it can have only one webhook; --replace-webhook takes its place`,
  )
  if (!flags.has('audit-webhook-batch-max-wait')) setFlag('audit-webhook-batch-max-wait', batchWait, false, '')
  const mode = flags.get('audit-webhook-mode')?.value
  if (mode !== undefined && mode !== 'batch')
    notes.push(`audit-webhook-mode=${mode} makes each API request wait for the webhook; it is left as it is`)
  if (flags.has('audit-log-path'))
    notes.push('audit-log-path is there: the log goes on beside the webhook, by the same policy')
  if (flags.has('audit-dynamic-configuration'))
    notes.push('audit-dynamic-configuration is gone since 1.19: such an API server does not start')

  mountFolder(text, found, patch, eol, edits, changes, problems)
  if (problems.length > 0) return { text, changes: [], notes, problems, policyFile }
  return { text: apply(text, edits), changes, notes, problems, policyFile }
}

interface ApiServer {
  readonly spec: YAMLMap
  readonly container: YAMLMap
  readonly command: YAMLSeq
}

/** The container that runs kube-apiserver, or what is wrong. */
function apiServerOf(document: Document): ApiServer | string {
  const spec = document.get('spec')
  const containers = isMap(spec) ? spec.get('containers') : undefined
  if (!isMap(spec) || !isSeq(containers)) return 'the manifest has no spec.containers: is it the one of kube-apiserver?'
  for (const container of containers.items) {
    if (!isMap(container)) continue
    for (const name of ['command', 'args']) {
      const command = container.get(name)
      const runsIt =
        isSeq(command) &&
        command.items.some((item) => isScalar(item) && /(?:^|\/)kube-apiserver$/.test(String(item.value)))
      if (!runsIt && !(isSeq(command) && container.get('name') === 'kube-apiserver' && name === 'args')) continue
      if (command.flow === true)
        return `${name} of the container is written in one line; write it as a list, one flag a line`
      return { spec, container, command }
    }
  }
  return 'no container in the manifest runs kube-apiserver'
}

interface Flag {
  readonly value: string
  readonly start: number
  readonly end: number
}

function flagsOf(command: YAMLSeq): Map<string, Flag> {
  const flags = new Map<string, Flag>()
  for (const item of command.items) {
    if (!isScalar(item) || item.range == null) continue
    const [, name, value] = /^--?([a-z0-9-]+)(?:=(.*))?$/s.exec(String(item.value)) ?? []
    if (name !== undefined) flags.set(name, { value: value ?? '', start: item.range[0], end: item.range[1] })
  }
  return flags
}

/** Volume and mount of our folder, unless a mount that is there already covers it. */
function mountFolder(
  text: string,
  { spec, container }: ApiServer,
  { folder }: ManifestPatch,
  eol: string,
  edits: Edit[],
  changes: string[],
  problems: string[],
): void {
  const mounts = container.get('volumeMounts')
  const volumes = spec.get('volumes')
  const mount = isSeq(mounts) ? mounts.items.find((item) => isMap(item) && item.get('mountPath') === folder) : undefined
  const volume = isSeq(volumes)
    ? volumes.items.find((item) => isMap(item) && item.get('name') === volumeName)
    : undefined
  if (mount === undefined) {
    const lines = [`mountPath: ${folder}`, `name: ${volumeName}`, 'readOnly: true']
    edits.push(addTo(text, container, 'volumeMounts', mounts, lines, eol))
    changes.push(`volumeMount of ${folder}`)
  } else if (isMap(mount) && mount.get('name') !== volumeName) {
    return // another volume is mounted there; its owner has seen to the files
  }
  if (volume === undefined) {
    const lines = ['hostPath:', `  path: ${folder}`, '  type: Directory', `name: ${volumeName}`]
    edits.push(addTo(text, spec, 'volumes', volumes, lines, eol))
    changes.push(`volume ${volumeName} of ${folder}`)
  } else if (isMap(volume) && volume.getIn(['hostPath', 'path']) !== folder) {
    problems.push(`the volume ${volumeName} is there and has another path than ${folder}; remove it and try again`)
  }
}

function addTo(
  text: string,
  parent: YAMLMap,
  name: string,
  list: unknown,
  lines: readonly string[],
  eol: string,
): Edit {
  if (isSeq(list) && list.flow !== true && list.items.length > 0) return appendItem(text, list, lines, eol)
  const blanks = ' '.repeat(columnOfKeys(text, parent))
  const item = lines.map((line, n) => `${blanks}${n === 0 ? '- ' : '  '}${line}`)
  const pair = parent.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === name)
  const key = pair !== undefined && isScalar(pair.key) ? pair.key.range : null
  if (key != null) {
    // `volumes: []` or `volumes:` with nothing behind it.
    const end = isSeq(list) && list.range != null ? list.range[1] : endOfLine(text, key[1])
    return { at: key[0], until: end, text: [`${name}:`, ...item].join(eol) }
  }
  const at = endOfNode(text, parent)
  return { at, until: at, text: eol + [`${blanks}${name}:`, ...item].join(eol) }
}

/** One more element behind the last of a block list, with its indentation. */
function appendItem(text: string, list: YAMLSeq, lines: readonly string[], eol: string): Edit {
  const first = list.items[0]
  const start = isMap(first) || isScalar(first) ? (first.range?.[0] ?? 0) : 0
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const blanks = ' '.repeat(text.slice(lineStart, start).lastIndexOf('-'))
  const at = endOfNode(text, list)
  return { at, until: at, text: eol + lines.map((line, n) => `${blanks}${n === 0 ? '- ' : '  '}${line}`).join(eol) }
}

function columnOfKeys(text: string, map: YAMLMap): number {
  const key = map.items[0]?.key
  const start = isScalar(key) ? (key.range?.[0] ?? 0) : 0
  return start - (text.lastIndexOf('\n', start - 1) + 1)
}

/** End of the line on which the last part of the node stands (comments on that line included, the line end not). */
function endOfNode(text: string, node: YAMLSeq | YAMLMap): number {
  let end = node.range?.[1] ?? text.length
  const last = node.items.at(-1)
  const value = isPair(last) ? last.value : last
  if (isScalar(value) && value.range != null) end = value.range[1]
  else if (isMap(value) || isSeq(value))
    return value.flow === true && value.range != null ? endOfLine(text, value.range[1]) : endOfNode(text, value)
  return endOfLine(text, end)
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  if (end < 0) return text.length
  return text[end - 1] === '\r' ? end - 1 : end
}

/** Edits in the order of their places; those at one place in the order in which they were made. */
function apply(text: string, edits: readonly Edit[]): string {
  const sorted = edits.map((edit, n) => ({ ...edit, n })).sort((a, b) => a.at - b.at || a.n - b.n)
  let result = ''
  let from = 0
  for (const { at, until, text: added } of sorted) {
    result += text.slice(from, at) + added
    from = Math.max(from, until)
  }
  return result + text.slice(from)
}

/** What the manifest says about auditing, for doctor. */
export interface ManifestFacts {
  readonly flags: ReadonlyMap<string, string>
  readonly mounts: readonly { readonly mountPath: string; readonly hostPath: string | undefined }[]
}

/** Flags and mounts of the API server, or what is wrong with the manifest. */
export function manifestFacts(text: string): ManifestFacts | string {
  const document = parseDocument(text)
  if (document.errors.length > 0) return 'the manifest is no valid YAML'
  const found = apiServerOf(document)
  if (typeof found === 'string') return found
  const volumes = found.spec.get('volumes')
  const paths = new Map<unknown, unknown>()
  if (isSeq(volumes))
    for (const item of volumes.items) if (isMap(item)) paths.set(item.get('name'), item.getIn(['hostPath', 'path']))
  const mounts = found.container.get('volumeMounts')
  const mounted = isSeq(mounts)
    ? mounts.items.flatMap((item) => {
        const mountPath = isMap(item) ? item.get('mountPath') : undefined
        const hostPath = isMap(item) ? paths.get(item.get('name')) : undefined
        return typeof mountPath === 'string'
          ? [{ mountPath, hostPath: typeof hostPath === 'string' ? hostPath : undefined }]
          : []
      })
    : []
  return { flags: new Map([...flagsOf(found.command)].map(([name, { value }]) => [name, value])), mounts: mounted }
}
