import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { recipePolicy, recommendedPolicy } from './audit-policy.ts'
import { distributions, instructionsFor } from './instructions.ts'
import { runSetup, type SetupOptions, setupPaths } from './setup.ts'
import { type ManifestPatch, manifestFacts, patchManifest } from './static-pod.ts'
import { testCa } from './test-certificates.ts'
import { unifiedDiff } from './unified-diff.ts'
import { webhookKubeconfig, webhookUrl, withoutCredentials } from './webhook-kubeconfig.ts'

const manifest = `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=192.0.2.1   # by hand
    - --authorization-mode=Node,RBAC
    image: registry.k8s.io/kube-apiserver:v1.30.0
    # mounts
    volumeMounts:
    - mountPath: /etc/kubernetes/pki
      name: k8s-certs
      readOnly: true   # certificates
  hostNetwork: true
  volumes:
  - hostPath:
      path: /etc/kubernetes/pki
      type: DirectoryOrCreate
    name: k8s-certs
status: {}
`
const patch: ManifestPatch = {
  folder: '/etc/kubernetes/dogwatch',
  policyFile: '/etc/kubernetes/dogwatch/audit-policy.yaml',
  webhookFile: '/etc/kubernetes/dogwatch/audit-webhook.yaml',
  replacePolicy: false,
  replaceWebhook: false,
}

