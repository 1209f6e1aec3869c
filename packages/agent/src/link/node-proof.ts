/**
 * Which Kubernetes node this is, and a proof of it for enrolment (contracts, part 6): a projected service-account token,
 * which names its node itself (Kubernetes 1.30), or else the node's object asked of the API server. In go the token's
 * file and the environment, out come uid and token. Nothing that fails here stops an enrolment: without proof the agent
 * is a new one.
 */
import { readFileSync } from 'node:fs'
import { get, type RequestOptions } from 'node:https'
import { join } from 'node:path'

export interface NodeProof {
  readonly nodeUid: string
  readonly token: string
}

/** Longest token, in bytes; one of the API server has about a thousand. */
const tokenLengthMax = 16_384
const answerMs = 10_000
const answerLengthMax = 1024 * 1024
/** Where every pod finds the token and the authority for the API server. */
const accountDir = '/var/run/secrets/kubernetes.io/serviceaccount'
const uidShape = /^[0-9A-Za-z-]{1,64}$/

/** Asks for the node's object. Rejects when the API server does not give it. */
export type AskNode = (name: string) => Promise<unknown>

/** The proof; null when there is no token, or nobody says which node this is. `why` then says so. */
export async function readNodeProof(
  tokenFile: string,
  nodeName: string | undefined,
  askNode: AskNode,
): Promise<{ readonly proof: NodeProof } | { readonly proof: null; readonly why: string }> {
  const none = (why: string): { proof: null; why: string } => ({ proof: null, why })
  let token: string
  try {
    token = readFileSync(tokenFile, 'utf8').trim()
  } catch (error) {
    return none(`the token cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (token.length > tokenLengthMax || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return none(`${tokenFile} is no token`)
  const told = nodeUidOf(token)
  if (told !== null) return { proof: { nodeUid: told, token } }
  if (nodeName === undefined) return none('the token does not name its node, and NODE_NAME is not set')
  try {
    const uid = textAt(await askNode(nodeName), 'metadata', 'uid')
    return uid !== null && uidShape.test(uid)
      ? { proof: { nodeUid: uid, token } }
      : none(`the node ${nodeName} has no uid`)
  } catch (error) {
    return none(`the node ${nodeName} cannot be looked up: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The node's uid in a token's claims; null when it is not there. The manager has the token reviewed, we need not. */
export function nodeUidOf(token: string): string | null {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    const uid = textAt(claims, 'kubernetes.io', 'node', 'uid')
    return uid !== null && uidShape.test(uid) ? uid : null
  } catch {
    return null
  }
}

/** Asks the API server as every pod can, where its account may read nodes. */
export function askApiServer(environment: Readonly<Record<string, string | undefined>>): AskNode {
  return async (name) => {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment
    if (host === undefined) throw new Error('this is no pod')
    const ca = readFileSync(join(accountDir, 'ca.crt'))
    const authorization = `Bearer ${readFileSync(join(accountDir, 'token'), 'utf8').trim()}`
    const path = `/api/v1/nodes/${encodeURIComponent(name)}`
    const text = await textOf({ host, port, path, ca, headers: { authorization }, timeout: answerMs })
    return JSON.parse(text)
  }
}

function textOf(options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        if (text.length > answerLengthMax) request.destroy(new Error('the answer is too long'))
      })
      response.once('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`the API server answers ${response.statusCode}`))
      })
    })
    request.once('timeout', () => request.destroy(new Error('no answer from the API server')))
    request.once('error', reject)
  })
}

function textAt(value: unknown, ...names: readonly string[]): string | null {
  let at: unknown = value
  for (const name of names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return null
    at = Object.getOwnPropertyDescriptor(at, name)?.value
  }
  return typeof at === 'string' ? at : null
}
