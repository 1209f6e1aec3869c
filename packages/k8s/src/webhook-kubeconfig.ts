/** The kubeconfig that tells an API server where audit events go (kubernetes.md 2, "TLS and identity"). Text out. */

export interface WebhookTarget {
  /** `host`, `host:port` or a URL; https and port 8080 where nothing is said. */
  readonly server: string
  /** Name of the cluster; becomes the path `/audit/<cluster>`. */
  readonly cluster: string
  /** CA certificate, PEM. Not used with `insecure`. */
  readonly ca?: string
  readonly credential?: WebhookCredential
  /** The recipe's form: no check of the certificate, and without a credential no path either. */
  readonly insecure?: boolean
}

export type WebhookCredential =
  | { readonly kind: 'token'; readonly token: string }
  /** PEM texts; they are put into the file. */
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }

/** Names that are safe in a path, a file name and a metric label. */
export const clusterNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

export const webhookPortDefault = 8080

/** The URL that the API server posts to; undefined when the server's address cannot be understood. */
export function webhookUrl(server: string, cluster: string, withPath: boolean): string | undefined {
  const text = /^[a-z]+:\/\//i.test(server)
    ? server
    : `https://${/^[0-9a-f]*:[0-9a-f:.]+$/i.test(server) ? `[${server}]` : server}`
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'https:' || url.hostname === '' || url.username !== '' || url.search !== '' || url.hash !== '')
    return undefined
  const authority = text.slice('https://'.length).split('/')[0] ?? ''
  const host = /:\d+$/.test(authority) ? authority : `${url.hostname}:${webhookPortDefault}`
  const path = url.pathname === '/' ? (withPath ? `/audit/${cluster}` : '') : url.pathname
  return `https://${host}${path}`
}

/** The kubeconfig as YAML. The server must be one that {@link webhookUrl} understands. */
export function webhookKubeconfig(target: WebhookTarget): string {
  const insecure = target.insecure === true
  const url = webhookUrl(target.server, target.cluster, !insecure || target.credential !== undefined) ?? target.server
  const trust = insecure
    ? '      insecure-skip-tls-verify: true'
    : `      certificate-authority-data: ${base64(target.ca ?? '')}`
  const user =
    target.credential === undefined
      ? []
      : ['users:', '  - name: kube-apiserver', '    user:', ...credentialLines(target.credential)]
  return [
    `# Where the API server sends audit events; written by dogwatch for cluster ${target.cluster}. Read at its start only.`,
    'apiVersion: v1',
    'kind: Config',
    'preferences: {}',
    'clusters:',
    '  - name: dogwatch-webhook',
    '    cluster:',
    trust,
    `      server: ${url}`,
    ...user,
    'current-context: webhook',
    'contexts:',
    '  - context:',
    '      cluster: dogwatch-webhook',
    '      user: kube-apiserver',
    '    name: webhook',
    '',
  ].join('\n')
}

function credentialLines(credential: WebhookCredential): string[] {
  if (credential.kind === 'token') return [`      token: ${JSON.stringify(credential.token)}`]
  return [
    `      client-certificate-data: ${base64(credential.certificate)}`,
    `      client-key-data: ${base64(credential.key)}`,
  ]
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** The same text with tokens and keys replaced, for screens and logs. */
export function withoutCredentials(kubeconfig: string): string {
  return kubeconfig.replace(/^(\s*(?:token|client-key-data|password):\s*)\S.*$/gm, '$1(hidden)')
}