describe('the manifest', () => {
  test('gets flags, mount and volume, and keeps every other byte', () => {
    const { text, problems } = patchManifest(manifest, patch)
    expect(problems).toEqual([])
    const added = text.split('\n').filter((line) => !manifest.split('\n').includes(line))
    expect(added).toEqual([
      '    - --audit-policy-file=/etc/kubernetes/dogwatch/audit-policy.yaml',
      '    - --audit-webhook-config-file=/etc/kubernetes/dogwatch/audit-webhook.yaml',
      '    - --audit-webhook-batch-max-wait=5s',
      '    - mountPath: /etc/kubernetes/dogwatch',
      '      name: dogwatch-audit',
      '      readOnly: true',
      '      path: /etc/kubernetes/dogwatch',
      '      type: Directory',
      '    name: dogwatch-audit',
    ])
    const kept = text.split('\n')
    for (const line of manifest.split('\n')) expect(kept).toContain(line)
    const facts = manifestFacts(text)
    if (typeof facts === 'string') throw new Error(facts)
    expect(facts.flags.get('audit-policy-file')).toBe(patch.policyFile)
    expect(facts.mounts).toContainEqual({ mountPath: patch.folder, hostPath: patch.folder })
  })

  const shapes: [says: string, text: string][] = [
    ['as kubeadm writes it', manifest],
    ['with Windows line ends', manifest.replaceAll('\n', '\r\n')],
    [
      'with indented lists',
      'spec:\n    containers:\n        - name: a\n          command:\n              - /usr/bin/kube-apiserver\n              - "--x=y"\n    hostNetwork: true\n',
    ],
    ['with args', 'spec:\n  containers:\n  - name: kube-apiserver\n    args:\n    - --x=y\n'],
    [
      'with empty lists',
      'spec:\n  containers:\n  - command:\n    - kube-apiserver\n    volumeMounts: []\n  volumes: []\n',
    ],
    [
      'with lists that hold nothing',
      'spec:\n  containers:\n  - command:\n    - kube-apiserver\n    volumeMounts:\n  volumes:\n',
    ],
    ['without a line end at the end', 'spec:\n  containers:\n  - command:\n    - kube-apiserver'],
    [
      'with lists in one line',
      'spec:\n  containers:\n  - command:\n    - kube-apiserver\n    volumeMounts:\n    - {mountPath: /a, name: a}\n  volumes:\n  - {name: a, hostPath: {path: /a}}\n',
    ],
  ]
  test.each(shapes)('%s: is patched, and twice is once', (_, text) => {
    const once = patchManifest(text, patch)
    expect(once.problems).toEqual([])
    const facts = manifestFacts(once.text)
    if (typeof facts === 'string') throw new Error(facts)
    expect(Object.fromEntries(facts.flags)).toMatchObject({
      'audit-policy-file': patch.policyFile,
      'audit-webhook-config-file': patch.webhookFile,
    })
    expect(facts.mounts).toContainEqual({ mountPath: patch.folder, hostPath: patch.folder })
    const twice = patchManifest(once.text, patch)
    expect(twice.text).toBe(once.text)
    expect(twice.changes).toEqual([])
    if (text.includes('\r\n')) expect(once.text.replaceAll('\r\n', '')).not.toContain('\n')
  })

  const withFlags = (...flags: string[]) =>
    manifest.replace('    image:', `${flags.map((flag) => `    - ${flag}\n`).join('')}    image:`)

  test('keeps another policy and says so', () => {
    const { text, notes, problems, policyFile } = patchManifest(
      withFlags('--audit-policy-file=/etc/kubernetes/mine.yaml', '--audit-log-path=-'),
      patch,
    )
    expect(problems).toEqual([])
    expect(policyFile).toBe('/etc/kubernetes/mine.yaml')
    expect(text).toContain('--audit-policy-file=/etc/kubernetes/mine.yaml')
    expect(text).not.toContain(patch.policyFile)
    expect(text).toContain('--audit-log-path=-')
    expect(notes.join()).toContain('/etc/kubernetes/mine.yaml is kept')
  })

  test('replaces another policy when asked', () => {
    const { text, changes } = patchManifest(withFlags('--audit-policy-file=/etc/kubernetes/mine.yaml'), {
      ...patch,
      replacePolicy: true,
    })
    expect(text).not.toContain('mine.yaml')
    expect(changes[0]).toContain('(was /etc/kubernetes/mine.yaml)')
  })

  test('does not break another webhook', () => {
    const text = withFlags('--audit-webhook-config-file=/etc/kubernetes/falco.yaml')
    const refused = patchManifest(text, patch)
    expect(refused.text).toBe(text)
    expect(refused.problems[0]).toContain('/etc/kubernetes/falco.yaml')
    expect(patchManifest(text, { ...patch, replaceWebhook: true }).text).not.toContain('falco.yaml')
  })

  test('leaves the batching of others alone', () => {
    expect(patchManifest(withFlags('--audit-webhook-batch-max-wait=1s'), patch).text).not.toContain('=5s')
  })

  const refused: [says: string, text: string, problem: RegExp][] = [
    ['broken YAML', 'a: [', /no valid YAML/],
    ['something else', 'kind: ConfigMap\n', /no spec.containers/],
    ['another program', 'spec:\n  containers:\n  - command:\n    - etcd\n', /no container/],
    ['a command in one line', 'spec:\n  containers:\n  - command: [kube-apiserver, --x=y]\n', /one line/],
  ]
  test.each(refused)('%s: is left alone, with a reason', (_, text, problem) => {
    const result = patchManifest(text, patch)
    expect(result.text).toBe(text)
    expect(result.problems[0]).toMatch(problem)
  })
})

