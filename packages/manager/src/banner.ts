/** What a person sees when the manager has started: where it listens, where its home is, and a line to try it with. */
import { randomUUID } from 'node:crypto'

export interface BannerFacts {
  readonly home: string
  readonly listening: readonly { readonly name: string; readonly address: string }[]
  /** Name or address to reach the webhook by from this machine. */
  readonly webhookHost: string
  readonly webhookPort: number | null
  /** How the default cluster proves itself. */
  readonly auth: 'token' | 'certificate' | 'none'
  readonly caPath: string
  readonly tokenPath: string
  /** Of the API's first user; told once. */
  readonly firstPassword: { readonly user: string; readonly password: string } | null
  /** Of the page, to be opened in a browser on this machine; null where there is none. */
  readonly pageAddress: string | null
  readonly now: Date
}

/** What the sample command says. */
type SampleFacts = Pick<BannerFacts, 'webhookHost' | 'auth' | 'caPath' | 'tokenPath' | 'now'> & {
  readonly webhookPort: number
}

/** The lines, without a final newline. */
export function bannerText(facts: BannerFacts): string {
  const width = Math.max(...facts.listening.map(({ name }) => name.length), 'home'.length) + 3
  const rows = [{ name: 'home', address: facts.home }, ...facts.listening]
  const lines = [
    '',
    'Dogwatch is running.',
    '',
    ...rows.map(({ name, address }) => `  ${name.padEnd(width)}${address}`),
  ]
  if (facts.pageAddress !== null) {
    lines.push(
      '',
      `Open ${facts.pageAddress} in a browser. Its certificate is signed by the home’s own authority, ${facts.caPath}:`,
      'have the browser trust that, or accept it once.',
    )
  }
  if (facts.firstPassword !== null) {
    const { user, password } = facts.firstPassword
    lines.push(
      '',
      `First user: ${user}   password: ${password}`,
      'The password is shown this once and stored only as a hash.',
    )
  }
  if (facts.webhookPort !== null) {
    const command = sampleCommand({ ...facts, webhookPort: facts.webhookPort })
    lines.push('', `${'  alerts'.padEnd(width + 2)}${facts.home}/logs/alerts/alerts.json`)
    lines.push('', 'To see it work, post a sample event (somebody creates a deployment):', '', command)
  }
  return `${lines.join('\n')}\n`
}

/** A line for a shell, that works by copy and paste. */
export function sampleCommand(facts: SampleFacts): string {
  const credentials =
    facts.auth === 'token'
      ? [`-H "Authorization: Bearer $(cat ${shellWord(facts.tokenPath)})"`]
      : facts.auth === 'certificate'
        ? ['--cert client.pem --key client.key']
        : []
  return [
    'curl -sS',
    `--cacert ${shellWord(facts.caPath)}`,
    ...credentials,
    `-H 'Content-Type: application/json'`,
    `--data ${shellWord(JSON.stringify(sampleEvent(facts.now)))}`,
    `https://${facts.webhookHost}:${facts.webhookPort}/`,
  ].join(' ')
}

/** An audit event of now, as an API server sends it. */
export function sampleEvent(now: Date): object {
  const time = now.toISOString().replace('Z', '000Z')
  return {
    kind: 'EventList',
    apiVersion: 'audit.k8s.io/v1',
    metadata: {},
    items: [
      {
        level: 'Metadata',
        auditID: randomUUID(),
        stage: 'ResponseComplete',
        requestURI: '/apis/apps/v1/namespaces/default/deployments?fieldManager=kubectl-create',
        verb: 'create',
        user: { username: 'dogwatch-sample', groups: ['system:authenticated'] },
        sourceIPs: ['192.0.2.1'],
        userAgent: 'kubectl/v1.34.1 (linux/amd64) kubernetes/sample',
        objectRef: {
          resource: 'deployments',
          namespace: 'default',
          name: 'sample',
          apiGroup: 'apps',
          apiVersion: 'v1',
        },
        responseStatus: { metadata: {}, code: 201 },
        requestReceivedTimestamp: time,
        stageTimestamp: time,
        annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
      },
    ],
  }
}

/** A word that a POSIX shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
