/** An API over a state and a store of its own, for tests: users of every role, and a way to ask. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedStore, openState, type State, type Store } from '@dogwatch/store'
import type { ApiParts } from './parts.ts'
import { hashPassword } from './password.ts'
import { roles } from './permissions.ts'
import { type Api, createApi } from './server.ts'

export interface Answer {
  readonly status: number
  // What an answer holds is what tests look at: JSON of any shape.
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers
  readonly body: any
}

export interface TestApi {
  readonly folder: string
  readonly home: string
  readonly api: Api
  readonly state: State
  readonly store: Store
  /** A token of the user who has the role of that name. */
  login(name: string): Promise<string>
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    token: string | null,
    body?: object | string,
    headers?: Record<string, string>,
  ): Promise<Answer>
  close(): Promise<void>
}

export const testPassword = 'Correct-horse-9'

export async function openTestApi(nowMs: () => number, more: Partial<ApiParts> = {}): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-api-'))
  const home = join(folder, 'home')
  mkdirSync(join(home, 'etc'), { recursive: true })
  const state = openState(join(folder, 'state.db'))
  const store = await openEmbeddedStore({
    folder: join(folder, 'store'),
    memoryMax: 128e6,
    threads: 1,
    searchMsMax: 5000,
  })
  const api = await createApi({
    tls: null,
    pageFolder: null,
    parts: {
      state,
      store: () => store,
      storeTrouble: () => null,
      storeFigures: () => null,
      agents: () => null,
      manager: { home, version: '0.1.0', uuid: 'u', status: () => ({}), counters: () => ({}) },
      rulesetFiles: () => ({ decoders: [], rules: [], lists: [] }),
      reload: async () => ({ accepted: true, problems: [] }),
      now: nowMs,
      log: () => {},
      logAlertLevel: 3,
      managerName: 'm',
      sampleCommand: () => null,
      ...more,
    },
  })
  const passwordHash = await hashPassword(testPassword)
  for (const { id, name } of roles) state.addUser({ name, passwordHash, roles: [id], createdMs: 0 })
  let address = 1
  const ask: TestApi['ask'] = async (method, url, token, body, headers = {}) => {
    const answer = await api.server.inject({
      method,
      url,
      remoteAddress: `192.0.2.${(address = (address % 250) + 1)}`,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body }),
    })
    const isJson = /json/.test(String(answer.headers['content-type']))
    return { status: answer.statusCode, body: isJson ? answer.json() : answer.body }
  }
  return {
    folder,
    home,
    api,
    state,
    store,
    async login(name) {
      const authorization = `Basic ${Buffer.from(`${name}:${testPassword}`).toString('base64')}`
      const { body } = await ask('POST', '/security/user/authenticate?raw=true', null, undefined, { authorization })
      return String(body)
    },
    ask,
    async close() {
      await api.close()
      await store.close()
      state.close()
      rmSync(folder, { recursive: true })
    },
  }
}