describe('policies', () => {
  const policies: [says: string, text: string][] = [
    ['recommended, with bodies of config maps', recommendedPolicy({ configMapBodies: true })],
    ['recommended, without', recommendedPolicy({ configMapBodies: false })],
    ['recommended, for old servers', recommendedPolicy({ configMapBodies: false, beforeVersion123: true })],
    ['of the recipe', recipePolicy()],
  ]
  test.each(policies)('%s: is a policy with a reason in front of each rule', (_, text) => {
    const policy = parse(text)
    expect(policy).toMatchObject({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy' })
    expect(policy.rules.at(-1)).toMatchObject({ level: 'Metadata' })
    const lines = text.split('\n')
    lines.forEach((line, n) => {
      if (line.startsWith('  - level')) expect(lines[n - 1]).toMatch(/^ {2}# ./)
    })
    for (const rule of policy.rules) {
      expect(['None', 'Metadata', 'Request', 'RequestResponse']).toContain(rule.level)
      expect(rule.resources !== undefined && rule.nonResourceURLs !== undefined).toBe(false)
    }
  })
})

describe('the webhook kubeconfig', () => {
  const urls: [server: string, url: string | undefined][] = [
    ['192.0.2.1', 'https://192.0.2.1:8080/audit/prod'],
    ['dogwatch.example:9443', 'https://dogwatch.example:9443/audit/prod'],
    ['https://dogwatch.example:443', 'https://dogwatch.example:443/audit/prod'],
    ['https://dogwatch.example/other', 'https://dogwatch.example:8080/other'],
    ['2001:db8::1', 'https://[2001:db8::1]:8080/audit/prod'],
    ['http://dogwatch.example', undefined],
    ['a b', undefined],
    ['', undefined],
  ]
  test.each(urls)('%s is %s', (server, url) => expect(webhookUrl(server, 'prod', true)).toBe(url))

  test('holds CA and token', () => {
    const text = webhookKubeconfig({
      server: '192.0.2.1',
      cluster: 'prod',
      ca: testCa,
      credential: { kind: 'token', token: 'a"b' },
    })
    const config = parse(text)
    expect(config.clusters[0].cluster.server).toBe('https://192.0.2.1:8080/audit/prod')
    expect(Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString()).toBe(testCa)
    expect(config.users[0].user.token).toBe('a"b')
    expect(withoutCredentials(text)).not.toContain('a\\"b')
  })

  test('holds a client certificate', () => {
    const credential = { kind: 'certificate', certificate: 'C', key: 'K' } as const
    const { user } = parse(webhookKubeconfig({ server: '192.0.2.1', cluster: 'prod', ca: testCa, credential })).users[0]
    expect(user).toEqual({ 'client-certificate-data': 'Qw==', 'client-key-data': 'Sw==' })
  })

  test('has the form of the recipe when insecure', () => {
    const config = parse(webhookKubeconfig({ server: '192.0.2.1', cluster: 'default', insecure: true }))
    expect(config).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      preferences: {},
      clusters: [
        { name: 'dogwatch-webhook', cluster: { 'insecure-skip-tls-verify': true, server: 'https://192.0.2.1:8080' } },
      ],
      'current-context': 'webhook',
      contexts: [{ context: { cluster: 'dogwatch-webhook', user: 'kube-apiserver' }, name: 'webhook' }],
    })
  })
})

describe('the diff', () => {
  const cases: [says: string, before: string, after: string, diff: string][] = [
    ['of equal texts is empty', 'a\n', 'a\n', ''],
    ['of a new file', '', 'a\nb\n', '--- x\n+++ y\n@@ -0,0 +1,2 @@\n+a\n+b\n'],
    ['of a change', 'a\nb\nc\n', 'a\nB\nc\n', '--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n'],
    [
      'without a line end',
      'a',
      'a\nb',
      '--- x\n+++ y\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n',
    ],
  ]
  test.each(cases)('%s', (_, before, after, diff) => expect(unifiedDiff(before, after, 'x', 'y')).toBe(diff))

  test('has a hunk for each place', () => {
    const before = Array.from({ length: 40 }, (_, n) => `${n}\n`)
    const after = before.with(5, 'x\n').with(30, 'y\n')
    expect(unifiedDiff(before.join(''), after.join(''), 'x', 'y').match(/^@@.*@@$/gm)).toEqual([
      '@@ -3,7 +3,7 @@',
      '@@ -28,7 +28,7 @@',
    ])
  })
})

describe('setup', () => {
  let root = ''
  const said: string[] = []
  const io = { say: (text: string) => said.push(text), now: () => new Date('2026-11-22T01:02:03Z') }
  const options = (more: Partial<SetupOptions> = {}): SetupOptions => ({
    server: '192.0.2.1',
    cluster: 'prod',
    ca: testCa,
    credential: { kind: 'token', token: 'geheim' },
    policy: 'recommended',
    configMapBodies: false,
    root,
    ...more,
  })

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'dogwatch-setup-'))
    await mkdir(join(root, 'manifests'))
    await writeFile(join(root, setupPaths.manifest), manifest, { mode: 0o600 })
    said.length = 0
  })
  afterEach(() => rm(root, { recursive: true }))

  test('writes policy, kubeconfig and manifest, and keeps the old one away from the kubelet', async () => {
    const report = await runSetup(options(), io)
    expect(report).toMatchObject({ ok: true, url: 'https://192.0.2.1:8080/audit/prod' })
    expect(report.files.map(({ state }) => state)).toEqual(['created', 'created', 'changed'])
    expect(await readdir(join(root, 'manifests'))).toEqual(['kube-apiserver.yaml'])
    expect(await readFile(report.files[2]?.backup ?? '', 'utf8')).toBe(manifest)
    expect(report.files[2]?.backup).toMatch(/dogwatch\/backup\/kube-apiserver\.yaml\./)
    expect((await stat(join(root, setupPaths.webhook))).mode & 0o777).toBe(0o600)
    expect((await stat(join(root, setupPaths.manifest))).mode & 0o777).toBe(0o600)
    expect(said.join('\n')).not.toContain('geheim')
    expect(said.join('\n')).toContain('+    - --audit-policy-file=/etc/kubernetes/dogwatch/audit-policy.yaml')
  })

  test('does nothing the second time', async () => {
    await runSetup(options(), io)
    const first = await readFile(join(root, setupPaths.manifest), 'utf8')
    const again = await runSetup(options(), io)
    expect(again.files.map(({ state }) => state)).toEqual(['unchanged', 'unchanged', 'unchanged'])
    expect(again.diff).toBe('')
    expect(await readFile(join(root, setupPaths.manifest), 'utf8')).toBe(first)
    expect((await readdir(join(root, setupPaths.backup))).length).toBe(1)
  })

  test('changes nothing on a dry run', async () => {
    const report = await runSetup(options({ dryRun: true }), io)
    expect(report.diff).toContain('+++')
    expect(await readdir(root)).toEqual(['manifests'])
    expect(await readFile(join(root, setupPaths.manifest), 'utf8')).toBe(manifest)
  })

  test('changes nothing when there is a problem', async () => {
    const other = manifest.replace('    image:', '    - --audit-webhook-config-file=/x.yaml\n    image:')
    await writeFile(join(root, setupPaths.manifest), other)
    const report = await runSetup(options(), io)
    expect(report.ok).toBe(false)
    expect(await readdir(root)).toEqual(['manifests'])
  })

  test('writes the files and prints the steps where there is no manifest', async () => {
    const report = await runSetup(options({ distribution: 'k3s' }), io)
    expect(report.ok).toBe(true)
    expect(report.files.map(({ state }) => state)).toEqual(['created', 'created'])
    expect(said.join('\n')).toContain('systemctl restart k3s')
  })

  const bad: [says: string, more: Partial<SetupOptions>, problem: RegExp][] = [
    ['a cluster name with a slash', { cluster: 'a/b' }, /cluster "a\/b"/],
    ['no address', { server: 'http://x' }, /no host/],
    ['a name of the cluster DNS', { server: 'dogwatch.ns.svc' }, /own DNS/],
    ['no CA', { ca: '' }, /no CA/],
  ]
  test.each(bad)('%s: is refused', async (_, more, problem) => {
    const report = await runSetup(options(more), io)
    expect(report.ok).toBe(false)
    expect(report.problems.join()).toMatch(problem)
    expect(await readdir(root)).toEqual(['manifests'])
  })
})

test.each(distributions.map((name) => [name]))('instructions for %s name a file or the URL', (name) => {
  const text = instructionsFor(name, {
    policyFile: '/p/audit-policy.yaml',
    webhookFile: '/p/audit-webhook.yaml',
    url: 'https://h:8080/audit/c',
  })
  expect(text).toMatch(/audit-policy|https:\/\/h:8080/)
})
